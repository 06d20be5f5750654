"""Schemas of a card's design: its look, what stands on its back, where the phone offers it, and how it speaks."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from api.fields import CONTROLS, Body, Flag, Instant, Text, Whole, show_instant
from api.looks import ByLocale, Colour, HttpsUrl

LINKS_MAX = 10
BACK_FIELDS_MAX = 20
LOCATIONS_MAX = 10
"""Apple shows a pass near ten places at most, Google's limit is the same."""
RELEVANT_MAX = 10

BARCODES = ("qr", "pdf417", "aztec", "code128")
STRIPS = ("plain", "stamps", "progress", "image")
ICONS = ("check", "star", "heart", "cup")
SPEAKING = ("points", "stamps", "money", "tier", "next_reward", "vouchers")
"""Fields whose words a programme may choose; a campaign's message always says itself."""

_SCHEME = "[a-z][a-z0-9+.-]{1,30}:"
_PACKAGE = r"[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z][a-zA-Z0-9_]*)+"

EXAMPLE = {
    "background": "#5b2333", "foreground": "#ffffff", "label": "#f7d9c4",
    "logo_url": "https://cafe.example/logo.png", "strip_style": "stamps", "stamp_icon": "cup",
    "header": {"fr": "Bienvenue", "en": "Welcome"},
    "links": [{"label": "Nos cafés", "url": "https://cafe.example/", "locales": {"en": {"label": "Our cafés"}}}],
    "back_fields": [{"label": "Conditions", "value": "Un tampon par café acheté."}],
    "barcode_format": "qr",
    "locations": [{"latitude": 48.8532, "longitude": 2.3691, "text": {"fr": "Un café ?", "en": "Coffee?"}}],
    "contact": {"phone": "+33 1 23 45 67 89", "email": "bonjour@cafe.example"},
    "notifications": {"points": {"fr": "Bravo, %@ points !", "en": "Well done: %@ points!"}},
}  # fmt: skip


class ChangeText(Text):
    """What a phone says when a value changes, with `%@` where the value goes."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = f"^[^{CONTROLS}]*%@[^{CONTROLS}]*$"
        super().__init__(high=120, metadata={"pattern": pattern, "example": "Bravo, %@ points !"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "%@" not in text:
            raise ValidationError("Say `%@` where the new value goes: without it the phone stays silent.")
        return text


class InstantText(Instant):
    """An instant that is kept as JSON."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return value

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return show_instant(super()._deserialize(value, attr, data, **kwargs))


class Degrees(fields.Float):
    """A latitude or longitude (WGS 84)."""

    def __init__(self, limit: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=-limit, max=limit), allow_nan=False, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("Not a number.")
        return super()._deserialize(value, attr, data, **kwargs)


class CardLinkWords(Body):
    """A link's words in another language."""

    label = Text(high=60)


class CardLink(Body):
    """A link on the card's back."""

    label = Text(required=True, high=60)
    url = HttpsUrl(required=True)
    locales = ByLocale(CardLinkWords)


class CardBackWords(Body):
    """A back field's words in another language."""

    label = Text(high=60)
    value = Text(high=2000)


class CardBackField(Body):
    """A text on the card's back."""

    label = Text(required=True, high=60)
    value = Text(required=True, high=2000)
    locales = ByLocale(CardBackWords)


class CardLocation(Body):
    """A place near which a phone offers the card, and what it says there."""

    latitude = Degrees(90, required=True)
    longitude = Degrees(180, required=True)
    text = ByLocale(Text(high=100))


class CardRelevance(Body):
    """When a phone offers the card: at `start`, or from then to `end`."""

    start = InstantText(required=True)
    end = InstantText()


class CardApp(Body):
    """The programme's own app."""

    apple_store_id = Whole(low=1, high=10**12, metadata={"description": "The app's number in Apple's store"})
    launch_url = Text(
        high=500, validate=validate.Regexp(f"^{_SCHEME}[!-~]*$"),
        metadata={"description": "What opens it: `cafe://card`; needs `apple_store_id`", "example": "cafe://card"},
    )  # fmt: skip
    android_package = Text(
        high=150, validate=validate.Regexp(f"^{_PACKAGE}$"), metadata={"example": "com.example.cafe"}
    )


class CardNfc(Body):
    """Contactless use; needs a certificate that Apple gave for it. Readers are told the card's static code."""

    public_key = Text(
        required=True, high=200,
        metadata={"description": "Base 64 of a SubjectPublicKeyInfo with a compressed point of P-256"},
    )  # fmt: skip
    requires_authentication = Flag()


class CardContact(Body):
    """Whom members ask, shown on the back."""

    phone = Text(high=40)
    email = Text(high=254)
    url = HttpsUrl()
    address = Text(high=300)


class CardNotifications(Body):
    """What phones say when a field changes, by language; without it they say it in our words."""

    points = ByLocale(ChangeText())
    stamps = ByLocale(ChangeText())
    money = ByLocale(ChangeText())
    tier = ByLocale(ChangeText())
    next_reward = ByLocale(ChangeText())
    vouchers = ByLocale(ChangeText())


class CardDesign(Body):
    """A card's look; what is left out comes from the programme's brand."""

    background = Colour()
    foreground = Colour()
    label = Colour()
    logo_url = HttpsUrl(metadata={"description": "PNG, JPEG or WebP of 4 MB at most; redirects are not followed"})
    strip_style = fields.String(
        validate=validate.OneOf(STRIPS),
        metadata={"description": "What the strip shows; left out: stamps where there is a stamp card, else progress"},
    )
    strip_url = HttpsUrl(metadata={"description": "The picture of the strip style `image`, 1125 by 432 pixels"})
    stamp_icon = fields.String(validate=validate.OneOf(ICONS), metadata={"description": "The sign in stamps"})
    header = ByLocale(Text(high=60))
    links = fields.List(fields.Nested(CardLink), validate=validate.Length(max=LINKS_MAX))
    back_fields = fields.List(fields.Nested(CardBackField), validate=validate.Length(max=BACK_FIELDS_MAX))
    barcode_format = fields.String(validate=validate.OneOf(BARCODES), metadata={"description": "Left out: qr"})
    locations = fields.List(fields.Nested(CardLocation), validate=validate.Length(max=LOCATIONS_MAX))
    max_distance_m = Whole(low=1, high=100_000, metadata={"description": "How near is near, in metres"})
    relevant = fields.List(fields.Nested(CardRelevance), validate=validate.Length(max=RELEVANT_MAX))
    app = fields.Nested(CardApp)
    nfc = fields.Nested(CardNfc)
    contact = fields.Nested(CardContact)
    sharing_prohibited = Flag(metadata={"description": "Whether phones hide the Share button; left out: true"})
    notifications = fields.Nested(CardNotifications)
    silent = fields.List(
        fields.String(validate=validate.OneOf(SPEAKING)),
        validate=validate.Length(max=len(SPEAKING)),
        metadata={"description": "Fields that change without a word"},
    )


class CardDesignChange(CardDesign):
    """What to change of the look; null takes a part away."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:  # noqa: ARG002
        """Allow null for every part."""
        field_obj.allow_none = True
