"""Cursor pages: stable under inserts, as fast on page 10,000 as on page 1."""

import base64
import binascii
from uuid import UUID

from marshmallow import fields, validate

from api.fields import Body, QueryWhole
from app.errors import invalid_field

LIMIT_MAX = 100


class PageQuery(Body):
    """`?limit=&after=`."""

    limit = QueryWhole(low=1, high=LIMIT_MAX, load_default=25, metadata={"description": "Rows in a page"})
    after = fields.String(
        validate=validate.Length(min=1, max=200), metadata={"description": "`next` of the page before"}
    )


def page_schema(item: type[Body], name: str) -> Body:
    """Return the schema of a page of `item`, named `name` in OpenAPI."""
    made = type(
        name,
        (Body,),
        {
            "__doc__": "A page: `data`, and `next` when there is more.",
            "data": fields.List(fields.Nested(item), required=True),
            "next": fields.String(metadata={"description": "Send it as `after` for the next page"}),
        },
    )
    page: Body = made()
    return page


def encode(value: str) -> str:
    """Return an opaque cursor for a value."""
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def decode(cursor: str | None) -> str | None:
    """Return the value of a cursor; raise InvalidError for any text that is none of ours."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid_field("?/after", "Not a cursor of ours: send `next` of the page before, unchanged.") from None


def encode_id(value: UUID) -> str:
    """Return the cursor behind a row with this id."""
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")


def decode_id(cursor: str | None) -> UUID | None:
    """Return the id of a cursor; raise InvalidError for any text that is none of ours."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise invalid_field("?/after", "Not a cursor of ours: send `next` of the page before, unchanged.") from None
