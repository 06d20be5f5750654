"""Words of passes: complete, and collected with their translations."""

import re

import pytest

from wallet import words
from wallet.words import PHRASES, TWIN, Words

_PLACES = re.compile(r"\{\w+\}|%@")


@pytest.mark.parametrize("key", PHRASES)
def test_every_phrase_is_said_in_every_language_with_the_same_places(key: str) -> None:
    said = PHRASES[key]

    assert set(said) == words.LANGUAGES
    assert len({tuple(sorted(_PLACES.findall(text))) for text in said.values()}) == 1
    assert all(text.strip() == text and text for text in said.values())


@pytest.mark.parametrize(
    ("tag", "said"), [("fr", "Membre"), ("pt-BR", "Membro"), ("de-AT", "Mitglied"), ("ja", "Member")]
)
def test_a_language_that_we_lack_gets_english(tag: str, said: str) -> None:
    assert words.phrase("member", tag) == said


def test_what_is_said_is_collected_in_the_other_languages() -> None:
    said = Words("fr", ["fr", "en", "de"])

    assert said.phrase("missing", n=lambda _: "3") == "Encore 3 pour"
    assert said.given("Café", {"en": "Coffee"}) == "Café"
    assert said.strings == {
        "en": {"Encore 3 pour": "3 more for", "Café": "Coffee"},
        # The same keys in every language, as Apple asks for.
        "de": {"Encore 3 pour": "Noch 3 bis", "Café": "Café"},
    }


def test_of_two_texts_that_are_one_here_each_has_its_own_translation() -> None:
    said = Words("fr", ["fr", "en", "de"])
    first = said.given("Bon", {"en": "Voucher"})
    second = said.given("Bon", {"en": "Good"})

    assert (first, second) == ("Bon", "Bon" + TWIN)
    assert said.strings["en"] == {first: "Voucher", second: "Good"}
    # Said again, they are the same two.
    assert said.given("Bon", {"en": "Good"}) == second
    assert said.given("Bon", {"en": "Voucher"}) == first
    assert set(said.strings["de"]) == {first, second}


def test_a_name_is_no_other_texts_translation_whichever_is_said_first() -> None:
    said = Words("fr", ["fr", "en"])
    said.same("Rose")
    flower = said.given("Rose", {"en": "A rose"})
    bon = said.given("Bon", {"en": "Voucher"})

    assert flower == "Rose" + TWIN
    assert said.same("Rose") == "Rose"
    assert said.same(bon) == bon + TWIN
    assert bon + TWIN not in said.strings["en"]


@pytest.mark.parametrize(("tag", "found"), [("fr-CA", "ca"), ("fr", "ca"), ("fr-BE", "ca"), ("en", None)])
def test_a_text_is_found_by_its_tag_or_by_its_language(tag: str, found: str | None) -> None:
    assert words.among({"fr-CA": "ca", "fr-FR": "fr"}, tag) == found
