"""`/me/consents`: what a customer allows each programme."""

from typing import Any

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Flag, Id, Instant, Text
from api.operation import Blueprint, Call
from app.services import consents, members, my_cards
from app.services.consents import CHANNELS, PURPOSES, Statement

blp = Blueprint("consents", __name__, url_prefix="/v1", description="What people allow, by channel and purpose")

_EXAMPLE = [{"channel": "push", "purpose": "offers", "granted": True, "text_version": "2026-11"}]


class ConsentIn(Body):
    """A statement about one channel and purpose."""

    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    granted = Flag(required=True)
    text_version = Text(high=50, metadata={"description": "Which text the person was shown"})


class Consent(Body):
    """What counts now about one channel and purpose; what was never spoken of is not allowed."""

    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    granted = Flag(required=True)
    source = fields.String(
        required=True, metadata={"description": "Where it was said: app, join, staff, api, unsubscribe, paper …"}
    )
    text_version = fields.String()
    recorded_at = Instant(required=True, attribute="created_at")


class ConsentsIn(Body):
    """What to say about one card's programme."""

    card_id = Id("card", required=True)
    consents = fields.List(fields.Nested(ConsentIn), required=True, validate=validate.Length(min=1, max=20))


class ConsentsProgram(Body):
    """The programme that is allowed or not."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)


class MyConsent(Body):
    """A consent as it is kept."""

    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    granted = Flag(required=True)
    source = fields.String(required=True)
    text_version = fields.String()
    recorded_at = fields.String(required=True, metadata={"format": "date-time"})


class CardConsents(Body):
    """What is allowed one card's programme."""

    card_id = fields.String(required=True)
    program = fields.Nested(ConsentsProgram, required=True)
    consents = fields.List(fields.Nested(MyConsent), required=True)


class MyConsents(Body):
    """What a customer allows, card by card."""

    data = fields.List(fields.Nested(CardConsents), required=True)


def statements(given: list[dict[str, Any]] | None) -> list[Statement]:
    """Return the statements of a request's body."""
    return [Statement(**one) for one in given or []]


@blp.operation(
    "GET", "/me/consents", scopes=scopes.CUSTOMER, summary="Get my consents", answer=MyConsents(),
)  # fmt: skip
def get_my_consents(call: Call) -> Any:
    """Get what counts now, for each card's programme."""
    return {"data": consents.of_customer(call.session, call.principal.customer_id)}


@blp.operation(
    "PUT", "/me/consents", scopes=scopes.CUSTOMER, summary="Say what I allow", body=ConsentsIn(), answer=MyConsents(),
    program="none", problems=[404], example={"card_id": "crd_" + "0" * 32, "consents": _EXAMPLE},
)  # fmt: skip
def put_my_consents(call: Call) -> Any:
    """Say what the programme of a card may do; what is not named stays, and every statement is kept as proof."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, call.body["card_id"])
    with call.database.transaction(program_id, customer_id=customer_id) as session:
        member = members.of_customer(session, customer_id)
        consents.record(session, member.id, statements(call.body["consents"]), source="app")
    return {"data": consents.of_customer(call.session, customer_id)}
