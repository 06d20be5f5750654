"""`/program`: the programme itself."""

from typing import Any

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Flag, Id, Instant, Text
from api.looks import Colour, HttpsUrl
from api.operation import Blueprint, Call
from app.models import Program as ProgramRow
from app.services import programs

blp = Blueprint("program", __name__, url_prefix="/v1", description="The programme itself: name, brand, currency, zone")

_REDEEM = validate.OneOf(["any", "rotating"])
_EXAMPLE = {"name": "Café Assidu", "timezone": "Europe/Paris", "brand": {"background": "#5b2333", "label": None}}


class Brand(Body):
    """A programme's colours and logo."""

    background = Colour()
    foreground = Colour()
    label = Colour()
    logo_url = HttpsUrl()


class BrandChange(Body):
    """What to change of the brand; null takes a part away."""

    background = Colour(allow_none=True)
    foreground = Colour(allow_none=True)
    label = Colour(allow_none=True)
    logo_url = HttpsUrl(allow_none=True)


class ProgramChange(Body):
    """What to change of the programme."""

    name = Text()
    slug = Text(high=63, metadata={"pattern": f"^{programs.SLUG}$"})
    currency = Text(high=3, metadata={"pattern": f"^{programs.CURRENCY}$"})
    timezone = Text(high=64, metadata={"example": "Europe/Paris"})
    locale = Text(high=20, metadata={"pattern": f"^{programs.LOCALE}$"})
    locales = fields.List(
        Text(high=20, metadata={"pattern": f"^{programs.LOCALE}$"}),
        validate=validate.Length(min=1, max=programs.LOCALES_MAX),
    )
    brand = fields.Nested(BrandChange)
    redeem_with = fields.String(validate=_REDEEM)
    redemptions_frozen = Flag()


def _frozen(row: ProgramRow) -> bool:
    return row.redemptions_frozen_at is not None


class Program(Body):
    """A programme. `redemptions_frozen` stops vouchers and burning while earning goes on."""

    id = Id("program", required=True)
    name = Text(required=True)
    slug = Text(required=True)
    currency = Text(required=True)
    timezone = Text(required=True)
    locale = Text(required=True)
    locales = fields.List(fields.String(), required=True)
    brand = fields.Nested(Brand, required=True)
    redeem_with = fields.String(required=True, validate=_REDEEM)
    redemptions_frozen = fields.Function(_frozen, required=True, metadata={"type": "boolean"})
    redemptions_frozen_at = Instant()
    created_at = Instant(required=True)


@blp.operation(
    "GET", "/program", scopes=scopes.SETUP_READ, summary="Get the programme", answer=Program(), with_etag=True
)
def get_program(call: Call) -> Any:
    """Get the caller's programme."""
    return programs.get(call.session)


@blp.operation(
    "PATCH", "/program", scopes=scopes.OWNER, summary="Change the programme", with_etag=True, problems=[409],
    body=ProgramChange(), answer=Program(), example=_EXAMPLE,
)  # fmt: skip
def change_program(call: Call) -> Any:
    """Change the fields that are given. The currency stays once anything was booked in it."""
    program = programs.hold(call.session)
    call.check_match(Program(), program)
    return programs.change(call.session, program, values=call.body)
