"""The rotating part of a code, against RFC 6238."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codes import totp
from tests.app.codes.samples import NOON, times, totp_keys

RFC_KEY = b"12345678901234567890"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238_appendix_b_hold(at: int, expected: str) -> None:
    assert totp.code(RFC_KEY, at) == expected
    assert totp.accepted_period(RFC_KEY, expected, at) == totp.period(at)


def test_a_key_has_160_bits_and_is_never_twice_the_same() -> None:
    keys = {totp.new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {20}


@given(totp_keys, times, st.integers(-29, 29))
def test_a_code_shown_less_than_a_period_away_is_accepted(key: bytes, at: int, offset: int) -> None:
    shown_at = max(at + offset, 0)
    assert totp.accepted_period(key, totp.code(key, shown_at), at) is not None


@pytest.mark.parametrize("offset", [-61, 61, -3600, 3600])
def test_a_captured_code_is_refused_after_its_window(offset: int) -> None:
    shown = totp.code(RFC_KEY, NOON)
    assert totp.accepted_period(RFC_KEY, shown, NOON + offset) is None


def test_the_same_code_gives_the_same_period_over_its_whole_life() -> None:
    shown_in = totp.period(NOON)
    start = shown_in * 30
    shown = totp.code(RFC_KEY, NOON)
    answers = {totp.accepted_period(RFC_KEY, shown, at) for at in range(start - 30, start + 60)}
    assert answers == {shown_in}
    assert totp.accepted_period(RFC_KEY, shown, start - 31) is None
    assert totp.accepted_period(RFC_KEY, shown, start + 60) is None


def test_another_cards_code_is_refused() -> None:
    assert totp.accepted_period(RFC_KEY, totp.code(b"another card's key..", NOON), NOON) is None


@given(st.text(max_size=10), st.integers(0, 100))
def test_any_text_is_refused_cleanly(text: str, at: int) -> None:
    expected = {totp.code(RFC_KEY, shown_at): totp.period(shown_at) for shown_at in (0, 30, 60, 90, 120)}
    answer = totp.accepted_period(RFC_KEY, text, at)
    assert answer is None or answer == expected[text]


def test_a_wrong_phone_clock_is_told() -> None:
    shown_at = NOON - 400
    shown = totp.code(RFC_KEY, shown_at)
    assert totp.clock_offset_seconds(RFC_KEY, shown, shown_at, NOON) == -400
    assert totp.clock_offset_seconds(RFC_KEY, shown, shown_at - 3000, NOON) is None
