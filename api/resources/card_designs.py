"""`/card-design`: how a programme's cards look, and a look at one before anybody has it."""

import base64
import hashlib
from typing import Any

from flask import Response

from api import scopes
from api.card_design_schemas import EXAMPLE, CardDesign, CardDesignChange
from api.fields import Body, QueryWhole, Text
from api.operation import Blueprint, Call
from app.services import card_designs, pass_faces, programs
from wallet import faces, images, preview, preview_page
from wallet.card_face import CardFace

blp = Blueprint("card-design", __name__, url_prefix="/v1", description="How cards look in wallets and in the app")

_STYLE_HASH = base64.b64encode(hashlib.sha256(preview_page.STYLE.encode()).digest()).decode()
_PAGE_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; frame-ancestors 'self'",
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
}


class PreviewQuery(Body):
    """Whose card is shown: a member who does not exist."""

    locale = Text(high=20, metadata={"description": "What the member speaks", "example": "en"})
    stamps = QueryWhole(low=0, high=1000, metadata={"description": "How many stamps the card has"})
    first_name = Text(high=100, load_default="Camille")
    last_name = Text(high=100, load_default="Martin")


class PreviewPictureQuery(PreviewQuery):
    """And how large."""

    scale = QueryWhole(low=1, high=3, load_default=2, metadata={"description": "Pixels per point"})


@blp.operation(
    "GET", "/card-design", scopes=scopes.SETUP_READ, summary="Get the card design", answer=CardDesign(), with_etag=True
)
def get_card_design(call: Call) -> Any:
    """Get how the programme's cards look."""
    return programs.get(call.session).card_design


@blp.operation(
    "PUT", "/card-design", scopes=scopes.MARKETING, summary="Replace the card design", with_etag=True,
    body=CardDesign(), answer=CardDesign(), example=EXAMPLE,
)  # fmt: skip
def put_card_design(call: Call) -> Any:
    """Replace how the programme's cards look. Cards that people hold follow by themselves."""
    program = programs.hold(call.session)
    call.check_match(CardDesign(), program.card_design)
    return card_designs.change(program, values=call.body, whole=True)


@blp.operation(
    "PATCH", "/card-design", scopes=scopes.MARKETING, summary="Change the card design", with_etag=True,
    body=CardDesignChange(), answer=CardDesign(), example={"background": "#123456", "logo_url": None},
)  # fmt: skip
def change_card_design(call: Call) -> Any:
    """Change the parts that are given. Cards that people hold follow by themselves."""
    program = programs.hold(call.session)
    call.check_match(CardDesign(), program.card_design)
    return card_designs.change(program, values=call.body, whole=False)


@blp.operation(
    "GET", "/card-design/preview.png", scopes=scopes.MARKETING, summary="See a card of this design as a picture",
    query=PreviewPictureQuery(), content_type="image/png", program="own",
)  # fmt: skip
def get_card_design_preview_png(call: Call) -> Any:
    """See the front of a made-up member's card, nearly as a phone's wallet lays it out."""
    face = _face(call)
    content = preview.png(face, _images(call, face), scale=call.query["scale"])
    return Response(content, 200, {"Cache-Control": "private, no-cache"}, mimetype="image/png")


@blp.operation(
    "GET", "/card-design/preview.html", scopes=scopes.MARKETING, summary="See a card of this design as a page",
    query=PreviewQuery(), content_type="text/html", program="own",
)  # fmt: skip
def get_card_design_preview_html(call: Call) -> Any:
    """See a made-up member's card, its front as a picture and its back with what phones say when it changes."""
    face = _face(call)
    return Response(preview_page.html(face, _images(call, face)), 200, _PAGE_HEADERS, mimetype="text/html")


def _face(call: Call) -> CardFace:
    with call.database.transaction(call.principal.program_id) as session:
        facts = pass_faces.sample(
            session,
            first_name=call.query["first_name"],
            last_name=call.query["last_name"],
            filled=call.query.get("stamps"),
            locale=call.query.get("locale"),
        )
        return faces.card_face(facts)


def _images(call: Call, face: CardFace) -> Any:
    # No transaction is open while a logo is fetched.
    return images.shared(loopback=call.database.settings.webhook_loopback == "allowed").of(face)
