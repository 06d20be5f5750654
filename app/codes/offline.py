"""Offline codes (`A3`): a short-lived statement of the server that a till without network can believe.

The text is base 45 (RFC 9285) of 93 bytes, big-endian:

    version 1 | key id 2 | card id 16 | valid from 4 | window 2 | redeem max 4 | Ed25519 signature 64

which with its prefix makes 142 characters of QR's alphanumeric mode: version 5 at error correction L. The
signature covers a context and the 29 bytes before it, so that a key used here by mistake signs nothing
else. The algorithm follows from the version; no field names one. Times are unix seconds.
"""

import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

import base45
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.codes.errors import NotACardError, OfflineCodeExpiredError, UnknownSigningKeyError

PREFIX: Final = "A3"
TEXT_LENGTH: Final = 142

WINDOW_SECONDS_MAX: Final = 300
"""No offline code lives longer: within its window a photograph of it is as good as the card."""

_CONTEXT: Final = b"assidu/A3/1\x00"
_VERSION: Final = 1
_CLAIMS = struct.Struct(">BH16sIHI")
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class OfflineCode:
    """What an offline code claims; believe it after `verify` only.

    `redeem_max` is the highest price, in the purse's own units, that an offline till may redeem: 0 means
    earn only.
    """

    kind: ClassVar[str] = "offline"
    key_id: int
    card_id: uuid.UUID
    valid_from: int
    window_seconds: int
    redeem_max: int
    raw: bytes = field(repr=False)

    @property
    def valid_until(self) -> int:
        """The first second at which the code is no longer valid."""
        return self.valid_from + self.window_seconds


def sign(
    private_key: Ed25519PrivateKey,
    *,
    key_id: int,
    card_id: uuid.UUID,
    valid_from: int,
    window_seconds: int,
    redeem_max: int,
) -> str:
    """Return the text of a signed offline code.

    Raises ValueError when the window is not 1 to 300 s or a number does not fit its field.
    """
    if not 0 < window_seconds <= WINDOW_SECONDS_MAX:
        raise ValueError(f"the window of an offline code is 1 to {WINDOW_SECONDS_MAX} s")
    try:
        claims = _CLAIMS.pack(_VERSION, key_id, card_id.bytes, valid_from, window_seconds, redeem_max)
    except struct.error as error:
        raise ValueError(f"a claim of an offline code does not fit its field: {error}") from None
    raw = claims + private_key.sign(_CONTEXT + claims)
    return f"{PREFIX}{base45.b45encode(raw).decode()}"


def read(raw: bytes) -> OfflineCode:
    """Return what the bytes claim, unverified; raise NotACardError when they are no envelope of ours."""
    if len(raw) != _CLAIMS.size + _SIGNATURE_BYTES or raw[0] != _VERSION:
        raise NotACardError
    _, key_id, card_id, valid_from, window_seconds, redeem_max = _CLAIMS.unpack_from(raw)
    return OfflineCode(key_id, uuid.UUID(bytes=card_id), valid_from, window_seconds, redeem_max, raw)


def read_text(text: str) -> OfflineCode:
    """Return what a text with its `A3` claims, unverified; raise NotACardError when it is none of ours."""
    if len(text) != TEXT_LENGTH or not text.startswith(PREFIX):
        raise NotACardError
    try:
        # As bytes: given a str, the library would forgive a line end.
        return read(base45.b45decode(text[len(PREFIX) :].encode("ascii")))
    except ValueError:
        raise NotACardError from None


def verify(code: OfflineCode, keys: Mapping[int, Ed25519PublicKey], at: int) -> None:
    """Return when one of `keys` signed the code and its window holds `at`, the time of the scan.

    Raises UnknownSigningKeyError for a key id that is not held, NotACardError for a forged or damaged code,
    and OfflineCodeExpiredError outside the window. The signed bytes decide, not the fields beside them.
    """
    signed = read(code.raw)
    key = keys.get(signed.key_id)
    if key is None:
        raise UnknownSigningKeyError(signed.key_id)
    try:
        key.verify(signed.raw[_CLAIMS.size :], _CONTEXT + signed.raw[: _CLAIMS.size])
    except InvalidSignature:
        raise NotACardError from None
    if signed != code:
        raise NotACardError
    if not signed.valid_from <= at < signed.valid_until:
        raise OfflineCodeExpiredError(valid_from=signed.valid_from, valid_until=signed.valid_until, at=at)
