"""`/partners`: the merchants of a programme."""

from typing import Any
from uuid import UUID

from api import scopes
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app.services import partners

blp = Blueprint("partners", __name__, url_prefix="/v1", description="Merchants that take part in a programme")

_EXAMPLE = {"name": "Librairie du Port"}


class PartnerIn(Body):
    """A merchant that takes part, or its new name."""

    name = Text(required=True)


class Partner(Body):
    """A merchant that takes part; `archived_at` says since when no longer."""

    id = Id("partner", required=True)
    name = Text(required=True)
    created_at = Instant(required=True)
    archived_at = Instant()


@blp.operation(
    "GET", "/partners", scopes=scopes.SETUP_READ, summary="List the partners",
    query=PageQuery(), answer=page_schema(Partner, "PartnerPage"),
)  # fmt: skip
def list_partners(call: Call) -> Any:
    """List the merchants that take part, oldest first."""
    limit = call.query["limit"]
    rows = partners.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/partners", scopes=scopes.OWNER, summary="Add a partner", status=201,
    body=PartnerIn(), answer=Partner(), example=_EXAMPLE,
)  # fmt: skip
def create_partner(call: Call) -> Any:
    """Let a merchant take part."""
    return partners.create(call.session, **call.body)


@blp.operation(
    "GET", "/partners/<id(partner):partner_id>", scopes=scopes.SETUP_READ, summary="Get a partner", answer=Partner()
)
def get_partner(call: Call, partner_id: UUID) -> Any:
    """Get a partner, also one that left."""
    return partners.get(call.session, partner_id)


@blp.operation(
    "PATCH", "/partners/<id(partner):partner_id>", scopes=scopes.OWNER, summary="Rename a partner",
    body=PartnerIn(), answer=Partner(), example=_EXAMPLE,
)  # fmt: skip
def change_partner(call: Call, partner_id: UUID) -> Any:
    """Give a partner another name."""
    return partners.rename(call.session, partners.get(call.session, partner_id), **call.body)


@blp.operation(
    "DELETE", "/partners/<id(partner):partner_id>", scopes=scopes.OWNER, summary="Remove a partner", status=204,
    problems=[409],
)  # fmt: skip
def delete_partner(call: Call, partner_id: UUID) -> None:
    """Let a partner leave, once its stores are closed and its purses and rewards archived."""
    partners.archive(call.session, partners.get(call.session, partner_id))
