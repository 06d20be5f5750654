"""`/stores`: the places of a programme."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app.services import stores

blp = Blueprint("stores", __name__, url_prefix="/v1", description="Places of a programme: shops and web shops")

_KIND = validate.OneOf(["shop", "web"])
_EXAMPLE = {"name": "Café Assidu Bastille", "kind": "shop", "address": "3 rue de la Roquette, Paris"}


class StoreIn(Body):
    """A store to open."""

    name = Text(required=True)
    partner_id = Id("partner")
    kind = fields.String(load_default="shop", validate=_KIND)
    address = Text(high=400)


class StoreChange(Body):
    """What to change of a store."""

    name = Text()
    partner_id = Id("partner")
    kind = fields.String(validate=_KIND)
    address = Text(high=400)


class Store(Body):
    """A store."""

    id = Id("store", required=True)
    name = Text(required=True)
    partner_id = Id("partner", required=True)
    kind = fields.String(required=True, validate=_KIND)
    address = Text(high=400)
    created_at = Instant(required=True)
    archived_at = Instant(metadata={"description": "Since when it is closed"})


@blp.operation(
    "GET", "/stores", scopes=scopes.SETUP_READ, summary="List the stores",
    query=PageQuery(), answer=page_schema(Store, "StorePage"),
)  # fmt: skip
def list_stores(call: Call) -> Any:
    """List the stores that are open, oldest first."""
    limit = call.query["limit"]
    rows = stores.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/stores", scopes=scopes.OWNER, summary="Open a store", status=201,
    body=StoreIn(), answer=Store(), example=_EXAMPLE,
)  # fmt: skip
def create_store(call: Call) -> Any:
    """Open a store of a partner; without `partner_id`, of the programme's only one."""
    return stores.create(call.session, **call.body)


@blp.operation("GET", "/stores/<id(store):store_id>", scopes=scopes.SETUP_READ, summary="Get a store", answer=Store())
def get_store(call: Call, store_id: UUID) -> Any:
    """Get a store."""
    return stores.get(call.session, store_id)


@blp.operation(
    "PATCH", "/stores/<id(store):store_id>", scopes=scopes.OWNER, summary="Change a store",
    body=StoreChange(), answer=Store(), example={"name": "Café Assidu Bastille"},
)  # fmt: skip
def change_store(call: Call, store_id: UUID) -> Any:
    """Change the fields that are given."""
    return stores.change(call.session, stores.get(call.session, store_id), values=call.body)


@blp.operation("DELETE", "/stores/<id(store):store_id>", scopes=scopes.OWNER, summary="Close a store", status=204)
def delete_store(call: Call, store_id: UUID) -> None:
    """Close a store: what happened there stays, nothing new does."""
    stores.archive(call.session, stores.get(call.session, store_id))
