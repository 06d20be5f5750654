"""What a message of a campaign says: its texts by language, its picture and its link, checked as people write them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.offers import templates
from app.parameters import Errors, escape

LOCALE = re.compile("[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
"""Language, script, region: the part of BCP 47 (RFC 5646 §2.1) that we are told."""
LOCALES_MAX = 20
TITLE_MAX = 200
BODY_MAX = 10_000
URL_MAX = 2_000
PUSH_BYTES_MAX = 3_000
"""Of FCM's 4,096 bytes, what a message's own texts may take: values, ids and headers need the rest."""

_FIELDS = {"title": TITLE_MAX, "body": BODY_MAX, "image_url": URL_MAX, "link": URL_MAX}
_TEXTS = ("title", "body")
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*\.(xn--[a-z0-9-]{2,59}|[a-z]{2,63})")


def check_content(raw: object, pointer: str, errors: Errors, *, push: bool) -> None:
    """Add to `errors` what is wrong with a variant's content: an object of texts for each language."""
    if not isinstance(raw, dict) or not 1 <= len(raw) <= LOCALES_MAX:
        errors.append({"pointer": pointer, "detail": f"must hold the texts of 1 to {LOCALES_MAX} languages"})
        return
    for locale, words in raw.items():
        place = f"{pointer}/{escape(str(locale))}"
        if not isinstance(locale, str) or not LOCALE.fullmatch(locale):
            errors.append({"pointer": place, "detail": "is no language tag, such as fr or pt-BR"})
        elif not isinstance(words, dict):
            errors.append({"pointer": place, "detail": "must be an object"})
        else:
            _check_words(words, place, errors, push=push)


def _check_words(words: Mapping[str, Any], pointer: str, errors: Errors, *, push: bool) -> None:
    before = len(errors)
    for name, value in words.items():
        place = f"{pointer}/{escape(str(name))}"
        if name not in _FIELDS:
            errors.append({"pointer": place, "detail": "is not a known field"})
        elif value is not None:
            errors.extend({"pointer": place, "detail": why} for why in _faults(name, value))
    for name in _TEXTS:
        if words.get(name) is None:
            errors.append({"pointer": f"{pointer}/{name}", "detail": "is required"})
    if push and len(errors) == before and size(words) > PUSH_BYTES_MAX:
        detail = f"must take at most {PUSH_BYTES_MAX:,} bytes in all to fit into a push message"
        errors.append({"pointer": pointer, "detail": detail})


def _faults(name: str, value: object) -> Iterable[str]:
    if not isinstance(value, str):
        return ["must be a text"]
    if not value.strip() or len(value) > _FIELDS[name]:
        return [f"must have 1 to {_FIELDS[name]:,} characters"]
    if name in _TEXTS:
        return templates.faults(value)
    fault = url_fault(value)
    return [fault] if fault else []


def size(words: Mapping[str, Any]) -> int:
    """Return how many bytes a message's texts take in UTF-8."""
    return sum(len(str(value).encode()) for value in words.values() if value is not None)


def url_fault(text: str) -> str | None:
    """Return what is wrong with an address that members open, or None.

    It is `https`, on a named host of the public internet, without a name or password in front of it.
    """
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "must be an address that begins with https://"
    if parts.scheme != "https" or not text.isascii() or not text.isprintable():
        return "must be an address that begins with https://, percent-encoded (RFC 3986)"
    if any(letter in text for letter in ' "<>\\^`{|}'):
        return "must be percent-encoded (RFC 3986), without placeholders"
    if "@" in parts.netloc or port == 0:
        return "must have no name or password in it"
    if not _HOST.fullmatch(host):
        return "must be on a named host, such as www.example.com"
    return None


def missing_locales(content: Mapping[str, Any], locales: Iterable[str]) -> list[str]:
    """Return which of a programme's languages a content has no texts for; `fr` serves `fr-CA` and the reverse."""
    spoken = {tag.partition("-")[0] for tag in content}
    return [locale for locale in locales if locale.partition("-")[0] not in spoken]


def foreign_locales(content: Mapping[str, Any], locales: Iterable[str]) -> list[str]:
    """Return the languages of a content that a programme does not speak."""
    spoken = {tag.partition("-")[0] for tag in locales}
    return [locale for locale in content if locale.partition("-")[0] not in spoken]
