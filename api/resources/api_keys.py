"""`/api-keys`: how tills and servers call."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app import ids
from app.models import ApiKey as ApiKeyRow
from app.services import api_keys, audits

blp = Blueprint("api_keys", __name__, url_prefix="/v1", description="Keys of tills and servers")

_SCOPE = validate.OneOf(scopes.API_KEY_SCOPES)
_SCOPES = {"description": "`till`: scan and redeem; `members`: find and enrol; `setup`: set the programme up"}


class ApiKeyIn(Body):
    """A key to make."""

    name = Text(required=True)
    scopes = fields.List(
        fields.String(validate=_SCOPE), required=True, validate=validate.Length(min=1, max=3), metadata=_SCOPES
    )
    store_id = Id("store", metadata={"description": "The only store that the key works in; absent: all"})


class ApiKeyChange(Body):
    """What to change of a key; null as `store_id` lets it work in all stores."""

    name = Text()
    scopes = fields.List(fields.String(validate=_SCOPE), validate=validate.Length(min=1, max=3), metadata=_SCOPES)
    store_id = Id("store", allow_none=True)


class ApiKey(Body):
    """A key, of which only the last four letters are shown."""

    id = Id("api_key", required=True)
    name = Text(required=True)
    scopes = fields.List(fields.String(validate=_SCOPE), required=True, metadata=_SCOPES)
    store_id = Id("store")
    hint = fields.String(required=True, metadata={"description": "Its last four letters"})
    created_at = Instant(required=True)


class NewApiKey(ApiKey):
    """A key that was just made: the only time that it is shown."""

    key = fields.String(required=True, metadata={"description": "`ask_live_…`; keep it, it is shown once"})


def _audit(call: Call, action: str, row: ApiKeyRow) -> None:
    audits.record(
        call.session, action=action, subject=ids.show("api_key", row.id), data={"scopes": row.scopes},
        staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id,
    )  # fmt: skip


@blp.operation(
    "GET", "/api-keys", scopes=scopes.OWNER_IN_PERSON, summary="List the API keys",
    query=PageQuery(), answer=page_schema(ApiKey, "ApiKeyPage"),
)  # fmt: skip
def list_api_keys(call: Call) -> Any:
    """List the keys that work, oldest first."""
    limit = call.query["limit"]
    rows = api_keys.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/api-keys", scopes=scopes.OWNER_IN_PERSON, summary="Make an API key", status=201, key="ignored",
    body=ApiKeyIn(), answer=NewApiKey(), example={"name": "Till at Bastille", "scopes": ["till"]},
)  # fmt: skip
def create_api_key(call: Call) -> Any:
    """Make a key and show it this once. Two keys may live side by side, so that one can be replaced at leisure.

    The answer is not kept under an `Idempotency-Key`: it would keep the secret.
    """
    row, key = api_keys.create(call.session, **call.body)
    _audit(call, "api_key.made", row)
    return {
        "id": row.id, "name": row.name, "scopes": row.scopes, "store_id": row.store_id, "hint": row.hint,
        "created_at": row.created_at, "key": key,
    }  # fmt: skip


@blp.operation(
    "GET", "/api-keys/<id(api_key):api_key_id>", scopes=scopes.OWNER_IN_PERSON, summary="Get an API key",
    answer=ApiKey(),
)  # fmt: skip
def get_api_key(call: Call, api_key_id: UUID) -> Any:
    """Get a key that works, without its secret."""
    return api_keys.get(call.session, api_key_id)


@blp.operation(
    "PATCH", "/api-keys/<id(api_key):api_key_id>", scopes=scopes.OWNER_IN_PERSON, summary="Change an API key",
    body=ApiKeyChange(), answer=ApiKey(), example={"name": "Till at Nation"},
)  # fmt: skip
def change_api_key(call: Call, api_key_id: UUID) -> Any:
    """Change the key's name, what it may do or where; every process knows within five seconds. The key stays."""
    row = api_keys.change(call.session, api_keys.get(call.session, api_key_id), values=call.body)
    _audit(call, "api_key.changed", row)
    return row


@blp.operation(
    "DELETE", "/api-keys/<id(api_key):api_key_id>", scopes=scopes.OWNER_IN_PERSON, summary="Revoke an API key",
    status=204,
)  # fmt: skip
def delete_api_key(call: Call, api_key_id: UUID) -> None:
    """Revoke the key; every process refuses it within five seconds."""
    row = api_keys.get(call.session, api_key_id)
    api_keys.revoke(row)
    _audit(call, "api_key.revoked", row)
