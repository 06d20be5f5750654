"""Pass Type ID certificates: what stands in them, and reading what people upload (PEM, DER, PKCS#12).

What makes a certificate one for passes is what Apple's own check asks for (Security framework,
SecPolicyCreatePassbookCardSigner): the marker extension with the pass type identifier, an extended key usage of its
own, the team in the subject's OU, and a chain to Apple's root.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from wallet.platforms.apple import der, opening

PASS_TYPE_MARKER: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
WWDR_MARKER: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.2.1")
PASS_SIGNING_USAGE: Final = x509.ObjectIdentifier("1.2.840.113635.100.4.14")
NFC_NAME: Final = "Pass Type ID with NFC: "
PLAIN_NAME: Final = "Pass Type ID: "
UPLOAD_BYTES_MAX: Final = 65_536
_SAID: Final = {
    opening.LOCKED: "The private key is encrypted: its password is needed.",
    opening.NO_PAIR: "The PKCS#12 file holds no certificate with its private key: export both, together.",
    opening.NOT_RSA: "The key is not an RSA key; Apple makes Pass Type ID certificates for RSA keys.",
    opening.TOO_LARGE: "Opening the key takes more work than any key of Apple's: export it anew from Keychain Access.",
}


class UnreadableError(ValueError):
    """An upload is not what it should be; the message says so to the person who uploaded it."""


@dataclass(frozen=True, kw_only=True)
class CertificateFacts:
    """What a Pass Type ID certificate says; None where it does not say it. Nothing here is secret."""

    common_name: str | None
    pass_type_id: str | None
    marked_pass_type_id: str | None
    team_id: str | None
    organization: str | None
    not_before: datetime
    not_after: datetime
    serial_number: int
    nfc: bool


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Return what the certificate says."""
    common_name = _subject(certificate, NameOID.COMMON_NAME)
    return CertificateFacts(
        common_name=common_name,
        pass_type_id=_subject(certificate, NameOID.USER_ID),
        marked_pass_type_id=_marked(certificate),
        team_id=_subject(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME),
        organization=_subject(certificate, NameOID.ORGANIZATION_NAME),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        serial_number=certificate.serial_number,
        nfc=(common_name or "").startswith(NFC_NAME),
    )


def signs_passes(certificate: x509.Certificate) -> bool:
    """Say whether its extended key usage holds Apple's purpose for signing passes."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return PASS_SIGNING_USAGE in usage.value


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether `issuer` is named in the certificate and its key signed it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def read_certificate(data: bytes) -> x509.Certificate:
    """Read a certificate from PEM or DER (Apple's `.cer`); raise UnreadableError for anything else."""
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except (ValueError, TypeError):
        raise UnreadableError("This is not a certificate in PEM or DER (`.cer`) form.") from None


def read_key(pem: bytes) -> rsa.RSAPrivateKey:
    """Load an RSA key from PEM, checked whole; raise UnreadableError for anything else. For keys that we kept."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise UnreadableError("This is not a private key.") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnreadableError(_SAID[opening.NOT_RSA])
    return key


def open_key(data: bytes, password: str | None = None) -> bytes:
    """Return an uploaded RSA key, PEM or DER, as PEM without its password; raise UnreadableError, saying why not."""
    try:
        return opening.key(data, password)
    except opening.OpeningError as error:
        said = "This is not a private key, or its password is another one."
        raise UnreadableError(_SAID.get(error.why, said)) from None


def open_p12(data: bytes, password: str | None = None) -> tuple[bytes, bytes]:
    """Return certificate and key, both PEM, of a PKCS#12 file (`.p12`) as Keychain Access exports it.

    Raises UnreadableError when the password is wrong, or when the file holds no certificate with its key.
    """
    try:
        return opening.p12(data, password)
    except opening.OpeningError as error:
        said = "This is not a PKCS#12 file (`.p12`), or its password is another one."
        raise UnreadableError(_SAID.get(error.why, said)) from None


def key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """Return the key as PKCS#8 PEM, without a password: it is sealed before it is kept."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _subject(certificate: x509.Certificate, attribute: x509.ObjectIdentifier) -> str | None:
    found = certificate.subject.get_attributes_for_oid(attribute)
    return str(found[0].value) if found else None


def _marked(certificate: x509.Certificate) -> str | None:
    try:
        extension = certificate.extensions.get_extension_for_oid(PASS_TYPE_MARKER)
    except x509.ExtensionNotFound:
        return None
    if not isinstance(extension.value, x509.UnrecognizedExtension):
        return None
    try:
        return der.read(extension.value.value).content.decode()
    except ValueError:
        return None
