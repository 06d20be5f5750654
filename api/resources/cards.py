"""`/cards`: what identifies a member at a till, and its codes."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, OptionalBody, QueryWhole, Text, Whole
from api.operation import Blueprint, Call
from app import ids
from app.models import Card as CardRow
from app.services import audits, cards, my_cards
from app.services.my_cards import ShownCode
from wallet import qr

blp = Blueprint("cards", __name__, url_prefix="/v1", description="What identifies a member at a till")

_IMAGE_KEPT = "private, max-age=86400"
_STATUS = validate.OneOf(["active", "blocked", "replaced"])


class Card(Body):
    """A card. Its codes are secrets and are asked for on their own."""

    id = Id("card", required=True)
    number = fields.String(required=True, metadata={"example": "9123 4567 8901 2344"})
    status = fields.String(required=True, validate=_STATUS)
    member_id = Id("member", required=True)
    blocked_reason = fields.String()
    replaced_by_id = Id("card")
    created_at = Instant(required=True)


class CardBlock(OptionalBody):
    """Why the card is blocked."""

    reason = Text()


class CodeQuery(Body):
    """`?kind=`."""

    kind = fields.String(load_default="static", validate=validate.OneOf(["static", "rotating"]))


class CardCode(Body):
    """A code's text, and when it is valid; a static code is, as long as the card."""

    text = fields.String(required=True, metadata={"example": "A17K3MQ0ZX9T2VB4HWR"})
    kind = fields.String(required=True, validate=validate.OneOf(["static", "rotating", "offline"]))
    valid_from = Instant()
    valid_until = Instant()


class PngQuery(Body):
    """`?scale=`."""

    scale = QueryWhole(low=1, high=qr.SCALE_MAX, load_default=8, metadata={"description": "Pixels per module"})


class OfflineKey(Body):
    """A public key that offline codes are signed with."""

    key_id = Whole(required=True)
    algorithm = fields.String(required=True, validate=validate.OneOf(["Ed25519"]))
    public_key = fields.String(required=True, metadata={"description": "32 bytes in hexadecimal digits"})


class OfflineKeys(Body):
    """What a till keeps to believe codes without network."""

    keys = fields.List(fields.Nested(OfflineKey), required=True)
    blocked_card_ids = fields.List(Id("card"), required=True)


@blp.operation("GET", "/cards/<id(card):card_id>", scopes=scopes.MEMBERS, summary="Get a card", answer=Card())
def get_card(call: Call, card_id: UUID) -> Any:
    """Get a card and whose it is."""
    return cards.get(call.session, card_id)


@blp.operation(
    "POST", "/cards/<id(card):card_id>/block", scopes=scopes.MEMBERS, summary="Block a card", body=CardBlock(),
    answer=Card(), example={"reason": "lost"}, problems=[409],
)  # fmt: skip
def block_card(call: Call, card_id: UUID) -> Any:
    """Stop the card's codes at once, until it is unblocked."""
    _note(call, "card.blocked", card_id)
    return cards.block(call.session, cards.get(call.session, card_id), call.body.get("reason"))


@blp.operation(
    "POST", "/cards/<id(card):card_id>/unblock", scopes=scopes.MEMBERS, summary="Unblock a card", answer=Card(),
    problems=[409],
)  # fmt: skip
def unblock_card(call: Call, card_id: UUID) -> Any:
    """Let the card's codes work again."""
    _note(call, "card.unblocked", card_id)
    return cards.unblock(call.session, cards.get(call.session, card_id))


@blp.operation(
    "POST", "/cards/<id(card):card_id>/replace", scopes=scopes.MEMBERS, summary="Replace a card", status=201,
    answer=Card(), problems=[409],
)  # fmt: skip
def replace_card(call: Call, card_id: UUID) -> Any:
    """Give the member a new card; the old one's codes stop at once and for good."""
    _note(call, "card.replaced", card_id)
    return cards.replace(call.session, call.database.keyring, cards.get(call.session, card_id))


@blp.operation(
    "GET", "/cards/<id(card):card_id>/code", scopes=scopes.MEMBERS, summary="Get a card's code", query=CodeQuery(),
    answer=CardCode(), problems=[409],
)  # fmt: skip
def get_card_code(call: Call, card_id: UUID) -> Any:
    """Get the text of the static code, or of the rotating code of this instant."""
    return code_body(call, cards.get(call.session, card_id))


@blp.operation(
    "GET", "/cards/<id(card):card_id>/qr.svg", scopes=scopes.MEMBERS, summary="Get a card's QR code as SVG",
    content_type="image/svg+xml", problems=[409],
)  # fmt: skip
def get_card_qr_svg(call: Call, card_id: UUID) -> Any:
    """Get the QR image of the static code, to be shown or printed at any size."""
    return svg_of(call, cards.get(call.session, card_id))


@blp.operation(
    "GET", "/cards/<id(card):card_id>/qr.png", scopes=scopes.MEMBERS, summary="Get a card's QR code as PNG",
    query=PngQuery(), content_type="image/png", problems=[409],
)  # fmt: skip
def get_card_qr_png(call: Call, card_id: UUID) -> Any:
    """Get the QR image of the static code, `scale` pixels to a module."""
    text = my_cards.code(call.database.keyring, cards.get(call.session, card_id), "static").text
    return _image(qr.png(text, scale=call.query["scale"]), "image/png")


@blp.operation(
    "GET", "/offline-keys", scopes=scopes.TILL, summary="Get what a till keeps to work offline", answer=OfflineKeys(),
)  # fmt: skip
def get_offline_keys(call: Call) -> Any:
    """Get the public keys of offline codes, and the newest blocked cards (1,000 at most): fetch it at every sync."""
    keys = my_cards.verifying_keys(call.database.keyring)
    return {
        "keys": [
            {"key_id": key_id, "algorithm": "Ed25519", "public_key": key.public_bytes_raw().hex()}
            for key_id, key in keys.items()
        ],
        "blocked_card_ids": my_cards.blocked(call.session, limit=1000),
    }


def code_body(call: Call, card: CardRow) -> dict[str, Any]:
    """Return the code that `?kind=` asks for as the body of an answer."""
    return shown_code(my_cards.code(call.database.keyring, card, call.query["kind"]))


def shown_code(code: ShownCode) -> dict[str, Any]:
    """Return a code with instants for its seconds."""
    return {
        "text": code.text,
        "kind": code.kind,
        "valid_from": _instant(code.valid_from),
        "valid_until": _instant(code.valid_until),
    }


def svg_of(call: Call, card: CardRow) -> Response:
    """Return the SVG image of the card's static code."""
    return _image(qr.svg(my_cards.code(call.database.keyring, card, "static").text).encode(), "image/svg+xml")


def _image(data: bytes, mimetype: str) -> Response:
    # A card's static code never changes; a replaced card has another address.
    return Response(data, 200, {"Cache-Control": _IMAGE_KEPT}, mimetype=mimetype)


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _note(call: Call, action: str, card_id: UUID) -> None:
    audits.record(
        call.session, action=action, subject=ids.show("card", card_id), staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id,
    )  # fmt: skip
