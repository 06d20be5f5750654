"""The outbox file and the letters in it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.services import mails


def test_a_letter_is_read_as_it_was_written(tmp_path: Path) -> None:
    box = mails.Postbox(tmp_path / "new" / "folder" / "outbox.jsonl")
    box.append({"kind": "test", "text": "Crème brûlée\nà deux"})

    (letter,) = box.read()

    assert (letter["kind"], letter["text"]) == ("test", "Crème brûlée\nà deux")
    assert letter["at"]


def test_a_postbox_that_was_never_used_is_empty(tmp_path: Path) -> None:
    assert mails.Postbox(tmp_path / "outbox.jsonl").read() == []


def test_letters_written_at_once_do_not_mix(tmp_path: Path) -> None:
    box = mails.Postbox(tmp_path / "outbox.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: box.append({"number": number, "text": "é" * 1500}), range(400)))

    assert sorted(letter["number"] for letter in box.read()) == list(range(400))


@pytest.mark.parametrize(
    ("locale", "language"), [("fr", "fr"), ("fr-BE", "fr"), ("FR", "fr"), ("en", "en"), ("de", "en")]
)
def test_a_letter_is_french_or_english(locale: str, language: str) -> None:
    letter = mails.one_time_code(to="ana@cafe.example", code="492039", locale=locale, minutes=10)

    assert letter["locale"] == language
    assert "492039" in letter["subject"]
    assert "10 minutes" in letter["text"]
