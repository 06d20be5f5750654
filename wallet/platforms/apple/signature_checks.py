"""The signature of a finished pass, taken apart: CMS as Wallet wants it, verified with the certificate in it."""

import hashlib
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.utils import CryptographyDeprecationWarning

from wallet.platforms.apple import certificates, credential_checks, der, signing
from wallet.platforms.apple.findings import Finding

DIGESTS: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1.3.14.3.2.26": hashes.SHA1(),  # noqa: S303 - others' passes are read, too
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
CLOCK_SKEW: Final = timedelta(minutes=10)
RSA_SIGNATURES: Final = frozenset({signing.RSA, *(f"1.2.840.113549.1.1.{each}" for each in (5, 11, 12, 13))})
"""rsaEncryption, and RSA with one of the digests above."""
_VERSION_1: Final = der.integer(1)
_EXPLICIT: Final = 0xA0
_CERTIFICATES: Final = 0xA0
_ATTRIBUTES: Final = 0xA0


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signature as read; `attributes` maps a type to its first value, `signed_bytes` is what was signed."""

    detached: bool
    certificates: tuple[x509.Certificate, ...]
    issuer: bytes
    serial_number: int
    digest: str
    attributes: Mapping[str, der.Value]
    signed_bytes: bytes
    in_order: bool
    signature: bytes

    @property
    def signer(self) -> x509.Certificate | None:
        """The certificate of whoever signed, where it is among those that travel along."""
        for one in self.certificates:
            if one.serial_number == self.serial_number and one.issuer.public_bytes() == self.issuer:
                return one
        return None


def read(signature: bytes) -> Signed:
    """Take a signature apart; raise ValueError for what is no CMS SignedData by one signer, in DER."""
    kind, content = _inside(der.read(signature), der.SEQUENCE)
    (signed,) = _inside(content, _EXPLICIT)
    version, digests, encapsulated, *rest = _inside(signed, der.SEQUENCE)
    named, *attached = _inside(encapsulated, der.SEQUENCE)
    if (der.read_oid(kind), der.read_oid(named), version.encoded) != (signing.SIGNED_DATA, signing.DATA, _VERSION_1):
        raise der.DerError("it is another kind of CMS content")
    travelling = _inside(rest[0], _CERTIFICATES)
    (info,) = _inside(rest[-1], der.SET)
    info_version, identifier, digest, attributes, algorithm, value = _inside(info, der.SEQUENCE)
    issuer, serial = _inside(identifier, der.SEQUENCE)
    if info_version.encoded != _VERSION_1 or serial.tag != der.INTEGER or value.tag != der.OCTETS:
        raise der.DerError("it does not name its signer by issuer and serial number")
    digest_used = _algorithm(digest)
    if digest_used not in map(_algorithm, _inside(digests, der.SET)) or _algorithm(algorithm) not in RSA_SIGNATURES:
        raise der.DerError("it was not signed as Wallet's signatures are")
    listed = _inside(attributes, _ATTRIBUTES)
    pairs = [_inside(one, der.SEQUENCE) for one in listed]
    return Signed(
        detached=not attached,
        certificates=tuple(map(_certificate, travelling)),
        issuer=issuer.encoded,
        serial_number=int.from_bytes(serial.content, "big"),
        digest=digest_used,
        attributes={der.read_oid(type_): _inside(values, der.SET)[0] for type_, values in pairs},
        signed_bytes=bytes((der.SET,)) + attributes.encoded[1:],
        in_order=(encoded := [one.encoded for one in listed]) == sorted(encoded),
        signature=value.content,
    )


def _inside(value: der.Value, tag: int) -> list[der.Value]:
    if value.tag != tag:
        raise der.DerError("another value was expected")
    return value.children()


def _algorithm(value: der.Value) -> str:
    """Return an algorithm's identifier; its parameters must be absent or NULL."""
    named, *parameters = _inside(value, der.SEQUENCE)
    if [one.encoded for one in parameters] not in ([], [der.null()]):
        raise der.DerError("an algorithm has parameters")
    return der.read_oid(named)


