"""The rotating part of a code: RFC 6238 with HMAC-SHA-1, 30 s and 8 digits.

These are the parameters of Google Wallet's rotating barcodes, which offer no other hash; the app uses the
same. Times are unix seconds. That each (card, period) is accepted once is the caller's to keep: only the
database can.
"""

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from app import ids

PERIOD_SECONDS: Final = 30
DIGITS: Final = 8
KEY_BYTES: Final = 20
"""RFC 4226 §4 recommends a key of 160 bits."""


def new_key() -> bytes:
    """Return a new key of 160 random bits, one per card."""
    return ids.secret_bytes(KEY_BYTES)


def period(at: int) -> int:
    """Return the number of the period that holds `at`, counted from 1970."""
    return at // PERIOD_SECONDS


def code(key: bytes, at: int) -> str:
    """Return the 8 digits that a phone with `key` shows at `at`."""
    return _generator(key).generate(at).decode()


def accepted_period(key: bytes, totp: str, at: int) -> int | None:
    """Return the period that `totp` belongs to, from one before `at` to one after, or None.

    All three are compared, each in constant time, so that the time taken says nothing about which one was
    near. Should two periods share their digits (once in 100 million), the later is answered.
    """
    generator = _generator(key)
    found = None
    here = period(at)
    for candidate in range(max(here - 1, 0), here + 2):
        if ids.same(generator.generate(candidate * PERIOD_SECONDS).decode(), totp):
            found = candidate
    return found


def clock_offset_seconds(key: bytes, totp: str, shown_at: int, at: int) -> int | None:
    """Return how far the phone's clock is ahead of ours (below 0: behind), or None when it is not that.

    `shown_at` is the time written in the code. When the digits are right for that time but not for ours,
    either the phone's clock is wrong or the code is an old picture: worth a sentence to the cashier, and
    never a reason to accept.
    """
    if not ids.same(code(key, shown_at), totp):
        return None
    return shown_at - at


def _generator(key: bytes) -> TOTP:
    # SHA-1 is RFC 6238's default, and all that the wallets offer.
    return TOTP(key, DIGITS, SHA1(), PERIOD_SECONDS)  # noqa: S303
