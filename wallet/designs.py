"""What a programme's design says on all of its cards: colours, title, links, contact, places, how fields speak."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.models import Member, Program, Purse, Reward
from wallet import palette
from wallet.card_face import AppLink, CardFace, Colours, FaceField, Link, Nfc, Place, RelevantSpan
from wallet.words import Words, among, language

_CONTACTS: Final = ("phone", "email", "url", "address")


def frame(program: Program, spoken: str | None) -> "Frame":
    """Return the design's part of a face for a member who speaks this; in the programme's language where it cannot."""
    locales = tuple(dict.fromkeys([*program.locales, program.locale]))
    locale = next((tag for tag in locales if tag == spoken), None)
    if locale is None and spoken:
        locale = next((tag for tag in locales if language(tag) == language(spoken)), None)
    chosen = locale or program.locale
    said = Words(chosen, locales)
    # First, so that the programme's name is written as it is wherever it stands.
    said.same(program.name)
    return Frame(program=program, locale=chosen, locales=locales, said=said)


@dataclass(frozen=True)
class Frame:
    """A programme's design, in one member's language."""

    program: Program
    locale: str
    locales: tuple[str, ...]
    said: Words

    @property
    def design(self) -> Mapping[str, Any]:
        """The design as it was saved."""
        return self.program.card_design

    @property
    def strip_style(self) -> str | None:
        """What the design wants on the strip; an image only where it says which."""
        wanted: str | None = self.design.get("strip_style")
        return None if wanted == "image" and not self.design.get("strip_url") else wanted

    @cached_property
    def colours(self) -> Colours:
        """The design's colours, else the brand's; changed as little as is needed to be read."""
        brand = {**self.program.brand, **self.design}
        background = brand.get("background") or palette.BACKGROUND
        foreground = palette.legible(brand.get("foreground"), background)
        label = palette.legible(brand.get("label") or palette.mixed(foreground, background, 0.25), background)
        return Colours(background=background, foreground=foreground, label=label)

    def face(self, **own: Any) -> CardFace:
        """Return a face with all that the design says, and `own`."""
        design = self.design
        logo: str | None = design.get("logo_url") or self.program.brand.get("logo_url")
        header = design.get("header")
        title = self.said.given(self.program.name, header) if header else "" if logo else self.program.name
        app = design.get("app") or {}
        return CardFace(
            program_name=self.program.name,
            title=title,
            locale=self.locale,
            locales=self.locales,
            colours=self.colours,
            logo_url=logo,
            strip_url=design.get("strip_url"),
            stamp_icon=design.get("stamp_icon") or "check",
            barcode_format=design.get("barcode_format") or "qr",
            links=tuple(self._links()),
            locations=tuple(self._places()),
            max_distance_m=design.get("max_distance_m"),
            relevant=tuple(_span(one) for one in design.get("relevant") or ()),
            app=AppLink(**app) if app else None,
            sharing_prohibited=design.get("sharing_prohibited", True),
            **own,
        )

    def change_message(self, key: str, phrase: str | None, **values: Callable[[str], str]) -> str | None:
        """Return what the phone says when a field changes: the design's words, else ours; None where it is silent."""
        if key in (self.design.get("silent") or ()):
            return None
        own = (self.design.get("notifications") or {}).get(key)
        if own and among(own, self.locale) is not None:
            return self.said.given(str(among(own, self.locale)), own)
        return self.said.phrase(phrase, **values) if phrase else None

    def state_field(self, label: str, key: str) -> FaceField:
        """Return the field that says why no till takes it; `label` is `state`, or `voucher_state` of a voucher."""
        return FaceField(
            key="state",
            label=self.said.phrase(label),
            value=self.said.phrase(key),
            area="secondary",
            change_message=self.change_message("state", "state_changed" if label == "state" else None),
        )

    def message_fields(self, message: tuple[str, str] | None) -> list[FaceField]:
        """Return the field of a campaign's message: the phone shows it as it is."""
        if message is None:
            return []
        label, body = message
        return [FaceField(key="message", label=label, value=body, area="back", change_message="%@")]

    def back_fields(self) -> list[FaceField]:
        """Return the design's own texts, and who stands behind the card (Apple asks for a contact)."""
        found = [
            FaceField(
                key=f"back_{place}",
                label=self._given(one, "label"),
                value=self._given(one, "value"),
                area="back",
            )
            for place, one in enumerate(self.design.get("back_fields") or ())
        ]
        found.append(FaceField(key="issuer", label=self.said.phrase("issuer"), value=self.program.name, area="back"))
        contact = self.design.get("contact") or {}
        found += [
            FaceField(
                key=f"contact_{what}", label=self.said.phrase(what), value=self.said.same(contact[what]), area="back"
            )
            for what in _CONTACTS
            if contact.get(what)
        ]
        return found

    def nfc(self, code: str | None) -> Nfc | None:
        """Return what a reader is told: the static code, where the design turns it on."""
        wanted = self.design.get("nfc")
        if not wanted or code is None:
            return None
        return Nfc(
            message=code,
            public_key=wanted["public_key"],
            requires_authentication=wanted.get("requires_authentication", False),
        )

    def _links(self) -> list[Link]:
        return [Link(label=self._given(one, "label"), url=one["url"]) for one in self.design.get("links") or ()]

    def _places(self) -> list[Place]:
        return [
            Place(
                latitude=one["latitude"],
                longitude=one["longitude"],
                text=self.said.given(self.program.name, one["text"]) if one.get("text") else None,
            )
            for one in self.design.get("locations") or ()
        ]

    def _given(self, one: Mapping[str, Any], name: str) -> str:
        texts = {tag: said[name] for tag, said in (one.get("locales") or {}).items() if said.get(name)}
        return self.said.given(one[name], texts)


def named(row: Purse | Reward) -> dict[str, str]:
    """Return a row's names in other languages, by tag."""
    return {tag: texts["name"] for tag, texts in row.locales.items() if texts.get("name")}


def name_in(row: Purse | Reward, tag: str) -> str:
    """Return a row's name in a language, or its own."""
    found = among(named(row), tag)
    return row.name if found is None else str(found)


def last_day(at: datetime, timezone: str) -> date:
    """Return the last whole day before an instant, where the programme is."""
    return (at - timedelta(microseconds=1)).astimezone(ZoneInfo(timezone)).date()


def member_name(member: Member) -> str | None:
    """Return a member's name as it stands on the card, or None."""
    return " ".join(part for part in (member.first_name, member.last_name) if part) or None


def message_of(message: Mapping[str, Any] | None, said: Words) -> tuple[str, str] | None:
    """Return a campaign's title and text in the face's language, or the first that it has."""
    if not message:
        return None
    first = next(iter(message.values()))

    def part(name: str, tag: str) -> str:
        found = among(message, tag) or among(message, said.locale) or first
        return str(found.get(name) or "")

    body = said.say(lambda tag: part("body", tag))
    title = said.say(lambda tag: part("title", tag)) or said.phrase("message")
    return (title, body) if body else None


def _span(one: Mapping[str, Any]) -> RelevantSpan:
    end = one.get("end")
    return RelevantSpan(start=datetime.fromisoformat(one["start"]), end=datetime.fromisoformat(end) if end else None)
