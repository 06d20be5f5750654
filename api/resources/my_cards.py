"""`/me/cards`: the customer's cards over all programmes, and what a phone keeps to show their codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate

from api import limits, scopes
from api.endings import at_end
from api.fields import Body, Id, QueryWhole
from api.operation import Blueprint, Call, edge
from api.pagination import PageQuery, page_schema
from api.resources.cards import Card, CardCode, CodeQuery, code_body, shown_code, svg_of
from api.resources.member_histories import MemberEntry, entry_page
from app import ids
from app.db import Session
from app.services import cards, members, my_cards
from app.services.attempts import Policy

blp = Blueprint("my_cards", __name__, url_prefix="/v1", description="The customer's app")

_CARD = "/me/cards/<id(card):card_id>"

REPLACEMENTS_CUSTOMER = Policy("card-replacements", 10, 86_400)
"""Cards that one customer replaces: each leaves a row behind for good."""


class MyProgram(Body):
    """Whose card it is."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)
    currency = fields.String(required=True)
    timezone = fields.String(required=True)
    locale = fields.String(required=True)
    brand = fields.Dict(required=True)


class MyMembership(Body):
    """The customer as the programme's member."""

    id = fields.String(required=True)
    first_name = fields.String()
    joined_at = fields.String(required=True, metadata={"format": "date-time"})


class MyAccount(Body):
    """What the card holds in one purse."""

    id = fields.String(required=True)
    purse_id = fields.String(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["points", "stamps", "money"]))
    balance = fields.Integer(required=True)
    pending = fields.Integer(required=True)
    goal = fields.Integer()


class MyVoucher(Body):
    """A voucher that can be used now."""

    id = fields.String(required=True)
    reward_id = fields.String(required=True)
    name = fields.String(required=True)
    status = fields.String(required=True)
    code = fields.String(required=True)
    issued_at = fields.String(required=True, metadata={"format": "date-time"})
    valid_until = fields.String(metadata={"format": "date-time"})


class MyCardBrief(Body):
    """What names a card."""

    id = fields.String(required=True)
    number = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["active", "blocked"]))


class MyCard(MyCardBrief):
    """A card with its programme, balances and open vouchers; `card` says again what names it."""

    card = fields.Nested(MyCardBrief, required=True)
    program = fields.Nested(MyProgram, required=True)
    member = fields.Nested(MyMembership, required=True)
    accounts = fields.List(fields.Nested(MyAccount), required=True)
    vouchers = fields.List(fields.Nested(MyVoucher), required=True)


class MyCards(Body):
    """The customer's cards."""

    data = fields.List(fields.Nested(MyCard), required=True)


class CodeSeed(Body):
    """What a phone needs to show rotating codes without network: RFC 6238 with these parameters."""

    card_id = Id("card", required=True)
    token = fields.String(required=True)
    totp_key = fields.String(required=True, metadata={"description": "20 bytes in base 32 (RFC 4648)"})
    algorithm = fields.String(required=True, validate=validate.OneOf(["SHA1"]))
    digits = fields.Integer(required=True)
    period = fields.Integer(required=True, metadata={"description": "Seconds"})
    format = fields.String(required=True, metadata={"example": "A2{token}:{totp}:{unix}"})
    server_time = fields.Integer(required=True, metadata={"description": "Unix seconds, to set the phone's offset by"})


class OfflineCodesQuery(Body):
    """`?hours=`."""

    hours = QueryWhole(low=1, high=my_cards.HOURS_MAX, load_default=2)


class OfflineCodes(Body):
    """Signed codes to keep, one a minute."""

    data = fields.List(fields.Nested(CardCode), required=True)


@blp.operation("GET", "/me/cards", scopes=scopes.CUSTOMER, summary="List my cards", answer=MyCards(), program="own")
def list_my_cards(call: Call) -> Any:
    """List the customer's cards over all programmes, the oldest first, with balances and open vouchers."""
    # It is JSON text already, in this shape: going through the schema would cost more than the query.
    cards_text = edge().card_reader.of_customer(call.principal.customer_id, at_end)
    return Response(f'{{"data":{cards_text}}}', mimetype="application/json")


