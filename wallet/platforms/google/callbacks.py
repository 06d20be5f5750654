"""Google's word that a card was saved to a phone, or deleted from it: `ECv2SigningOnly`, verified.

A root key of Google's signs a key that lives for days, and that one signs the message. Everything signed is a sequence
of texts, each after its length in **bytes** (four, little-endian); counting characters, as some verifiers do, refuses
ids that are not ASCII. https://developers.google.com/wallet/retail/loyalty-cards/use-cases/use-callbacks-for-saves-and-deletions
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

PROTOCOL = "ECv2SigningOnly"
SENDERS = ("GooglePayPasses", "GoogleWalletPasses")
"""Google's pages disagree on its name; both are signed by its own root keys or not at all."""
BODY_BYTES_MAX = 20_000
NONCE_LENGTH_MAX = 200
SIGNATURES_MAX = 5
"""Google sends one; each costs us a verification."""


class CallbackRefusedError(Exception):
    """The message is not Google's, not for us, or too old; the text says why and quotes nothing of it."""


@dataclass(frozen=True, kw_only=True)
class RootKey:
    """One of Google's root keys, and until when it signs."""

    key: EllipticCurvePublicKey
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Callback:
    """What happened to an object; `nonce` is the same when Google tells it twice."""

    class_id: str
    object_id: str
    event: Literal["save", "del"]
    nonce: str
    count: int


def read_root_keys(document: Any) -> list[RootKey]:
    """Read the document at Google's key address; keys of other protocols are left out. Raises ValueError."""
    try:
        return [
            RootKey(key=_public_key(entry["keyValue"]), expires_at=_instant(entry.get("keyExpiration", _FAR)))
            for entry in document["keys"]
            if entry["protocolVersion"] == PROTOCOL
        ]
    except (KeyError, TypeError, AttributeError, CallbackRefusedError) as error:
        raise ValueError("this is no list of root keys") from error


def verify(body: bytes, keys: Sequence[RootKey], *, issuer_id: str, at: datetime) -> Callback:
    """Return what a callback says; raise CallbackRefusedError where any part of it does not hold at the instant `at`.

    `issuer_id` is to whom it must have been signed: `issuer_of` says whom it claims to be for.
    """
    envelope = _envelope(body)
    signing_key = _intermediate_key(envelope, keys, at)
    message = _text(envelope, "signedMessage")
    signatures = [_text(envelope, "signature")]
    if not any(_is_signed(signing_key, signatures, (sender, issuer_id, PROTOCOL, message)) for sender in SENDERS):
        raise CallbackRefusedError("the message is not signed for this issuer")
    return _read_message(message, issuer_id, at)


def issuer_of(body: bytes) -> str:
    """Return the issuer whose object a callback claims to be about, not verified yet. Raises CallbackRefusedError."""
    return _text(_document(_text(_envelope(body), "signedMessage")), "objectId").partition(".")[0]


def _envelope(body: bytes) -> Mapping[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise CallbackRefusedError("longer than a callback is")
    envelope = _document(body)
    if envelope.get("protocolVersion") != PROTOCOL:
        raise CallbackRefusedError(f"the protocol is not {PROTOCOL}")
    return envelope


def _intermediate_key(envelope: Mapping[str, Any], keys: Sequence[RootKey], at: datetime) -> EllipticCurvePublicKey:
    """Return the key that signs messages, once a root key that is still good vouches for it."""
    intermediate = envelope.get("intermediateSigningKey")
    if not isinstance(intermediate, dict) or not isinstance(intermediate.get("signatures"), list):
        raise CallbackRefusedError("there is no intermediate signing key")
    signed_key = _text(intermediate, "signedKey")
    signatures = [each for each in intermediate["signatures"][:SIGNATURES_MAX] if isinstance(each, str)]
    good = [root.key for root in keys if at < root.expires_at]
    if not any(_is_signed(key, signatures, (sender, PROTOCOL, signed_key)) for key in good for sender in SENDERS):
        raise CallbackRefusedError("no root key vouches for the intermediate signing key")
    fields = _document(signed_key)
    if at >= _instant(fields.get("keyExpiration")):
        raise CallbackRefusedError("the intermediate signing key has expired")
    return _public_key(fields.get("keyValue"))


def _read_message(text: str, issuer_id: str, at: datetime) -> Callback:
    message = _document(text)
    if at >= _instant(message.get("expTimeMillis")):
        raise CallbackRefusedError("the message has expired")
    event, object_id, nonce = message.get("eventType"), _text(message, "objectId"), _text(message, "nonce")
    if event not in {"save", "del"}:
        raise CallbackRefusedError("it is neither a save nor a deletion")
    if object_id.partition(".")[0] != issuer_id or not 0 < len(nonce) <= NONCE_LENGTH_MAX:
        raise CallbackRefusedError("the object is not this issuer's, or the nonce is none")
    count = message.get("count", 1)
    return Callback(
        class_id=_text(message, "classId"),
        object_id=object_id,
        event=cast("Literal['save', 'del']", event),
        nonce=nonce,
        count=count if isinstance(count, int) else 1,
    )


def signed_bytes(parts: Sequence[str]) -> bytes:
    """Return what is signed: each text in UTF-8 after its length in bytes."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "little") + part for part in encoded)


def _is_signed(key: EllipticCurvePublicKey, signatures: Sequence[str], parts: Sequence[str]) -> bool:
    data = signed_bytes(parts)
    for signature in signatures:
        try:
            key.verify(base64.b64decode(signature, validate=True), data, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def _public_key(text: object) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(base64.b64decode(str(text), validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise CallbackRefusedError("a key that cannot be read") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise CallbackRefusedError("a key of another kind")
    return key


_FAR = 253402300799000
"""The end of the year 9999, in milliseconds: for keys that say nothing of their end."""


def _instant(milliseconds: object) -> datetime:
    """Read milliseconds since 1970, as a number or as a text: Google writes both."""
    try:
        return datetime.fromtimestamp(int(cast("Any", milliseconds)) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise CallbackRefusedError("an instant that is none") from error


def _document(text: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CallbackRefusedError("not JSON") from error
    if not isinstance(document, dict):
        raise CallbackRefusedError("not an object")
    return document


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    # JSON can write halves of characters (`\\ud800`), which no UTF-8 has and no signature covers.
    if not isinstance(value, str) or not value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise CallbackRefusedError(f"`{name}` is missing")
    return value
