"""Texts and values of a face in Google's form: a text of its own language, and its translations beside it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.rewards import wording
from app.rewards.kinds import language
from wallet.card_face import CardFace, FaceField


def labelled(face: CardFace, text: str, plain: str, translated: str) -> dict[str, Any]:
    """Return a text under its `plain` name, and under the other its translations (`LocalizedString`), if any.

    The programme's first language comes first, whoever's card it is: what is the same on all cards of a programme is
    written in the same way for each.
    """
    known = face.translations(text)
    first = face.locales[0] if face.locales else face.locale
    main = known.get(first, text)
    others = [_translated(tag, known[tag]) for tag in face.locales if tag in known and known[tag] != main]
    if not others:
        return {plain: main}
    return {plain: main, translated: {"defaultValue": _translated(first, main), "translatedValues": others}}


def localized(face: CardFace, text: str) -> dict[str, Any]:
    """Return a text with its translations where Google takes nothing but a `LocalizedString`."""
    said = labelled(face, text, "plain", "localized")
    first = face.locales[0] if face.locales else face.locale
    whole: dict[str, Any] = said.get("localized") or {"defaultValue": _translated(first, said["plain"])}
    return whole


def text_module(face: CardFace, one: FaceField) -> dict[str, Any]:
    """Return a field as a text below the card."""
    return {
        "id": one.key,
        **labelled(face, one.label, "header", "localizedHeader"),
        **labelled(face, as_text(one, face.locale), "body", "localizedBody"),
    }


def message(face: CardFace, message_id: str, text: Mapping[str, Mapping[str, str]], *, sounds: bool) -> dict[str, Any]:
    """Return a campaign's message, in all languages that it has; `sounds`: the phone tells of it."""
    locale = next((tag for tag in (face.locale, *face.locales) if tag in text), next(iter(text)))
    said = {"id": message_id, "messageType": "TEXT_AND_NOTIFY" if sounds else "TEXT"}
    found: dict[str, Any] = {**said, "header": text[locale].get("title", ""), "body": text[locale].get("body", "")}
    for name, part in (("localizedHeader", "title"), ("localizedBody", "body")):
        others = [_translated(tag, words.get(part, "")) for tag, words in text.items() if tag != locale]
        if others:
            main = _translated(locale, text[locale].get(part, ""))
            found[name] = {"defaultValue": main, "translatedValues": others}
    return found


def as_text(one: FaceField, locale: str) -> str:
    """Return a field's value as a person reads it; days as ISO 8601 writes them, which every language understands."""
    value = one.value
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if one.kind == "money" and isinstance(value, int):
        return wording.money(value, one.currency, language(locale))
    return str(value)


def _translated(locale: str, text: str) -> dict[str, str]:
    return {"language": locale, "value": text}