@blp.operation(
    "GET", f"{_CARD}/code-seed", scopes=scopes.CUSTOMER, summary="Get what my phone needs to show rotating codes",
    answer=CodeSeed(), program="own", problems=[409],
)  # fmt: skip
def get_my_code_seed(call: Call, card_id: UUID) -> Any:
    """Get the card's token and key: keep them in the phone's key store, and drop them when signing out."""
    with _program_of(call, card_id) as session:
        return my_cards.seed(call.database.keyring, cards.get(session, card_id))


@blp.operation(
    "GET", f"{_CARD}/offline-codes", scopes=scopes.CUSTOMER, summary="Get signed codes for tills without network",
    query=OfflineCodesQuery(), answer=OfflineCodes(), program="own", problems=[409],
)  # fmt: skip
def list_my_offline_codes(call: Call, card_id: UUID) -> Any:
    """Get codes of the next hours, to be shown where neither phone nor till has network: they earn, never redeem."""
    with _program_of(call, card_id) as session:
        card = cards.get(session, card_id)
    found = my_cards.offline_codes(call.database.keyring, card, hours=call.query["hours"])
    return {"data": [shown_code(code) for code in found]}


@blp.operation(
    "GET", f"{_CARD}/code", scopes=scopes.CUSTOMER, summary="Get my card's code", query=CodeQuery(), answer=CardCode(),
    program="own", problems=[409],
)  # fmt: skip
def get_my_code(call: Call, card_id: UUID) -> Any:
    """Get the text of the static code, or of the rotating code of this instant."""
    with _program_of(call, card_id) as session:
        return code_body(call, cards.get(session, card_id))


@blp.operation(
    "GET", f"{_CARD}/qr.svg", scopes=scopes.CUSTOMER, summary="Get my card's QR code", content_type="image/svg+xml",
    program="own", problems=[409],
)  # fmt: skip
def get_my_qr_svg(call: Call, card_id: UUID) -> Any:
    """Get the QR image of the static code."""
    with _program_of(call, card_id) as session:
        return svg_of(call, cards.get(session, card_id))


@blp.operation(
    "GET", f"{_CARD}/entries", scopes=scopes.CUSTOMER, summary="List my entries", query=PageQuery(),
    answer=page_schema(MemberEntry, "MyEntryPage"), program="own",
)  # fmt: skip
def list_my_entries(call: Call, card_id: UUID) -> Any:
    """List what was earned, spent and lost with the card's programme, newest first."""
    with _program_of(call, card_id) as session:
        member = members.of_customer(session, call.principal.customer_id)
        return entry_page(session, member.id, call.query)


@blp.operation(
    "POST", f"{_CARD}/replace", scopes=scopes.CUSTOMER, summary="Replace my card", status=201, answer=Card(),
    program="own", problems=[409, 429],
)  # fmt: skip
def replace_my_card(call: Call, card_id: UUID) -> Any:
    """Get a new card for one whose code somebody else may have; the old codes stop at once and for good.

    What the card holds stays. A blocked card is unblocked or replaced by staff only. After a lost answer, the new
    card is in `GET /v1/me/cards`: the old one is not found any more.
    """
    limits.check(call.database, REPLACEMENTS_CUSTOMER, ids.show("customer", call.principal.customer_id))
    with _program_of(call, card_id) as session:
        return cards.replace(session, call.database.keyring, cards.get(session, card_id), even_blocked=False)


@contextmanager
def _program_of(call: Call, card_id: UUID) -> Iterator[Session]:
    """Open the programme of one of the caller's own cards; raise NotFoundError for anybody else's."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    with call.database.transaction(program_id, customer_id=customer_id) as session:
        yield session
