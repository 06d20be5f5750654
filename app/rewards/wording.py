"""Amounts as members read them: `3,50 €` in French, `€3.50` in English."""

from app.money import as_decimal
from app.rewards.kinds import Locale

_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
_NARROW_SPACE, _SPACE = "\u202f", "\u00a0"


def money(minor: int, currency: str | None, locale: Locale) -> str:
    """Return an amount of minor units; round ones lose their zeros, and without a currency only the number is said."""
    if currency is None:
        return str(minor)
    amount = as_decimal(minor, currency)
    text = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,}"
    sign = _SIGNS.get(currency)
    if locale == "fr":
        text = text.replace(",", _NARROW_SPACE).replace(".", ",")
        return f"{text}{_SPACE}{sign or currency}"
    return f"{sign}{text}" if sign else f"{currency}{_SPACE}{text}"


def percentage(text: str, locale: Locale) -> str:
    """Return a decimal as a percentage."""
    return f"{text.replace('.', ',')}{_SPACE}%" if locale == "fr" else f"{text}%"
