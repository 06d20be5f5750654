"""Card tokens and voucher codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codes import base32, card_token
from app.codes.errors import NotACardError
from tests.app.codes.samples import card_tokens, voucher_codes


def test_new_tokens_are_canonical_and_never_twice_the_same() -> None:
    tokens = {card_token.new_card_token() for _ in range(2000)}
    assert len(tokens) == 2000
    assert all(len(token) == 17 and card_token.normalise_card_token(token) == token for token in tokens)


def test_new_voucher_codes_are_canonical_and_never_twice_the_same() -> None:
    codes = {card_token.new_voucher_code() for _ in range(2000)}
    assert len(codes) == 2000
    assert all(len(code) == 13 and card_token.normalise_voucher_code(code) == code for code in codes)


def test_every_bit_of_a_token_is_drawn() -> None:
    seen_ones, seen_zeros = 0, 0
    for _ in range(200):
        number = base32.decode(card_token.new_card_token()[:-1])
        seen_ones |= number
        seen_zeros |= ~number
    assert seen_ones == 2**80 - 1
    assert seen_zeros & (2**80 - 1) == 2**80 - 1


@given(card_tokens)
def test_a_token_is_read_as_people_type_it(token: str) -> None:
    typed = card_token.grouped(token).lower().replace("0", "o").replace("1", "l")
    assert card_token.normalise_card_token(f" {typed} ") == token


@given(voucher_codes)
def test_a_voucher_code_is_no_card_token(code: str) -> None:
    with pytest.raises(NotACardError):
        card_token.normalise_card_token(code)


@given(st.text(max_size=40) | st.text(base32.ALPHABET, min_size=13, max_size=17))
def test_any_other_text_is_refused_cleanly(text: str) -> None:
    for normalise in (card_token.normalise_card_token, card_token.normalise_voucher_code):
        try:
            code = normalise(text)
        except NotACardError:
            continue
        assert base32.is_right(code)


def test_a_long_text_is_refused_unread() -> None:
    with pytest.raises(NotACardError):
        card_token.normalise_card_token("-" * 100_000 + card_token.new_card_token())


def test_groups_of_four_read_back() -> None:
    assert card_token.grouped("ABCDEFGHJKMNP") == "ABCD-EFGH-JKMN-P"
