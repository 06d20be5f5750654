"""`/card-design`: how a programme's cards look."""

from typing import Any

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Text
from api.looks import ByLocale, Colour, HttpsUrl
from api.operation import Blueprint, Call
from app.services import card_designs, programs

blp = Blueprint("card-design", __name__, url_prefix="/v1", description="How cards look in wallets and in the app")

LINKS_MAX = 10
BACK_FIELDS_MAX = 20
_STRIP = validate.OneOf(["plain", "stamps", "progress", "image"])
_EXAMPLE = {
    "background": "#5b2333", "foreground": "#ffffff", "label": "#f7d9c4",
    "logo_url": "https://cafe.example/logo.png", "strip_style": "stamps", "header": {"fr": "Bienvenue"},
    "links": [{"label": "Nos cafés", "url": "https://cafe.example/"}],
    "back_fields": [{"label": "Conditions", "value": "Un tampon par café acheté."}],
}  # fmt: skip


class CardLink(Body):
    """A link on the card's back."""

    label = Text(required=True, high=60)
    url = HttpsUrl(required=True)


class CardBackField(Body):
    """A text on the card's back."""

    label = Text(required=True, high=60)
    value = Text(required=True, high=2000)


class CardDesign(Body):
    """A card's look; what is left out comes from the programme's brand."""

    background = Colour()
    foreground = Colour()
    label = Colour()
    logo_url = HttpsUrl()
    strip_style = fields.String(validate=_STRIP)
    strip_url = HttpsUrl(metadata={"description": "The picture of the strip style `image`"})
    header = ByLocale(Text(high=60))
    links = fields.List(fields.Nested(CardLink), validate=validate.Length(max=LINKS_MAX))
    back_fields = fields.List(fields.Nested(CardBackField), validate=validate.Length(max=BACK_FIELDS_MAX))


class CardDesignChange(Body):
    """What to change of the look; null takes a part away."""

    background = Colour(allow_none=True)
    foreground = Colour(allow_none=True)
    label = Colour(allow_none=True)
    logo_url = HttpsUrl(allow_none=True)
    strip_style = fields.String(validate=_STRIP, allow_none=True)
    strip_url = HttpsUrl(allow_none=True)
    header = ByLocale(Text(high=60), allow_none=True)
    links = fields.List(fields.Nested(CardLink), validate=validate.Length(max=LINKS_MAX), allow_none=True)
    back_fields = fields.List(
        fields.Nested(CardBackField), validate=validate.Length(max=BACK_FIELDS_MAX), allow_none=True
    )


@blp.operation(
    "GET", "/card-design", scopes=scopes.SETUP_READ, summary="Get the card design", answer=CardDesign(), with_etag=True
)
def get_card_design(call: Call) -> Any:
    """Get how the programme's cards look."""
    return programs.get(call.session).card_design


@blp.operation(
    "PUT", "/card-design", scopes=scopes.MARKETING, summary="Replace the card design", with_etag=True,
    body=CardDesign(), answer=CardDesign(), example=_EXAMPLE,
)  # fmt: skip
def put_card_design(call: Call) -> Any:
    """Replace how the programme's cards look."""
    program = programs.hold(call.session)
    call.check_match(CardDesign(), program.card_design)
    return card_designs.change(program, values=call.body, whole=True)


@blp.operation(
    "PATCH", "/card-design", scopes=scopes.MARKETING, summary="Change the card design", with_etag=True,
    body=CardDesignChange(), answer=CardDesign(), example={"background": "#123456", "logo_url": None},
)  # fmt: skip
def change_card_design(call: Call) -> Any:
    """Change the parts that are given."""
    program = programs.hold(call.session)
    call.check_match(CardDesign(), program.card_design)
    return card_designs.change(program, values=call.body, whole=False)
