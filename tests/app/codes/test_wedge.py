"""Scanners that type as keyboards, simulated key by key."""

from hypothesis import given

from app.codes import grammar
from tests.app.codes.samples import NOON, card_tokens, offline_text, totp_keys, voucher_codes

# The same keys in the same places: digit row, then three rows of letters; without and with shift.
US = ("1234567890-=qwertyuiop[]asdfghjkl;'zxcvbnm,./", '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>?')
FRENCH = ("&é\"'(-è_çà)=azertyuiop^$qsdfghjklmùwxcvbn,;:!", "1234567890°+AZERTYUIOP¨£QSDFGHJKLM%WXCVBN?./§")
SPANISH = (
    "1234567890'¡qwertyuiop`+asdfghjklñ\u00b4zxcvbnm,.-",
    '!"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨ZXCVBNM;:_',
)
ITALIAN = ("1234567890'ìqwertyuiopè+asdfghjklòàzxcvbnm,.-", '!"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°ZXCVBNM;:_')
Layout = tuple[str, str]


def typed(text: str, scanner: Layout, computer: Layout, *, caps_lock: bool = False) -> str:
    """Return what the computer receives when a scanner set to one layout types on another."""
    received = []
    for character in text:
        shift = character in scanner[1]
        key = scanner[shift].index(character)
        received.append(computer[shift != caps_lock][key])
    return "".join(received) + "\n"


@given(card_tokens, totp_keys, voucher_codes)
def test_a_qwerty_scanner_on_an_azerty_computer_is_read(token: str, key: bytes, code: str) -> None:
    for text in (
        grammar.static_code(token),
        grammar.rotating_code(token, key, NOON),
        grammar.voucher_code(code),
    ):
        assert grammar.parse(typed(text, US, FRENCH)) == grammar.parse(text)


@given(card_tokens, totp_keys, voucher_codes)
def test_a_scanner_on_its_own_layout_is_read_whatever_caps_lock_does(token: str, key: bytes, code: str) -> None:
    for text in (
        grammar.static_code(token),
        grammar.rotating_code(token, key, NOON),
        grammar.voucher_code(code),
    ):
        for caps_lock in (False, True):
            assert grammar.parse(typed(text, FRENCH, FRENCH, caps_lock=caps_lock)) == grammar.parse(text)


@given(card_tokens, totp_keys)
def test_a_colon_that_becomes_a_letter_of_the_country_is_read(token: str, key: bytes) -> None:
    text = grammar.rotating_code(token, key, NOON)
    for computer in (SPANISH, ITALIAN):
        assert grammar.parse(typed(text, US, computer)) == grammar.parse(text)


def test_an_offline_code_survives_small_letters_only() -> None:
    text = offline_text()
    assert grammar.parse(text.lower() + "\r\n") == grammar.parse(text)
