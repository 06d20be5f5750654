"""The signature of a pass: CMS SignedData (RFC 5652), detached, over the manifest's bytes.

Wallet wants the intermediate in it and a signing time among the signed attributes. Everything but the time, the digest
and the signature itself is the same for all passes of a credential and is laid out once, when the key is loaded and
checked: loading a key takes fifty times as long as signing with it.
"""

import functools
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from app import clock
from wallet.platforms.apple import certificates, der, wwdr

DATA: Final = "1.2.840.113549.1.7.1"
SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
SHA256: Final = "2.16.840.1.101.3.4.2.1"
RSA: Final = "1.2.840.113549.1.1.1"
KEY_BITS_MIN: Final = 2048

_PADDING: Final = padding.PKCS1v15()
_PREHASHED: Final = Prehashed(hashes.SHA256())
_IMPLICIT_0: Final = 0xA0


class Signer:
    """A programme's Pass Type ID credential, loaded: signs manifests. Safe to share between threads."""

    def __init__(self, certificate_pem: bytes, key_pem: bytes, intermediate_pem: bytes = wwdr.G4_PEM) -> None:
        """Load and check the key.

        Raises certificates.UnreadableError (a ValueError) for what cannot be read, or when key and certificate are no
        pair. Whether phones accept them is for `diagnosis` to say.
        """
        self.certificate = certificates.read_certificate(certificate_pem)
        self.intermediate = certificates.read_certificate(intermediate_pem)
        self.facts = certificates.facts_of(self.certificate)
        self._key = certificates.read_key(key_pem)
        if self._key.public_key() != self.certificate.public_key():
            raise certificates.UnreadableError("The private key is not the one of this certificate.")
        if self._key.key_size < KEY_BITS_MIN:
            raise certificates.UnreadableError(f"The key has {self._key.key_size} bits, and {KEY_BITS_MIN} are needed.")
        self._layouts: dict[int, _Layout] = {}

    def sign(self, manifest: bytes, *, at: datetime | None = None) -> bytes:
        """Return the detached signature of these bytes, DER, as made at `at` (now)."""
        time, digest = der.time(at or clock.now()), hashlib.sha256(manifest).digest()
        layout = self._layouts.get(len(time))
        if layout is None:
            layout = self._layouts[len(time)] = self._lay_out(time)
        signed = b"".join((layout.to_time, time, layout.to_digest, digest))
        signature = self._key.sign(hashlib.sha256(signed).digest(), _PADDING, _PREHASHED)
        return b"".join((layout.head, signed[1:], layout.tail, signature))

    def _lay_out(self, time: bytes) -> "_Layout":
        """Write a signature with marks where time, digest and signature will stand, and cut it at the marks."""
        mark, digest, signature = bytes(len(time)), b"\xff" * 32, b"\xff" * (self._key.key_size // 8)
        attributes = (
            _attribute(CONTENT_TYPE, der.oid(DATA)),
            _attribute(SIGNING_TIME, mark),
            _attribute(MESSAGE_DIGEST, der.octets(digest)),
        )
        signed = der.set_of(attributes)
        to_time, to_digest = signed[: -len(digest)].split(mark)
        whole = self._message(signed, signature)
        head, tail = whole[: -len(signature)].split(signed[1:])
        return _Layout(to_time=to_time, to_digest=to_digest, head=head, tail=tail)

    def _message(self, signed: bytes, signature: bytes) -> bytes:
        """Return the whole, of the SET of signed attributes and of what the key made of it."""
        sha256 = der.sequence(der.oid(SHA256), der.null())
        issuer = self.certificate.issuer.public_bytes()
        encoded = (x.public_bytes(serialization.Encoding.DER) for x in (self.certificate, self.intermediate))
        info = der.sequence(
            der.integer(1),
            der.sequence(issuer, der.integer(self.certificate.serial_number)),
            sha256,
            # What is signed is a SET; where it stands, the same bytes carry the tag of their place (RFC 5652 §5.4).
            bytes((_IMPLICIT_0,)) + signed[1:],
            der.sequence(der.oid(RSA), der.null()),
            der.octets(signature),
        )
        content = der.sequence(
            der.integer(1),
            der.set_of([sha256]),
            der.sequence(der.oid(DATA)),
            der.value(_IMPLICIT_0, *sorted(encoded)),
            der.set_of([info]),
        )
        return der.sequence(der.oid(SIGNED_DATA), der.value(_IMPLICIT_0, content))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What stands between the parts of a signature that differ, in order: time, digest; attributes, signature."""

    to_time: bytes
    to_digest: bytes
    head: bytes
    tail: bytes


@functools.lru_cache(maxsize=256)
def signer(certificate_pem: bytes, key_pem: bytes, intermediate_pem: bytes = wwdr.G4_PEM) -> Signer:
    """Return the signer of a credential, loaded once for each process; raises as `Signer` does."""
    return Signer(certificate_pem, key_pem, intermediate_pem)


def _attribute(kind: str, content: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.value(der.SET, content))
