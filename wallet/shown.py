"""Values of fields as people read them, where we and not a phone write them out: numbers, amounts, days."""

from datetime import date, datetime
from typing import Final

from app.rewards.kinds import language
from app.rewards.wording import money
from wallet.card_face import FaceField

_NARROW_SPACE: Final = "\u202f"
_MONTHS_FIRST: Final = frozenset({"en-US"})
_DOTS: Final = {"de": ".", "es": ".", "it": ".", "nl": ".", "pt": "."}


def shown(one: FaceField, locale: str) -> str:
    """Return a field's value in a language."""
    if one.kind == "money" and isinstance(one.value, int):
        return money(one.value, one.currency, language(locale))
    if isinstance(one.value, int):
        return number(one.value, locale)
    if isinstance(one.value, datetime):
        return day(one.value.date(), locale)
    return day(one.value, locale) if isinstance(one.value, date) else one.value


def number(value: int, locale: str) -> str:
    """Return a whole number with its thousands told apart: `1 250`, `1,250`, `1.250`."""
    tag = locale.partition("-")[0].lower()
    mark = _NARROW_SPACE if tag == "fr" else _DOTS.get(tag, ",")
    return f"{value:,}".replace(",", mark)


def day(value: date, locale: str) -> str:
    """Return a day in figures, in the order that the language writes them: `31/01/2027`, `31.01.2027`, `2027-01-31`."""
    tag = locale.partition("-")[0].lower()
    if locale in _MONTHS_FIRST:
        return f"{value:%m/%d/%Y}"
    if tag == "de":
        return f"{value:%d.%m.%Y}"
    if tag == "nl":
        return f"{value:%d-%m-%Y}"
    return f"{value:%d/%m/%Y}" if tag in {"fr", "en", "es", "it", "pt"} else value.isoformat()
