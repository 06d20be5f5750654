"""Crockford's base 32, and what its check character catches."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codes import base32
from tests.app.codes.samples import card_tokens, voucher_codes


@given(st.integers(0, 2**80 - 1))
def test_a_number_survives_the_round_trip(number: int) -> None:
    text = base32.encode(number, 80)
    assert len(text) == 16
    assert base32.decode(text) == number


@pytest.mark.parametrize(("number", "bits"), [(32, 5), (-1, 5), (1, 4)])
def test_a_number_that_does_not_fit_is_refused(number: int, bits: int) -> None:
    with pytest.raises(ValueError, match="not a number"):
        base32.encode(number, bits)


@pytest.mark.parametrize("text", ["U", "o", "é", "0-0"])
def test_decoding_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match="outside base 32"):
        base32.decode(text)


def test_reading_is_lenient_as_crockford_asks() -> None:
    assert base32.fold("oO-iI lL az") == "001111AZ"


@given(st.text())
def test_folding_makes_no_foreign_letter_one_of_ours(text: str) -> None:
    foreign = "".join(letter for letter in text if not letter.isascii())
    assert base32.fold(foreign) == foreign


@given(card_tokens | voucher_codes)
def test_every_single_wrong_character_is_caught(code: str) -> None:
    for position, right in enumerate(code):
        for wrong in base32.ALPHABET.replace(right, ""):
            assert not base32.is_right(code[:position] + wrong + code[position + 1 :])


@given(card_tokens | voucher_codes)
def test_every_exchange_of_two_characters_is_caught(code: str) -> None:
    for left, right in itertools.combinations(range(len(code)), 2):
        exchanged = list(code)
        exchanged[left], exchanged[right] = exchanged[right], exchanged[left]
        assert base32.is_right("".join(exchanged)) == (code[left] == code[right])


def test_every_pair_of_neighbours_is_caught_in_every_state() -> None:
    """The proof behind the two tests above: all 32 states the check can be in, and all pairs."""
    for state, (left, right) in itertools.product(base32.ALPHABET, itertools.combinations(base32.ALPHABET, 2)):
        assert base32.check_character(state + left + right) != base32.check_character(state + right + left)


def test_the_check_character_stays_inside_the_alphabet() -> None:
    drawn = {base32.check_character(symbol) for symbol in base32.ALPHABET}
    assert drawn == set(base32.ALPHABET)
