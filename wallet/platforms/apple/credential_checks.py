"""Would a phone take what this certificate signs? The same questions for an upload, the doctor, and a finished pass.

What makes a Pass Type ID certificate is what Apple's Security framework asks (SecPolicyCreatePassbookCardSigner).
Apple's root itself is not asked for: G4 is known by its hash, and any other intermediate is trusted only if the caller
says so, which is how a development authority comes in.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from wallet.platforms.apple import certificates, wwdr
from wallet.platforms.apple.certificates import UnreadableError, facts_of
from wallet.platforms.apple.findings import Finding

WARN_DAYS: Final = 30
WARN_INTERMEDIATE_DAYS: Final = 90
KEY_BITS_MIN: Final = 2048


def of_credential(
    certificate_pem: bytes,
    key_pem: bytes,
    intermediate_pem: bytes = wwdr.G4_PEM,
    *,
    now: datetime,
    authorities: Collection[x509.Certificate] = (),
) -> list[Finding]:
    """Return everything that is wrong with a certificate, its key and its intermediate, as of `now`.

    `authorities` are intermediates that are trusted beside Apple's G4.
    """
    try:
        certificate = certificates.read_certificate(certificate_pem)
    except UnreadableError as error:
        return [Finding(code="certificate-unreadable", about="certificate", says=str(error))]
    found = list(of_key(certificate, key_pem))
    try:
        intermediate = certificates.read_certificate(intermediate_pem)
    except UnreadableError as error:
        return [*found, Finding(code="intermediate-unreadable", about="intermediate", says=str(error))]
    return [*found, *of_chain(certificate, intermediate, now=now, authorities=authorities)]


def of_key(certificate: x509.Certificate, key_pem: bytes) -> Iterator[Finding]:
    """Yield what is wrong with the private key of this certificate."""
    try:
        key = certificates.read_key(key_pem)
    except UnreadableError as error:
        yield Finding(code="key-unreadable", about="key", says=str(error))
        return
    if key.public_key() != certificate.public_key():
        says = "The private key is not the one of this certificate: use the key that made the signing request."
        yield Finding(code="key-of-another", about="key", says=says)


def of_chain(
    certificate: x509.Certificate,
    intermediate: x509.Certificate,
    *,
    now: datetime,
    authorities: Collection[x509.Certificate] = (),
) -> Iterator[Finding]:
    """Yield what is wrong with a certificate and with the intermediate that goes with it."""
    yield from _purpose(certificate)
    yield from _validity(certificate, now)
    yield from _issuer(certificate, intermediate, now, authorities)


def is_trusted(intermediate: x509.Certificate, authorities: Collection[x509.Certificate]) -> bool:
    """Say whether it is Apple's G4, or one that the caller trusts beside it."""
    known = {wwdr.G4_SHA256} | {one.fingerprint(hashes.SHA256()).hex() for one in authorities}
    return intermediate.fingerprint(hashes.SHA256()).hex() in known


def _purpose(certificate: x509.Certificate) -> Iterator[Finding]:
    facts = facts_of(certificate)
    if facts.pass_type_id is None or facts.marked_pass_type_id is None or not certificates.signs_passes(certificate):
        says = (
            f"This is not a Pass Type ID certificate (it is `{facts.common_name or 'nameless'}`): make one in Apple's "
            "developer account under Identifiers, Pass Type IDs."
        )
        yield Finding(code="not-for-passes", about="certificate", says=says)
    elif facts.pass_type_id != facts.marked_pass_type_id:
        says = f"The certificate names two pass types, {facts.pass_type_id} and {facts.marked_pass_type_id}."
        yield Finding(code="two-pass-types", about="certificate", says=says)
    if facts.team_id is None:
        yield Finding(code="no-team", about="certificate", says="The certificate names no team (OU).")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < KEY_BITS_MIN:
        says = f"The certificate's key is not RSA of {KEY_BITS_MIN} bits or more, which Apple asks for."
        yield Finding(code="weak-key", about="certificate", says=says)


def _validity(certificate: x509.Certificate, now: datetime) -> Iterator[Finding]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        says = f"The certificate ended on {ends:%Y-%m-%d}: no new pass opens, and no pass can be changed any more."
        yield Finding(code="certificate-ended", about="certificate", says=says)
    elif now < begins:
        says = f"The certificate begins on {begins:%Y-%m-%d}: no pass opens before."
        yield Finding(code="certificate-not-yet", about="certificate", says=says)
    elif ends - now < timedelta(days=WARN_DAYS):
        says = (
            f"The certificate ends on {ends:%Y-%m-%d}, in {(ends - now).days} days: make its successor now and upload "
            "it; both may be there at once."
        )
        yield Finding(code="certificate-ends-soon", about="certificate", says=says, stops=False)


def _issuer(
    certificate: x509.Certificate,
    intermediate: x509.Certificate,
    now: datetime,
    authorities: Collection[x509.Certificate],
) -> Iterator[Finding]:
    name, ends = intermediate.subject.rfc4514_string(), intermediate.not_valid_after_utc
    if not certificates.issued_by(certificate, intermediate):
        says = f"The certificate was not signed by the intermediate that goes with it ({name})."
        if certificate.issuer == certificate.subject:
            says = "The certificate signed itself: phones take certificates from Apple only."
        yield Finding(code="other-issuer", about="intermediate", says=says)
    elif not is_trusted(intermediate, authorities):
        says = f"The intermediate ({name}) is not Apple's G4: phones do not trust what it signs."
        yield Finding(code="issuer-not-trusted", about="intermediate", says=says)
    if now > ends:
        says = f"The intermediate ended on {ends:%Y-%m-%d}: Apple's G4 takes its place."
        yield Finding(code="intermediate-ended", about="intermediate", says=says)
    elif ends - now < timedelta(days=WARN_INTERMEDIATE_DAYS):
        says = f"The intermediate ends on {ends:%Y-%m-%d}: a release with Apple's next one is needed."
        yield Finding(code="intermediate-ends-soon", about="intermediate", says=says, stops=False)
