"""`/me/inbox`: the messages of all the customer's programmes."""

from typing import Any
from uuid import UUID

from marshmallow import fields

from api import scopes
from api.fields import Body, Id, Instant
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app.services import inbox

blp = Blueprint("inbox", __name__, url_prefix="/v1", description="The customer's messages")


class InboxMessage(Body):
    """A message; `data` says what it is about."""

    id = Id("delivery", required=True)
    program_id = Id("program", required=True)
    program_name = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    body = fields.String(required=True)
    data = fields.Dict(required=True)
    sent_at = Instant(required=True)
    opened_at = Instant()


@blp.operation(
    "GET", "/me/inbox", scopes=scopes.CUSTOMER, summary="List my messages", query=PageQuery(),
    answer=page_schema(InboxMessage, "InboxPage"),
)  # fmt: skip
def list_my_inbox(call: Call) -> Any:
    """List the messages of all programmes, newest first."""
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    rows = inbox.page(call.session, call.database, call.principal.customer_id, limit=limit, after=after)
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/me/inbox/<id(delivery):delivery_id>/open", scopes=scopes.CUSTOMER, summary="Note that I opened a message",
    status=204, program="own",
)  # fmt: skip
def open_my_message(call: Call, delivery_id: UUID) -> None:
    """Note that a message was opened, be it in the inbox or on the phone's screen; the first time counts."""
    inbox.open_message(call.database, call.principal.customer_id, delivery_id)