def _certificate(value: der.Value) -> x509.Certificate:
    """Return a certificate whose parts can all be read: `cryptography` reads them when they are asked for."""
    _body, _signed_by, signature = _inside(value, der.SEQUENCE)
    # A signature is whole bytes; a count of unused bits would be ignored by some readers and not by others.
    if signature.content[:1] != b"\0":
        raise der.DerError("a certificate's signature is not whole bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(value.encoded)
            _parts = (certificate.public_key(), certificate.extensions, certificate.subject, certificate.issuer)
    except (
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        CryptographyDeprecationWarning,
    ) as error:
        raise ValueError("a certificate that is not one of Apple's kind") from error
    return certificate


def of_signature(
    signature: bytes, manifest: bytes, *, now: datetime, authorities: Collection[x509.Certificate] = ()
) -> tuple[x509.Certificate | None, list[Finding]]:
    """Return who signed, and everything that is wrong with the signature of this manifest."""
    try:
        signed = read(signature)
    except (ValueError, IndexError):
        says = "`signature` is not a CMS signature in DER form (not PEM, not S/MIME, not bare bytes)."
        return None, [Finding(code="signature-unreadable", about="signature", says=says)]
    found = list(_form(signed, manifest, now))
    signer = signed.signer
    if signer is None:
        says = "The signer's certificate does not travel in the signature."
        return None, [*found, Finding(code="signer-missing", about="signature", says=says)]
    if not _verifies(signed, signer):
        says = "The signature does not verify with the certificate in it: it was made with another key, or changed."
        found.append(Finding(code="signature-wrong", about="signature", says=says))
    return signer, [*found, *_chain(signed, signer, now, authorities)]


def _form(signed: Signed, manifest: bytes, now: datetime) -> Iterator[Finding]:
    if not signed.detached:
        says = "The signature carries the manifest in it; Wallet wants it detached."
        yield Finding(code="attached", about="signature", says=says)
    digest, time = signed.attributes.get(signing.MESSAGE_DIGEST), signed.attributes.get(signing.SIGNING_TIME)
    algorithm = DIGESTS.get(signed.digest)
    if algorithm is None or digest is None or signing.CONTENT_TYPE not in signed.attributes:
        says = "The signature lacks signed attributes (content type, digest), or hashes in a way that is not known."
        yield Finding(code="no-attributes", about="signature", says=says)
    elif hashlib.new(algorithm.name, manifest, usedforsecurity=False).digest() != digest.content:
        says = "The signature belongs to another `manifest.json`: the manifest was changed after it was signed."
        yield Finding(code="other-manifest", about="signature", says=says)
    if (at := _time(time)) is None:
        yield Finding(code="no-signing-time", about="signature", says="The signature lacks a signing time.")
    elif at > now + CLOCK_SKEW:
        says = f"The signing time, {at:%Y-%m-%d %H:%M} UTC, is still to come: the clock of whoever signed is wrong."
        yield Finding(code="signed-in-future", about="signature", says=says)
    if not signed.in_order:
        # Phones take it: the most used generator of all writes them so.
        says = "The signed attributes are not in the order of DER: strict readers (GnuTLS) refuse the signature."
        yield Finding(code="attributes-disordered", about="signature", says=says, stops=False)


def _time(value: der.Value | None) -> datetime | None:
    try:
        return der.read_time(value) if value is not None else None
    except der.DerError:
        return None


def _verifies(signed: Signed, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), DIGESTS.get(signed.digest)
    if not isinstance(key, rsa.RSAPublicKey) or algorithm is None:
        return False
    try:
        key.verify(signed.signature, signed.signed_bytes, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _chain(
    signed: Signed, signer: x509.Certificate, now: datetime, authorities: Collection[x509.Certificate]
) -> Iterator[Finding]:
    others = [one for one in signed.certificates if one != signer]
    issuers = [one for one in others if certificates.issued_by(signer, one)]
    if not issuers:
        says = (
            "Apple's intermediate (WWDR G4) does not travel in the signature, or another one does, so that no phone "
            "finds the way to Apple's root."
        )
        if signer.issuer == signer.subject:
            says = "The certificate signed itself: phones take certificates from Apple only."
        yield Finding(code="intermediate-missing", about="signature", says=says)
    # Without an issuer the certificate stands for it, whose absence has just been said.
    intermediate = issuers[0] if issuers else signer
    for finding in credential_checks.of_chain(signer, intermediate, now=now, authorities=authorities):
        if issuers or finding.about != "intermediate":
            yield finding
