"""`/cards/{id}/…` and `/me/cards/{id}/…`: cards for the wallets of phones, and what became of each pass."""

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant
from api.operation import Blueprint, Call
from api.resources.wallet_credentials import WALLETS
from app.services import cards, my_cards, pass_links, passes
from wallet import handing
from wallet.platforms import Handout

blp = Blueprint("passes", __name__, url_prefix="/v1", description="Cards in Apple Wallet and Google Wallet")

PKPASS = "application/vnd.apple.pkpass"
RETRY_SECONDS = 1
_CARD = "/cards/<id(card):card_id>"
_MY_CARD = f"/me{_CARD}"


class GooglePass(Body):
    """A link that saves the card to Google Wallet, once Google knows of the card."""

    status = fields.String(required=True, validate=validate.OneOf(["ready", "preparing"]))
    save_url = fields.String(metadata={"format": "uri", "description": "Absent while it is `preparing`"})


class PassComplaint(Body):
    """A line that a phone wrote of a pass that gave it trouble."""

    at = Instant(required=True)
    line = fields.String(required=True)


class PassState(Body):
    """What became of one pass."""

    id = Id("pass", required=True)
    platform = fields.String(required=True, validate=validate.OneOf(WALLETS))
    state = fields.String(required=True, validate=validate.OneOf(["active", "voided", "removed"]))
    voucher_id = Id("voucher")
    pass_type_id = fields.String(required=True, metadata={"description": "Apple's pass type, or Google's issuer"})
    serial = fields.String(required=True)
    devices = fields.Integer(required=True, metadata={"description": "Phones that asked to be told (Apple)"})
    revision = fields.Integer(required=True)
    up_to_date = fields.Boolean(required=True, metadata={"description": "Whether the wallet's server was told of it"})
    created_at = Instant(required=True)
    changed_at = Instant(required=True, metadata={"description": "When what it shows changed last"})
    saved_at = Instant()
    removed_at = Instant()
    last_push_at = Instant(metadata={"description": "When the wallet's server was told last"})
    last_fetch_at = Instant(metadata={"description": "When a phone fetched it last (Apple)"})
    last_error = fields.String(metadata={"description": "What the wallet's server said last, where it did not take it"})
    complaints = fields.List(
        fields.Nested(PassComplaint), metadata={"description": "What phones said last of their trouble with it (Apple)"}
    )


class PassStates(Body):
    """The passes of a card, those of its vouchers last."""

    data = fields.List(fields.Nested(PassState), required=True)


class PassLinkIn(Body):
    """For which wallet."""

    platform = fields.String(required=True, validate=validate.OneOf(WALLETS))


class PassLink(Body):
    """A link that works once. It is shown here and nowhere else."""

    url = fields.String(required=True, metadata={"format": "uri"})
    expires_at = Instant(required=True)


@blp.operation(
    "GET", f"{_CARD}/apple.pkpass", scopes=scopes.MEMBERS, summary="Get a card for Apple Wallet", content_type=PKPASS,
    program="own", problems=[409],
)  # fmt: skip
def get_card_apple_pass(call: Call, card_id: UUID) -> Any:
    """Get the card as a file that an iPhone or a Mac opens: signed, with all it shows now. It then updates itself."""
    return _file(_handed_out(call, card_id, "apple"))


@blp.operation(
    "GET", f"{_CARD}/google", scopes=scopes.MEMBERS, summary="Get a card's link to Google Wallet",
    answer=GooglePass(), also=202, program="own", problems=[409],
)  # fmt: skip
def get_card_google_pass(call: Call, card_id: UUID) -> Any:
    """Get the link that saves the card to Google Wallet.

    The first time Google must be told of the card, which a worker does within moments: until then the answer is 202 and
    `preparing`; ask again after a second.
    """
    return link_of(_handed_out(call, card_id, "google"))


@blp.operation(
    "GET", f"{_CARD}/passes", scopes=scopes.MEMBERS, summary="Say what became of a card's passes", answer=PassStates(),
)  # fmt: skip
def list_card_passes(call: Call, card_id: UUID) -> Any:
    """Say of each pass of the card how many phones have it, when they were last told, when they last fetched it."""
    cards.get(call.session, card_id)
    return {"data": passes.of_card(call.session, card_id)}


