"""Values of fields as people read them."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from wallet.card_face import FaceField
from wallet.shown import shown


def said(value: Any, locale: str, **more: Any) -> str:
    return shown(FaceField(key="x", label="x", value=value, area="back", **more), locale)


@pytest.mark.parametrize(
    ("locale", "text"),
    [("fr", "12\u202f500"), ("en", "12,500"), ("de-CH", "12.500"), ("pt-BR", "12.500"), ("ja", "12,500")],
)
def test_thousands_are_told_apart(locale: str, text: str) -> None:
    assert said(12_500, locale, kind="number") == text


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("fr", "31/01/2027"), ("en", "31/01/2027"), ("en-US", "01/31/2027"), ("de", "31.01.2027"),
        ("nl", "31-01-2027"), ("sv", "2027-01-31"),
    ],
)  # fmt: skip
def test_days_are_written_as_the_language_does(locale: str, text: str) -> None:
    assert said(date(2027, 1, 31), locale, kind="date") == text
    assert said(datetime(2027, 1, 31, 12, tzinfo=UTC), locale, kind="instant") == text


def test_amounts_have_their_currency() -> None:
    assert said(1250, "fr", kind="money", currency="EUR") == "12,50\u00a0€"
    assert said(1250, "en", kind="money", currency="EUR") == "€12.50"
    assert said("7 / 10", "fr") == "7 / 10"
