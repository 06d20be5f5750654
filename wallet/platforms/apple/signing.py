"""The signature of a pass: CMS SignedData (RFC 5652), detached, over the manifest's bytes.

Wallet wants the intermediate in it and a signing time among the signed attributes. Everything but the time, the digest
and the signature itself is the same for all passes of a credential and is laid out once, when the key is loaded and
checked: loading a key takes fifty times as long as signing with it.
"""

import functools
import hashlib
from datetime import datetime
from typing import Final

from cryptography import x509
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
        self._lay_out()

    def sign(self, manifest: bytes, *, at: datetime | None = None) -> bytes:
        """Return the detached signature of these bytes, DER, as made at `at` (now)."""
        attributes = (
            self._content_type,
            _attribute(SIGNING_TIME, der.time(at or clock.now())),
            _attribute(MESSAGE_DIGEST, der.octets(hashlib.sha256(manifest).digest())),
        )
        signed = der.set_of(attributes)
        signature = self._key.sign(hashlib.sha256(signed).digest(), _PADDING, _PREHASHED)
        # What is signed is a SET; where it stands, the same bytes carry the tag of their place (RFC 5652 §5.4).
        info = der.value(
            der.SEQUENCE, self._info_head, bytes((_IMPLICIT_0,)), signed[1:], self._info_tail, der.octets(signature)
        )
        content = der.sequence(self._head, der.value(der.SET, info))
        return der.sequence(self._type, der.value(_IMPLICIT_0, content))

    def _lay_out(self) -> None:
        sha256 = der.sequence(der.oid(SHA256), der.null())
        issuer = self.certificate.issuer.public_bytes()
        encoded = (x.public_bytes(serialization.Encoding.DER) for x in (self.certificate, self.intermediate))
        self._type = der.oid(SIGNED_DATA)
        self._head = b"".join(
            (
                der.integer(1),
                der.set_of([sha256]),
                der.sequence(der.oid(DATA)),
                der.value(_IMPLICIT_0, *sorted(encoded)),
            )
        )
        self._info_head = b"".join(
            (der.integer(1), der.sequence(issuer, der.integer(self.certificate.serial_number)), sha256)
        )
        self._info_tail = der.sequence(der.oid(RSA), der.null())
        self._content_type = _attribute(CONTENT_TYPE, der.oid(DATA))


@functools.lru_cache(maxsize=256)
def signer(certificate_pem: bytes, key_pem: bytes, intermediate_pem: bytes = wwdr.G4_PEM) -> Signer:
    """Return the signer of a credential, loaded once for each process; raises as `Signer` does."""
    return Signer(certificate_pem, key_pem, intermediate_pem)


def same_chain(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Say whether two certificates are the same, byte for byte."""
    return one.fingerprint(hashes.SHA256()) == other.fingerprint(hashes.SHA256())


@functools.cache
def _attribute_type(kind: str) -> bytes:
    return der.oid(kind)


def _attribute(kind: str, content: bytes) -> bytes:
    return der.sequence(_attribute_type(kind), der.value(der.SET, content))
