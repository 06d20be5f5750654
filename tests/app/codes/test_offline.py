"""Offline codes: what a till without network believes, and what it does not."""

import base45
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.codes import grammar, offline
from app.codes.errors import NotACardError, OfflineCodeExpiredError, UnknownSigningKeyError
from tests.app.codes.samples import CARD_ID, NOON, SERVER_KEY, SERVER_KEYS, offline_text

BASE_45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def accepted(text: str) -> bool:
    """Say whether a till believes the text at noon; any error but the two refusals escapes."""
    try:
        code = grammar.parse(text)
        assert isinstance(code, offline.OfflineCode)
        offline.verify(code, SERVER_KEYS, NOON)
    except (NotACardError, UnknownSigningKeyError):
        return False
    return True


@given(
    st.integers(0, 2**16 - 1),
    st.uuids(),
    st.integers(0, 2**32 - 1),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
)
def test_a_signed_code_survives_the_round_trip(
    key_id: int, card_id: object, valid_from: int, window_seconds: int, redeem_max: int
) -> None:
    claims = {
        "key_id": key_id,
        "card_id": card_id,
        "valid_from": valid_from,
        "window_seconds": window_seconds,
        "redeem_max": redeem_max,
    }
    text = offline.sign(SERVER_KEY, **claims)  # type: ignore[arg-type]
    code = grammar.parse(text)
    assert isinstance(code, offline.OfflineCode)
    assert {name: getattr(code, name) for name in claims} == claims
    assert offline.read(code.raw) == code
    assert len(text) == offline.TEXT_LENGTH
    assert text.strip() == text
    offline.verify(code, {key_id: SERVER_KEY.public_key()}, valid_from)


def test_a_code_holds_from_its_first_second_to_its_last() -> None:
    code = offline.read_text(offline_text(valid_from=NOON, window_seconds=60))
    offline.verify(code, SERVER_KEYS, NOON)
    offline.verify(code, SERVER_KEYS, NOON + 59)
    with pytest.raises(OfflineCodeExpiredError, match="expired 1 s ago"):
        offline.verify(code, SERVER_KEYS, NOON + 61)
    with pytest.raises(OfflineCodeExpiredError) as late:
        offline.verify(code, SERVER_KEYS, NOON + 60)
    assert late.value.data == {"valid_from": NOON, "valid_until": NOON + 60}
    with pytest.raises(OfflineCodeExpiredError, match="another 1 s"):
        offline.verify(code, SERVER_KEYS, NOON - 1)


def test_no_text_with_one_wrong_character_is_accepted() -> None:
    text = offline_text()
    assert accepted(text)
    mutated = [
        text[:position] + wrong + text[position + 1 :]
        for position in range(len(text))
        for wrong in BASE_45.replace(text[position], "")
    ]
    assert len(mutated) == 142 * 44
    assert [mutant for mutant in mutated if accepted(mutant)] == []


def test_no_envelope_with_one_wrong_bit_is_accepted() -> None:
    raw = offline.read_text(offline_text()).raw
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not accepted("A3" + base45.b45encode(bytes(flipped)).decode())


def test_no_text_with_characters_lost_doubled_or_exchanged_is_accepted() -> None:
    text = offline_text()
    for position in range(len(text) - 1):
        head, here, after, tail = text[:position], text[position], text[position + 1], text[position + 2 :]
        assert not accepted(head + after + tail)
        assert not accepted(head + here + here + after + tail)
        assert here == after or not accepted(head + after + here + tail)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_refused(raw: bytes) -> None:
    try:
        assert offline.read(raw).raw == raw
    except NotACardError:
        assert len(raw) != 93 or raw[0] != 1


def test_a_code_of_a_forger_is_not_a_card() -> None:
    forged = offline.sign(
        Ed25519PrivateKey.generate(),
        key_id=7,
        card_id=CARD_ID,
        valid_from=NOON,
        window_seconds=60,
        redeem_max=10**6,
    )
    assert not accepted(forged)


def test_claims_beside_the_signed_bytes_do_not_count() -> None:
    code = offline.read_text(offline_text(redeem_max=5))
    raised = offline.OfflineCode(
        code.key_id, code.card_id, code.valid_from, code.window_seconds, redeem_max=10**6, raw=code.raw
    )
    with pytest.raises(NotACardError):
        offline.verify(raised, SERVER_KEYS, NOON)


def test_a_signature_over_the_bare_claims_is_refused() -> None:
    """The context keeps a signature made for another purpose from being worn as a code."""
    raw = offline.read_text(offline_text()).raw
    bare = raw[:29] + SERVER_KEY.sign(raw[:29])
    assert not accepted("A3" + base45.b45encode(bare).decode())


def test_a_rotated_key_is_refused_by_its_number() -> None:
    code = offline.read_text(offline_text())
    with pytest.raises(UnknownSigningKeyError) as refused:
        offline.verify(code, {8: SERVER_KEY.public_key()}, NOON)
    assert refused.value.data == {"key_id": 7}


@pytest.mark.parametrize("window_seconds", [0, -1, 301])
def test_a_window_that_is_too_long_is_never_signed(window_seconds: int) -> None:
    with pytest.raises(ValueError, match="window"):
        offline_text(window_seconds=window_seconds)


def test_a_limit_that_does_not_fit_is_never_signed() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        offline_text(redeem_max=2**32)


def test_a_line_end_inside_the_text_is_refused() -> None:
    with pytest.raises(NotACardError):
        offline.read_text(offline_text()[:-1] + "\n")
