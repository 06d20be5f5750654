"""`/members/{id}/…`: what a member holds and what happened, page by page, newest first."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode, decode_id, encode, encode_id, page_schema
from api.resources.deliveries import Delivery
from api.resources.members import MemberAccount
from app.db import Session
from app.models import Activity
from app.services import deliveries, histories, holdings, members, programs, vouchers
from app.services.deliveries import Wanted
from app.services.histories import Position

blp = Blueprint("member_histories", __name__, url_prefix="/v1", description="What members hold and what happened")

_BASE = "/members/<id(member):member_id>"


class MemberAccounts(Body):
    """A member's accounts."""

    data = fields.List(fields.Nested(MemberAccount), required=True)


class MemberEntry(Body):
    """One movement on an account; `why` is how it came about, step by step."""

    id = Id("entry", required=True, attribute="entry.id")
    account_id = Id("account", required=True, attribute="entry.account_id")
    purse_id = Id("purse", required=True, attribute="account.purse_id")
    kind = fields.String(required=True, attribute="entry.kind")
    amount = fields.Integer(required=True, attribute="entry.amount")
    balance_after = fields.Integer(required=True, attribute="entry.balance_after")
    occurred_at = Instant(required=True, attribute="entry.occurred_at")
    recorded_at = Instant(required=True, attribute="entry.recorded_at")
    activity_id = Id("activity", attribute="entry.activity_id")
    rule_id = Id("rule", attribute="entry.rule_id")
    store_id = Id("store", attribute="entry.store_id")
    reverses_entry_id = Id("entry", attribute="entry.reverses_entry_id")
    reason = fields.String(attribute="entry.reason")
    why = fields.Raw(attribute="entry.steps", metadata={"type": "object"})


class ActivityAmount(Body):
    """Money that was spent, in minor units."""

    amount = fields.Integer(required=True)
    currency = fields.String(required=True)


class MemberActivity(Body):
    """What a member did."""

    id = Id("activity", required=True, attribute="row.id")
    kind = fields.String(required=True, attribute="row.kind")
    occurred_at = Instant(required=True, attribute="row.occurred_at")
    recorded_at = Instant(required=True, attribute="row.recorded_at")
    amount = fields.Nested(ActivityAmount)
    items = fields.List(fields.Dict(), attribute="row.items")
    receipt = fields.String(attribute="row.receipt")
    card_id = Id("card", attribute="row.card_id")
    store_id = Id("store", attribute="row.store_id")
    partner_id = Id("partner", attribute="row.partner_id")
    offline = fields.Boolean(attribute="row.offline")
    reverses_activity_id = Id("activity", attribute="row.reverses_activity_id")
    reason = fields.String(attribute="row.reason")


class MemberVoucher(Body):
    """A voucher; its code is shown while it can be used."""

    id = Id("voucher", required=True, attribute="row.id")
    reward_id = Id("reward", required=True, attribute="row.reward_id")
    name = fields.String(required=True, attribute="row.name")
    status = fields.String(required=True, attribute="row.status")
    code = fields.String()
    issued_at = Instant(required=True, attribute="row.issued_at")
    valid_until = Instant(attribute="row.valid_until")
    used_at = Instant(attribute="row.used_at")
    used_store_id = Id("store", attribute="row.used_store_id")
    void_reason = fields.String(attribute="row.void_reason")


class MemberVouchersQuery(PageQuery):
    """`?status=&limit=&after=`."""

    status = fields.String(validate=validate.OneOf(["issued", "used", "expired", "void"]))


class MemberDelivery(Delivery):
    """One message to the member by one channel; `state` is `status` by its older name."""

    state = fields.String(dump_only=True, attribute="status")


@blp.operation(
    "GET", f"{_BASE}/accounts", scopes=scopes.MEMBERS, summary="List a member's accounts", answer=MemberAccounts(),
)  # fmt: skip
def list_member_accounts(call: Call, member_id: UUID) -> Any:
    """List what the member holds, without what has run out."""
    member = members.get(call.session, member_id)
    return {"data": holdings.of_members(call.session, [member.id])[member.id]}


@blp.operation(
    "GET", f"{_BASE}/entries", scopes=scopes.MEMBERS, summary="List a member's entries", query=PageQuery(),
    answer=page_schema(MemberEntry, "MemberEntryPage"),
)  # fmt: skip
def list_member_entries(call: Call, member_id: UUID) -> Any:
    """List the movements on all accounts of the member, newest first."""
    return entry_page(call.session, members.get(call.session, member_id).id, call.query)


@blp.operation(
    "GET", f"{_BASE}/activities", scopes=scopes.MEMBERS, summary="List a member's activities", query=PageQuery(),
    answer=page_schema(MemberActivity, "MemberActivityPage"),
)  # fmt: skip
def list_member_activities(call: Call, member_id: UUID) -> Any:
    """List what the member did, newest first by recording."""
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    member = members.get(call.session, member_id)
    page = page_of(
        histories.activities(call.session, member.id, limit=limit, after=after), limit, lambda row: encode_id(row.id)
    )
    currency = programs.get(call.session).currency
    return {**page, "data": [_activity(row, currency) for row in page["data"]]}


@blp.operation(
    "GET", f"{_BASE}/vouchers", scopes=scopes.MEMBERS, summary="List a member's vouchers", query=MemberVouchersQuery(),
    answer=page_schema(MemberVoucher, "MemberVoucherPage"),
)  # fmt: skip
def list_member_vouchers(call: Call, member_id: UUID) -> Any:
    """List what the member received, newest first."""
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    member = members.get(call.session, member_id)
    rows = histories.vouchers(call.session, member.id, limit=limit, after=after, status=call.query.get("status"))
    page = page_of(rows, limit, lambda row: encode_id(row.id))
    keyring = call.database.keyring
    shown = [
        {"row": row, "code": vouchers.code_of(keyring, row) if row.status == "issued" else None} for row in page["data"]
    ]
    return {**page, "data": shown}


@blp.operation(
    "GET", f"{_BASE}/deliveries", scopes=scopes.MEMBERS_ALL, summary="List the messages to a member", query=PageQuery(),
    answer=page_schema(MemberDelivery, "MemberDeliveryPage"),
)  # fmt: skip
def list_member_deliveries(call: Call, member_id: UUID) -> Any:
    """List messages to the member, of events and of campaigns, and what became of them, newest first."""
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    member = members.get(call.session, member_id)
    rows = deliveries.page(call.session, Wanted(member_id=member.id), limit=limit, after=after)
    return page_of(rows, limit, lambda row: encode_id(row.id))


def entry_page(session: Session, member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the member's entries as the body of an answer."""
    after = Position.read(decode(query.get("after")))
    rows, reached = histories.entries(session, member_id, limit=query["limit"], after=after)
    data = [{"entry": entry, "account": account} for entry, account in rows]
    return {"data": data, "next": encode(str(reached)) if reached else None}


def _activity(row: Activity, currency: str) -> dict[str, Any]:
    amount = None if row.amount is None else {"amount": row.amount, "currency": currency}
    return {"row": row, "amount": amount}
