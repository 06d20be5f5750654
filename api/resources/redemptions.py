"""`/redemptions`: a reward for a member who is at a till or in the app."""

import json
from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import idempotent, scopes, till_answers
from api.fields import Body, Id
from api.operation import Blueprint, Call, edge
from api.principal import Principal
from api.till_schemas import CODE_MAX, VoucherOut
from app import clock
from app.db import Session
from app.errors import InvalidError
from app.services import cards, members, my_cards, redemptions, scans, tills
from app.services.happenings import check_store
from app.services.ledger import Origin

blp = Blueprint("redemptions", __name__, url_prefix="/v1", description="Rewards bought with a balance")


class RedemptionIn(Body):
    """Who redeems what, where: the card's `code`, or `member_id`."""

    code = fields.String(validate=validate.Length(min=1, max=CODE_MAX))
    member_id = Id("member")
    reward_id = Id("reward", required=True)
    store_id = Id("store", required=True)


class MyRedemptionIn(Body):
    """What the customer redeems."""

    reward_id = Id("reward", required=True)


@blp.operation(
    "POST", "/redemptions", scopes=scopes.TILL, summary="Redeem a reward", status=201, body=RedemptionIn(),
    answer=VoucherOut(), key="required", moves_value=True, problems=[404],
    example={"code": "A1" + "0" * 17, "reward_id": "rwd_" + "0" * 32, "store_id": "sto_" + "0" * 32},
)  # fmt: skip
def create_redemption(call: Call) -> Any:
    """Burn the reward's price from the member's account and give a voucher, in one transaction."""
    body = call.body
    call.principal.must_work_in(body["store_id"])
    config = call.config()
    check_store(config, body["store_id"])
    keyring = call.database.keyring
    if ("code" in body) == ("member_id" in body):
        raise InvalidError("Say who redeems.", errors=[{"pointer": "#/code", "detail": "Send `code` or `member_id`."}])
    if "code" in body:
        code = scans.read(body["code"])
        with edge().guesses.watch(call.principal, body["store_id"], body["code"]):
            found = scans.recognise(call.session, keyring, code, keys=my_cards.verifying_keys(keyring))
        scans.check_may_redeem(config.redeem_with, found)
        member = found.member
    else:
        scans.check_named_may_redeem(config.redeem_with)
        member = members.get(call.session, body["member_id"])
    voucher = redemptions.redeem(
        call.session, config, keyring, member=member, reward_id=body["reward_id"],
        origin=origin(call.principal, store_id=body["store_id"], reason="redemption"),
    )  # fmt: skip
    return tills.voucher_of(keyring, voucher)


@blp.operation(
    "POST", "/me/cards/<id(card):card_id>/redemptions", scopes=scopes.CUSTOMER, summary="Redeem a reward in the app",
    status=201, body=MyRedemptionIn(), answer=VoucherOut(), key="own", moves_value=True,
    example={"reward_id": "rwd_" + "0" * 32},
)  # fmt: skip
def create_my_redemption(call: Call, card_id: UUID) -> Any:
    """Burn the reward's price from the card's account and give a voucher, which the till then uses."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    with call.database.transaction(program_id, customer_id=customer_id) as session:
        return idempotent.once_by_header(
            session, scope=f"redemption {customer_id.hex}", work=lambda: _redeem(call, session, card_id)
        )


def _redeem(call: Call, session: Session, card_id: UUID) -> str:
    config = edge().configs.current(session)
    card = cards.get(session, card_id)
    scans.check_status(card.status)
    voucher = redemptions.redeem(
        session, config, call.database.keyring, member=members.get(session, card.member_id),
        reward_id=call.body["reward_id"], origin=Origin(occurred_at=clock.now(), reason="redemption"),
    )  # fmt: skip
    return json.dumps(till_answers.voucher(tills.voucher_of(call.database.keyring, voucher)), ensure_ascii=False)


def origin(principal: Principal, *, store_id: UUID | None, reason: str | None) -> Origin:
    """Return where a movement at a till comes from."""
    return Origin(
        occurred_at=clock.now(), store_id=store_id, staff_id=principal.staff_id, api_key_id=principal.api_key_id,
        reason=reason,
    )  # fmt: skip
