"""`/accounts` and `/holds`: value moved by hand at a till."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, OptionalBody, Text, Whole
from api.operation import Blueprint, Call
from api.resources.redemptions import origin
from api.till_schemas import EntryBrief
from app import clock, ids
from app.money import AMOUNT_MAX
from app.services import accounts, audits, holdings, ledger, payments
from app.services.happenings import check_store

blp = Blueprint("accounts", __name__, url_prefix="/v1", description="Paying with a balance, corrections, holds")


class BurnIn(Body):
    """What is paid, in the account's unit."""

    amount = Whole(required=True, low=1)
    store_id = Id("store", required=True)
    reason = Text(load_default="payment", high=200)


class AdjustIn(Body):
    """A correction, up or down."""

    amount = Whole(required=True, low=-AMOUNT_MAX)
    reason = Text(required=True, high=200)


class HoldIn(Body):
    """What is reserved, and for how long."""

    amount = Whole(required=True, low=1)
    store_id = Id("store", required=True)
    seconds = Whole(low=1, high=payments.HOLD_SECONDS_MAX, load_default=900)


class CaptureIn(OptionalBody):
    """How much of the hold is paid: all of it without `amount`."""

    amount = Whole(low=1)


class HoldOut(Body):
    """A hold."""

    id = Id("hold", required=True)
    account_id = Id("account", required=True)
    amount = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["held", "captured", "voided", "expired"]))
    expires_at = Instant(required=True)


_ACCOUNT = "/accounts/<id(account):account_id>"
_HOLD = "/holds/<id(hold):hold_id>"
_STORE = "sto_" + "0" * 32


class AccountQuery(Body):
    """As of when."""

    at = Instant(metadata={"description": "The balance as it was recorded at this instant, instead of now"})


class AccountBalance(Body):
    """An account's balance at an instant."""

    id = Id("account", required=True)
    member_id = Id("member", required=True)
    purse_id = Id("purse", required=True)
    at = Instant(required=True)
    balance = fields.Integer(required=True)


@blp.operation(
    "GET", _ACCOUNT, scopes=scopes.MEMBERS, summary="Get a balance, now or at a past instant",
    query=AccountQuery(), answer=AccountBalance(),
)  # fmt: skip
def get_account(call: Call, account_id: UUID) -> Any:
    """Get an account's balance as the books say it now, or as they said it at any instant."""
    account = accounts.get(call.session, account_id)
    at = call.query.get("at")
    balance = holdings.balance_of(call.session, account) if at is None else ledger.balance_at(call.session, account, at)
    return {
        "id": account.id, "member_id": account.member_id, "purse_id": account.purse_id,
        "at": at or clock.now(), "balance": balance,
    }  # fmt: skip


@blp.operation(
    "POST", f"{_ACCOUNT}/burn", scopes=scopes.TILL, summary="Pay with a balance", status=201, body=BurnIn(),
    answer=EntryBrief(), key="required", moves_value=True,
    example={"amount": 500, "store_id": _STORE, "reason": "payment"},
)  # fmt: skip
def burn_account(call: Call, account_id: UUID) -> Any:
    """Take value from an account, the lots that expire first; cash-back pays like money."""
    body = call.body
    call.principal.must_work_in(body["store_id"])
    config = call.config()
    check_store(config, body["store_id"])
    source = origin(call.principal, store_id=body["store_id"], reason=body["reason"])
    return payments.burn(call.session, config, account_id=account_id, amount=body["amount"], origin=source)


@blp.operation(
    "POST", f"{_ACCOUNT}/adjust", scopes=scopes.OWNER, summary="Correct a balance", status=201, body=AdjustIn(),
    answer=EntryBrief(), key="required", moves_value=True, example={"amount": 10, "reason": "goodwill"},
)  # fmt: skip
def adjust_account(call: Call, account_id: UUID) -> Any:
    """Post a correction with its reason; it is audited."""
    source = origin(call.principal, store_id=None, reason=call.body["reason"])
    entry = payments.adjust(
        call.session, call.config(), account_id=account_id, amount=call.body["amount"], origin=source
    )
    audits.record(
        call.session, action="account.adjusted", subject=ids.show("account", account_id),
        staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id,
        data={"amount": entry.amount, "reason": entry.reason},
    )  # fmt: skip
    return entry


@blp.operation(
    "POST", f"{_ACCOUNT}/holds", scopes=scopes.TILL, summary="Reserve a balance", status=201, body=HoldIn(),
    answer=HoldOut(), key="required", moves_value=True, example={"amount": 500, "store_id": _STORE},
)  # fmt: skip
def create_hold(call: Call, account_id: UUID) -> Any:
    """Reserve value while a sale is open; it is free again when the hold is let go or too old."""
    body = call.body
    call.principal.must_work_in(body["store_id"])
    config = call.config()
    check_store(config, body["store_id"])
    return payments.hold(
        call.session, config, account_id=account_id, amount=body["amount"], seconds=body["seconds"],
        store_id=body["store_id"],
    )  # fmt: skip


@blp.operation(
    "POST", f"{_HOLD}/capture", scopes=scopes.TILL, summary="Pay what is reserved", status=201, body=CaptureIn(),
    answer=EntryBrief(), key="required", moves_value=True, example={"amount": 450},
)  # fmt: skip
def capture_hold(call: Call, hold_id: UUID) -> Any:
    """Pay up to what the hold reserves; the rest is free again."""
    made = payments.get_hold(call.session, hold_id)
    source = origin(call.principal, store_id=made.store_id, reason="capture")
    return payments.capture(call.session, call.config(), made, amount=call.body.get("amount"), origin=source)


@blp.operation("POST", f"{_HOLD}/void", scopes=scopes.TILL, summary="Let a hold go", answer=HoldOut(), problems=[409])
def void_hold(call: Call, hold_id: UUID) -> Any:
    """Let what is reserved go."""
    return payments.void(call.session, call.config(), payments.get_hold(call.session, hold_id))
