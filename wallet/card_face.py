"""A card's face: what a wallet shows of one card or voucher, before any platform's form of it.

`wallet.faces` makes them of what the database says; Apple's package, Google's objects and our preview are made of them.
A face knows no clock, no key and no platform, and not the pass that shows it (serial and token are of the pass's row):
equal faces look equal, which is what `digest` is for.

Every text is written in `locale`. `strings` says it in the programme's other languages, by the text itself, which is
how Apple looks translations up: `strings["en"]["Prochain cadeau"] == "Next reward"`. A text without an entry (a name,
a number) is the same in all languages. Of two texts that are one here and two elsewhere, the second ends in a
`wallet.words.TWIN`, which nobody sees.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from wallet.words import TWIN

Style = Literal["card", "voucher"]
Area = Literal["header", "primary", "secondary", "auxiliary", "back"]
"""Where a field stands: beside the logo, on the picture, below it in two rows, and on the back."""
Kind = Literal["text", "number", "money", "date", "instant"]
BarcodeFormat = Literal["qr", "pdf417", "aztec", "code128"]
StripStyle = Literal["plain", "stamps", "progress", "image"]
StampIcon = Literal["check", "star", "heart", "cup"]

VALUE_PLACE = "%@"
"""Where a change message says the new value, in Apple's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceField:
    """One labelled value.

    `key` is unique on a face and stays, so that platforms see the same field change: `points`, `stamps`, `tier`,
    `next_reward`, `member`, `card_number`, `vouchers`, `expiry`, `message`, `purse_<code>`, `back_<n>`,
    `contact_<what>`.
    `value` is as its `kind` says: a text; a whole number; minor units of `currency`; a day; an aware instant.
    `change_message` is what the phone says when the value changes, with `%@` where the new value goes; without it the
    phone stays silent.
    """

    key: str
    label: str
    value: str | int | date | datetime
    kind: Kind = "text"
    area: Area
    currency: str | None = None
    change_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """`#rrggbb` each: behind everything, of values, of labels."""

    background: str
    foreground: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """How far a stamp card is filled: 0 <= count <= goal, and the stamp purse's name."""

    count: int
    goal: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextReward:
    """The reward that comes next, and how many points or stamps are missing for it; 0: it can be had now."""

    name: str
    missing: int
    unit: Literal["points", "stamps", "money"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceVoucher:
    """An open voucher, by name; its code is on its own pass only."""

    name: str
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page, with its words."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the phone may offer the card: degrees (WGS 84), and what it says there."""

    latitude: float
    longitude: float
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevantSpan:
    """When the phone may offer the card: one instant, or from `start` to `end`."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLink:
    """The programme's own app: its number in Apple's store, what opens it at this card, its package on Android."""

    apple_store_id: int | None = None
    launch_url: str | None = None
    android_package: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nfc:
    """What a contactless reader is told: at most 64 bytes, encrypted for `public_key`.

    The key is the base 64 of a SubjectPublicKeyInfo with a compressed point of P-256.
    """

    message: str
    public_key: str
    requires_authentication: bool = False


@dataclass(frozen=True, kw_only=True)
class CardFace:
    """What one card, or one voucher, shows.

    `barcode_text` is absent on what no till may take any more (`voided`): blocked and replaced cards, used vouchers.
    `grouping` is the same on passes that belong together. `links` and all of `fields` of the area `back` are the back.
    `message` is the newest of what campaigns wrote on it; it is among `fields` too.
    """

    style: Style = "card"
    program_name: str
    description: str
    """What a screen reader says of the whole: "Loyalty card of Café Assidu"."""
    title: str
    """What stands beside the logo, or instead of it."""
    locale: str
    locales: tuple[str, ...]
    strings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    member_name: str | None = None
    card_number: str | None = None
    barcode_text: str | None = None
    barcode_format: BarcodeFormat = "qr"
    barcode_caption: str | None = None
    colours: Colours
    logo_url: str | None = None
    strip_style: StripStyle = "plain"
    strip_url: str | None = None
    stamp_icon: StampIcon = "check"
    stamps: Stamps | None = None
    progress: float | None = None
    """How near the next reward is, from 0 to 1 in steps of 1/100, where the strip shows it."""
    tier: str | None = None
    next_reward: NextReward | None = None
    vouchers: tuple[FaceVoucher, ...] = ()
    fields: tuple[FaceField, ...] = ()
    links: tuple[Link, ...] = ()
    locations: tuple[Place, ...] = ()
    max_distance_m: int | None = None
    relevant: tuple[RelevantSpan, ...] = ()
    expires_at: datetime | None = None
    voided: bool = False
    message: str | None = None
    app: AppLink | None = None
    nfc: Nfc | None = None
    sharing_prohibited: bool = True
    grouping: str | None = None

    def in_area(self, area: Area) -> tuple[FaceField, ...]:
        """Return the fields of one area, in order."""
        return tuple(one for one in self.fields if one.area == area)

    def get(self, key: str) -> FaceField | None:
        """Return the field of a key, or None."""
        return next((one for one in self.fields if one.key == key), None)

    def translated(self, text: str, locale: str) -> str:
        """Return a text of this face in another of its languages: itself where it has none."""
        return self.strings.get(locale, {}).get(text, text)

    def translations(self, text: str) -> dict[str, str]:
        """Return a text in every language of the programme, its own first; for who need not tell twins apart."""
        others = (tag for tag in self.locales if tag != self.locale)
        said = {self.locale: text, **{tag: self.translated(text, tag) for tag in others}}
        return {tag: one.rstrip(TWIN) for tag, one in said.items()}

    def to_locale(self, locale: str) -> "CardFace":
        """Return the face in another of its languages; its `strings` are those of `locale` alone, so none."""
        words = self.strings.get(locale, {})
        if locale == self.locale or not words:
            return self
        changed = {
            one.name: _reworded(getattr(self, one.name), words)
            for one in dataclasses.fields(self)
            if one.name not in _KEPT
        }
        return dataclasses.replace(self, **changed, locale=locale, strings={})

    def document(self) -> dict[str, Any]:
        """Return the face as JSON: instants in ISO 8601 with their offset, what is absent left out."""
        found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), default=_as_text))
        return found

    @functools.cached_property
    def canonical(self) -> bytes:
        """The face as canonical JSON, on which `digest` is computed."""
        fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), default=_as_json).encode()

    def digest(self) -> bytes:
        """Return 32 bytes which are equal when nothing changed that a person or a till could notice."""
        return hashlib.sha256(self.canonical).digest()


_KEPT = frozenset({
    "style", "locale", "locales", "strings", "member_name", "card_number", "barcode_text", "barcode_format",
    "colours", "logo_url", "strip_style", "strip_url", "stamp_icon", "app", "nfc", "grouping", "relevant",
})  # fmt: skip
"""What is the same in all languages, whatever its text."""


def _reworded(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return words.get(value, value)
    if isinstance(value, tuple):
        return tuple(_reworded(one, words) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        texts = {name: _reworded(text, words) for name, text in _texts(value)}
        return dataclasses.replace(value, **texts)
    return value


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    for one in dataclasses.fields(value):
        found = getattr(value, one.name)
        if isinstance(found, str) and one.name not in {"key", "url", "kind", "area", "currency", "unit"}:
            yield one.name, found


def _as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    return _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"a face holds no {type(value).__name__}")
