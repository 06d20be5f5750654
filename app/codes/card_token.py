"""Card tokens and voucher codes: the unguessable part of a code, made and read.

A card token is 80 random bits in 16 characters, a voucher code 60 in 12, each with one check character.
Neither says anything about a person; the database keeps a card token by its hash (`app.ids.digest`).
"""

import re

from app import ids
from app.codes import base32
from app.codes.errors import NotACardError

CARD_TOKEN_LENGTH = 17
VOUCHER_CODE_LENGTH = 13

TYPED_MAX = 64
"""No typed token is longer, hyphens and spaces included."""

_SYMBOL = f"[{base32.ALPHABET}]"
CARD_TOKEN_PATTERN = f"{_SYMBOL}{{{CARD_TOKEN_LENGTH}}}"
VOUCHER_CODE_PATTERN = f"{_SYMBOL}{{{VOUCHER_CODE_LENGTH}}}"

_CARD_TOKEN = re.compile(CARD_TOKEN_PATTERN)
_VOUCHER_CODE = re.compile(VOUCHER_CODE_PATTERN)


def new_card_token() -> str:
    """Return a new card token: 16 characters of 80 random bits and a check character."""
    return _with_check(int.from_bytes(ids.secret_bytes(10)), 80)


def new_voucher_code() -> str:
    """Return a new voucher code: 12 characters of 60 random bits and a check character."""
    return _with_check(int.from_bytes(ids.secret_bytes(8)) >> 4, 60)


def normalise_card_token(text: str) -> str:
    """Return the canonical card token that was typed or scanned; raise NotACardError when it is none."""
    return _normalised(text, _CARD_TOKEN)


def normalise_voucher_code(text: str) -> str:
    """Return the canonical voucher code that was typed or scanned; raise NotACardError when it is none."""
    return _normalised(text, _VOUCHER_CODE)


def grouped(code: str) -> str:
    """Return a token or code in groups of four, `7K3M-Q0ZX-…`, which reading takes as well."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _with_check(number: int, bits: int) -> str:
    text = base32.encode(number, bits)
    return text + base32.check_character(text)


def _normalised(text: str, pattern: re.Pattern[str]) -> str:
    folded = base32.fold(text) if len(text) <= TYPED_MAX else ""
    if pattern.fullmatch(folded) and base32.is_right(folded):
        return folded
    raise NotACardError
