"""The grammar of scanned texts: which code a text is, and how the texts are written.

    A1 token                      static: on a pass, plastic, paper
    A2 token : 8 digits : time    rotating: in the app, in Google Wallet
    A3 base 45                    offline: believed without network
    V1 code                       a voucher

A canonical text, which is what a camera reads, takes one look at a table and one match. Only a text that
misses takes the lenient route for keyboards and people. Anything else is NotACardError, whatever it is; a
text is never opened, fetched or shown as markup. Reading a text proves its check character only: it says
which card is meant, not that it is there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from app.codes import base32, offline, totp, wedge
from app.codes.card_token import CARD_TOKEN_PATTERN, VOUCHER_CODE_PATTERN
from app.codes.errors import JOIN_POSTER, SCAN_AGAIN, NotACardError
from app.codes.offline import OfflineCode

LENGTH_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class StaticCode:
    """A code that only says which card it is."""

    kind: ClassVar[str] = "static"
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RotatingCode:
    """A code that was made just now; `at` is the phone's own time in unix seconds, a hint only."""

    kind: ClassVar[str] = "rotating"
    token: str = field(repr=False)
    totp: str = field(repr=False)
    at: int


@dataclass(frozen=True, slots=True)
class VoucherCode:
    """A voucher's code, to be used once."""

    kind: ClassVar[str] = "voucher"
    code: str = field(repr=False)


ScannedCode: TypeAlias = StaticCode | RotatingCode | OfflineCode | VoucherCode

_STATIC = re.compile(f"A1({CARD_TOKEN_PATTERN})")
_VOUCHER = re.compile(f"V1({VOUCHER_CODE_PATTERN})")
_ROTATING = re.compile(f"A2({CARD_TOKEN_PATTERN}):([0-9]{{8}}):([0-9]{{1,10}})")
# Where a keyboard of another country, or a careless setting, may put the colon.
_COLON = r"""[-:;.,/>_+*=|#'"§°ÑñÖöÇçÉéØøÆæŞş]"""
_LOOSE_ROTATING = re.compile(
    f"[Aa]2([0-9A-Za-z]{{17}}){_COLON}([0-9]{{8}}){_COLON}([0-9]{{1,10}})",
)
_JOIN_LINK = re.compile(r"\s*https?://[^\s/]+/(?:[^\s]*/)?j/", re.IGNORECASE)


def parse(text: str) -> ScannedCode:
    """Return what the scanned text is; raise NotACardError, which says what to do, for anything else."""
    if len(text) <= LENGTH_MAX:
        reader = _READERS.get(text[:2])
        code = (reader(text) if reader else None) or _lenient(text)
        if code is not None:
            return code
    raise NotACardError(JOIN_POSTER if _JOIN_LINK.match(text[:LENGTH_MAX]) else SCAN_AGAIN)


def static_code(token: str) -> str:
    """Return the text that shows a card: `A1` and its token."""
    return f"A1{token}"


def rotating_code(token: str, key: bytes, at: int) -> str:
    """Return the text that the card's app shows at `at` (unix seconds), made with the card's TOTP key."""
    return f"A2{token}:{totp.code(key, at)}:{at}"


def voucher_code(code: str) -> str:
    """Return the text that shows a voucher: `V1` and its code."""
    return f"V1{code}"


def _static(text: str) -> StaticCode | None:
    match = _STATIC.fullmatch(text)
    return StaticCode(match[1]) if match and base32.is_right(match[1]) else None


def _voucher(text: str) -> VoucherCode | None:
    match = _VOUCHER.fullmatch(text)
    return VoucherCode(match[1]) if match and base32.is_right(match[1]) else None


def _rotating(text: str) -> RotatingCode | None:
    match = _ROTATING.fullmatch(text)
    return RotatingCode(match[1], match[2], int(match[3])) if match and base32.is_right(match[1]) else None


def _offline(text: str) -> OfflineCode | None:
    try:
        return offline.read_text(text)
    except NotACardError:
        return None


_READERS: Final[dict[str, Callable[[str], ScannedCode | None]]] = {
    "A1": _static,
    "A2": _rotating,
    "A3": _offline,
    "V1": _voucher,
}


def _lenient(text: str) -> ScannedCode | None:
    """Read what keyboards and people made of a code: folded case, hyphens, foreign layouts, a line end."""
    for reading in wedge.readings(text.strip(" \t\r\n")):
        canonical = _canonical(reading)
        reader = _READERS.get(canonical[:2])
        code = reader(canonical) if reader else None
        if code is not None:
            return code
    return None


def _canonical(text: str) -> str:
    rotating = _LOOSE_ROTATING.fullmatch(text)
    if rotating:
        return f"A2{base32.fold(rotating[1])}:{rotating[2]}:{rotating[3]}"
    if text[:2] in {"A3", "a3"}:
        # Base 45 has its own punctuation and spaces; only the case can be put right.
        return text.upper() if text.isascii() else ""
    return base32.fold(text)
