"""An authority of our own in Apple's place, for development, the demo and tests: root, intermediate, certificates.

Its certificates have what Apple's have: the marker extensions, the purpose for signing passes, the pass type identifier
as UID and the team as OU. No phone trusts it; validators do that are given its root.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app import clock
from wallet.platforms.apple import certificates, der
from wire.stand_in.certificates import usage

PASS_DAYS: Final = 396
"""Apple's Pass Type ID certificates live about thirteen months."""
AUTHORITY_DAYS: Final = 3650
_UTF8_STRING: Final = 0x0C
_KEY_BITS: Final = 2048
_FILES: Final = ("root.pem", "intermediate.pem", "intermediate-key.pem")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A certificate with its private key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A root and the intermediate under it, which signs Pass Type ID certificates."""

    root: x509.Certificate
    intermediate: x509.Certificate
    intermediate_key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def make(cls, *, at: datetime | None = None) -> "Authority":
        """Make one, valid from the day before `at` (now); the root's key is used once and forgotten."""
        at = at or clock.now()
        root_key, key = _new_key(), _new_key()
        root_name = _name({NameOID.COMMON_NAME: "Assidu Development Root", NameOID.ORGANIZATION_NAME: "Assidu"})
        name = _name(
            {
                NameOID.COMMON_NAME: "Assidu Development Relations Certification Authority",
                NameOID.ORGANIZATIONAL_UNIT_NAME: "D1",
                NameOID.ORGANIZATION_NAME: "Assidu",
            }
        )
        root = _draft(root_name, root_name, root_key.public_key(), root_key, at, AUTHORITY_DAYS)
        middle = _draft(name, root_name, key.public_key(), root_key, at, AUTHORITY_DAYS)
        return cls(
            root=_as_authority(root, path_length=None).sign(root_key, hashes.SHA256()),
            intermediate=_as_authority(middle, path_length=0)
            .add_extension(x509.UnrecognizedExtension(certificates.WWDR_MARKER, der.null()), critical=False)
            .sign(root_key, hashes.SHA256()),
            intermediate_key=key,
        )

    @classmethod
    def kept(cls, home: Path) -> "Authority":
        """Return the authority kept in this folder; make and keep one where there is none. Files are for us alone."""
        paths = [home / name for name in _FILES]
        if not all(path.exists() for path in paths):
            home.mkdir(parents=True, exist_ok=True)
            made = cls.make()
            contents = (made.root_pem, made.intermediate_pem, certificates.key_pem(made.intermediate_key))
            for path, content in zip(paths, contents, strict=True):
                path.touch(mode=0o600)
                path.write_bytes(content)
            return made
        root, intermediate, key = (path.read_bytes() for path in paths)
        return cls(
            root=certificates.read_certificate(root),
            intermediate=certificates.read_certificate(intermediate),
            intermediate_key=certificates.read_key(key),
        )

    @property
    def root_pem(self) -> bytes:
        """The root, for validators."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    @property
    def intermediate_pem(self) -> bytes:
        """The intermediate, in the place of Apple's G4."""
        return self.intermediate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        pass_type_id: str,
        *,
        team_id: str = "ASSIDU0001",
        organization: str = "Assidu",
        nfc: bool = False,
        at: datetime | None = None,
        days: int = PASS_DAYS,
        marked_pass_type_id: str | None = None,
    ) -> Identity:
        """Issue a Pass Type ID certificate, valid from the day before `at` (now) for `days`.

        It also identifies its owner to APNs, as Apple's does. `marked_pass_type_id` makes a wrong one: another
        identifier in the extension than in the subject.
        """
        key = _new_key()
        subject = _name(
            {
                NameOID.USER_ID: pass_type_id,
                NameOID.COMMON_NAME: (certificates.NFC_NAME if nfc else certificates.PLAIN_NAME) + pass_type_id,
                NameOID.ORGANIZATIONAL_UNIT_NAME: team_id,
                NameOID.ORGANIZATION_NAME: organization,
                NameOID.COUNTRY_NAME: "US",
            }
        )
        marker = der.value(_UTF8_STRING, (marked_pass_type_id or pass_type_id).encode())
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, certificates.PASS_SIGNING_USAGE]
        certificate = (
            _draft(subject, self.intermediate.subject, key.public_key(), self.intermediate_key, at or clock.now(), days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.UnrecognizedExtension(certificates.PASS_TYPE_MARKER, marker), critical=False)
            .sign(self.intermediate_key, hashes.SHA256())
        )
        return Identity(
            certificate_pem=certificate.public_bytes(serialization.Encoding.PEM), key_pem=certificates.key_pem(key)
        )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)


def _name(parts: dict[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey,
    issuer_key: rsa.RSAPrivateKey,
    at: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _as_authority(draft: x509.CertificateBuilder, *, path_length: int | None) -> x509.CertificateBuilder:
    return draft.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True).add_extension(
        usage(signs_certificates=True), critical=True
    )
