"""`/join/{slug}`: what a programme offers, and enrolling from a poster's QR code."""

from typing import Any

from flask import request
from marshmallow import fields, validate

from api import limits, scopes
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call, edge
from api.reading import read_key
from api.resources.consents import ConsentIn, statements
from api.resources.members import LOCALE_CHECK
from api.resources.wallet_credentials import WALLETS
from app.services import idempotency, joins
from app.services.attempts import Policy
from app.services.consents import CHANNELS, PURPOSES
from wallet import handing, qr

blp = Blueprint("joins", __name__, url_prefix="/v1", description="Joining a programme")

JOINS_CLIENT = Policy("joins-client", 60, 600)
"""Joinings from one client address: a shop's customers share its network on a busy opening day."""

_EXAMPLE = {
    "email": "ana@example.com",
    "first_name": "Ana",
    "locale": "fr",
    "consents": [{"channel": "push", "purpose": "offers", "granted": True, "text_version": "2026-11"}],
}


class JoinProgram(Body):
    """The programme to join."""

    id = Id("program", required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)
    currency = fields.String(required=True)
    locale = fields.String(required=True)
    locales = fields.List(fields.String(), required=True)
    brand = fields.Dict(required=True)


class JoinPurse(Body):
    """What can be collected."""

    id = Id("purse", required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    goal = fields.Integer()
    locales = fields.Dict(required=True)


class JoinReward(Body):
    """What it buys."""

    id = Id("reward", required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    purse_id = Id("purse")
    price = fields.Integer(required=True)
    locales = fields.Dict(required=True)


class JoinConsent(Body):
    """A consent to ask for; no box is ticked beforehand."""

    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))


class JoinOffer(Body):
    """What a join page shows."""

    program = fields.Nested(JoinProgram, required=True)
    purses = fields.List(fields.Nested(JoinPurse), required=True)
    rewards = fields.List(fields.Nested(JoinReward), required=True)
    consents = fields.List(fields.Nested(JoinConsent), required=True)


class JoinIn(Body):
    """Who joins; everything is optional, a contact lets the card be found again."""

    email = Text(high=320, metadata={"format": "email"})
    phone = Text(high=40)
    first_name = Text(high=100)
    last_name = Text(high=100)
    birth_on = fields.Date()
    locale = fields.String(validate=LOCALE_CHECK)
    referral_code = Text(high=64)
    consents = fields.List(fields.Nested(ConsentIn), validate=validate.Length(max=20))


class JoinedMember(Body):
    """The new member."""

    id = Id("member", required=True)
    first_name = fields.String()


class JoinedCard(Body):
    """The card to show at once: `code` is what its QR code says, `qr_svg` its picture."""

    id = Id("card", required=True, attribute="card.id")
    number = fields.String(required=True, attribute="card.number")
    code = fields.String(required=True)
    qr_svg = fields.String(required=True, metadata={"description": "The QR code of `code`, as an SVG document"})


class JoinedWallet(Body):
    """A page that puts the card into a phone's wallet: it works once, for ten minutes, by a press of its button."""

    platform = fields.String(required=True, validate=validate.OneOf(WALLETS))
    url = fields.String(required=True, metadata={"format": "uri"})
    expires_at = Instant(required=True)


class Joined(Body):
    """A new member with a card."""

    program = fields.Nested(JoinProgram, required=True)
    member = fields.Nested(JoinedMember, required=True)
    card = fields.Nested(JoinedCard, required=True)
    wallets = fields.List(
        fields.Nested(JoinedWallet), required=True, metadata={"description": "One for each wallet that is set up"}
    )


@blp.operation(
    "GET", "/join/<slug>", scopes=scopes.PUBLIC, summary="Get what a programme offers", answer=JoinOffer(),
    program="own",
)  # fmt: skip
def get_join_offer(call: Call, slug: str) -> Any:
    """Get what a join page shows: the brand, what is collected, what it buys, which consents to ask for."""
    with call.database.transaction(joins.program_of(call.database, slug)) as session:
        return joins.offer(session)


@blp.operation(
    "POST", "/join/<slug>", scopes=scopes.PUBLIC, summary="Join a programme", status=201, body=JoinIn(),
    answer=Joined(), example=_EXAMPLE, problems=[401, 409, 429], program="own",
)  # fmt: skip
def join_program(call: Call, slug: str) -> Any:
    """Join and get a card to show at once.

    With a customer's access token the card is in their app too. A contact that is a member's already is answered 409
    `already-member`: sign in with a one-time code. An `Idempotency-Key` of 16 characters or more, chosen by chance,
    makes a repeat answer with the same card. Without a token the contact is unproved until somebody signs in with it;
    when that is more than a day later, signing in replaces the card.
    """
    limits.check_client(call.database, JOINS_CLIENT)
    program_id = joins.program_of(call.database, slug)
    caller = edge().authenticate(request.headers.get("Authorization"))
    repeat = _repeat(call)
    said = statements(call.body.pop("consents", None))
    with call.database.transaction(program_id, customer_id=caller.id if caller.kind == "customer" else None) as session:
        made = joins.join(session, call.database.keyring, statements=said, repeat=repeat, **call.body)
        wallets = handing.links(session, call.database.settings, made.card)
    return {"program": made.program, "member": made.member, "card": _card(made), "wallets": wallets}


def _card(made: joins.Joined) -> dict[str, Any]:
    return {"card": made.card, "code": made.code, "qr_svg": qr.svg(made.code)}


def _repeat(call: Call) -> tuple[str, bytes] | None:
    key = read_key(required=False)
    if key is None:
        return None
    return key, idempotency.fingerprint(request.path, repr(sorted(call.body.items())))