@blp.operation(
    "POST", f"{_CARD}/pass-links", scopes=scopes.MEMBERS, summary="Make a link that hands out a pass once", status=201,
    body=PassLinkIn(), answer=PassLink(), example={"platform": "apple"}, key="ignored", problems=[409],
)  # fmt: skip
def make_card_pass_link(call: Call, card_id: UUID) -> Any:
    """Make a link for a mail, a message or a QR code on a screen; whoever opens it first gets the pass.

    It works once, for ten minutes.
    """
    return _made_link(call, call.session, card_id)


@blp.operation(
    "GET", f"{_MY_CARD}/apple.pkpass", scopes=scopes.CUSTOMER, summary="Get my card for Apple Wallet",
    content_type=PKPASS, program="own", problems=[409],
)  # fmt: skip
def get_my_apple_pass(call: Call, card_id: UUID) -> Any:
    """Get the card as a file that an iPhone or a Mac opens."""
    return _file(_mine_handed_out(call, card_id, "apple"))


@blp.operation(
    "GET", f"{_MY_CARD}/google", scopes=scopes.CUSTOMER, summary="Get my card's link to Google Wallet",
    answer=GooglePass(), also=202, program="own", problems=[409],
)  # fmt: skip
def get_my_google_pass(call: Call, card_id: UUID) -> Any:
    """Get the link that saves the card to Google Wallet; 202 and `preparing` until Google knows of the card."""
    return link_of(_mine_handed_out(call, card_id, "google"))


@blp.operation(
    "GET", f"{_MY_CARD}/passes", scopes=scopes.CUSTOMER, summary="Say what became of my card's passes",
    answer=PassStates(), program="own",
)  # fmt: skip
def list_my_passes(call: Call, card_id: UUID) -> Any:
    """Say of each pass of the card in which state it is, and when it was last told and fetched."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    with call.database.transaction(program_id, customer_id=customer_id) as session:
        return {"data": passes.of_card(session, card_id)}


@blp.operation(
    "POST", f"{_MY_CARD}/pass-links", scopes=scopes.CUSTOMER, summary="Make a link that hands out my pass once",
    status=201, body=PassLinkIn(), answer=PassLink(), example={"platform": "apple"}, program="own", problems=[409],
)  # fmt: skip
def make_my_pass_link(call: Call, card_id: UUID) -> Any:
    """Make a link that opens on another of my phones; it works once, for ten minutes."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    with call.database.transaction(program_id, customer_id=customer_id) as session:
        return _made_link(call, session, card_id)


def file_of(handout: Handout) -> Response:
    """Return a pass that is a file as an answer; it is this person's, and of this moment."""
    assert handout.chunks is not None
    headers = {
        "Content-Disposition": f'attachment; filename="{handout.filename or "card"}"',
        "Cache-Control": "no-store",
    }
    return Response(handout.chunks, 200, headers, mimetype=handout.media_type)


def _handed_out(call: Call, card_id: UUID, platform: str) -> Handout:
    program_id = call.principal.program_id
    assert program_id is not None
    return handing.hand_out(call.database, program_id, card_id, platform)


def _mine_handed_out(call: Call, card_id: UUID, platform: str) -> Handout:
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    return handing.hand_out(call.database, program_id, card_id, platform, customer_id=customer_id)


def _file(handout: Handout) -> Response:
    return file_of(handout)


def link_of(handout: Handout) -> Any:
    """Return a pass that is a link as an answer: 202 while its wallet has still to be told of it."""
    if handout.ready:
        return {"status": "ready", "save_url": handout.link}
    response = Response(GooglePass().dumps({"status": "preparing"}), 202, mimetype="application/json")
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _made_link(call: Call, session: Any, card_id: UUID) -> Any:
    card = cards.shown(cards.get(session, card_id))
    platform = handing.platform_of(call.body["platform"])
    # The pass is made now, so that a wallet whose server must know of it first does when the link is opened.
    handing.prepare(session, call.database, platform, card)
    made = pass_links.make(session, card, platform=platform.kind)
    return {"url": handing.link_url(call.database.settings, made.token), "expires_at": made.expires_at}
