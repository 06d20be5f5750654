"""What an owner uploads to sign passes with, checked whole before it is kept.

A document of texts: `certificate` and `private_key`, or both in one `p12`; PEM as it is, DER (`.cer`, `.p12`) in
base 64; `password` of the key or of the file. `intermediate` is found by itself, unless it is none that we know. With
`apns_key` and `apns_key_id` pushes are sent under a team's key instead of the certificate.
"""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from app.config import Settings
from app.errors import InvalidError
from wallet.platforms import CheckedCredential
from wallet.platforms.apple import certificates, credential_checks, wwdr
from wallet.platforms.apple.certificates import UnreadableError
from wallet.platforms.apple.findings import About, Finding, stopping
from wallet.platforms.apple.keys import AppleKeys
from wallet.platforms.apple.provider_tokens import ProviderTokens, TokenLogin

FIELDS: Final = frozenset({"certificate", "private_key", "p12", "password", "intermediate", "apns_key", "apns_key_id"})
POINTERS: Final[Mapping[About, str]] = {
    "certificate": "#/certificate",
    "key": "#/private_key",
    "intermediate": "#/intermediate",
}
T = TypeVar("T")
APNS_KEY_MAX: Final = 2_000
_ENDS: Final = b"-----END CERTIFICATE-----"


def check(
    document: Mapping[str, Any], *, now: datetime, authorities: Collection[x509.Certificate]
) -> CheckedCredential:
    """Return what is kept of an upload; raise InvalidError naming everything that is wrong with it.

    `authorities` are intermediates that are trusted beside Apple's G4.
    """
    wrong = [_wrong(f"#/{name}", "There is no such field.") for name in sorted(document.keys() - FIELDS)]
    wrong += [
        _wrong(f"#/{name}", "A text is expected, not longer than 64 KB.")
        for name in sorted(document.keys() & FIELDS)
        if not isinstance(document[name], str) or len(document[name]) > certificates.UPLOAD_BYTES_MAX
    ]
    if wrong:
        raise _refused(wrong)
    identity = _noted(wrong, lambda: _identity(document))
    given = _noted(wrong, lambda: _given_intermediate(document))
    wrong += _wrong_apns(document)
    if identity is None or (given is None and "intermediate" in document):
        raise _refused(wrong)
    certificate_pem, key_pem = identity
    certificate = certificates.read_certificate(certificate_pem)
    intermediate_pem = given or _intermediate(certificate, authorities)
    found = credential_checks.of_credential(
        certificate_pem, key_pem, intermediate_pem, now=now, authorities=authorities
    )
    wrong += [_wrong(_pointer(one, document), one.says) for one in stopping(found)]
    facts = certificates.facts_of(certificate)
    if wrong:
        raise _refused(wrong)
    apns = "apns_key" in document
    keys = AppleKeys(
        certificate_pem=certificate_pem,
        key_pem=key_pem,
        intermediate_pem=intermediate_pem,
        apns_key_pem=document["apns_key"].encode() if apns else None,
        apns_key_id=document["apns_key_id"] if apns else None,
    )
    return CheckedCredential(facts=_facts(facts, apns=apns), secret=keys.written())


def trusted(settings: Settings) -> list[x509.Certificate]:
    """Return the intermediates that are trusted beside Apple's: those of `ASSIDU_WALLET_AUTHORITY_FILE`.

    Raises ValueError where the file cannot be read.
    """
    if not settings.wallet_authority_file:
        return []
    try:
        content = Path(settings.wallet_authority_file).read_bytes()
    except OSError as error:
        raise ValueError(f"the wallet's authorities cannot be read: {error}") from error
    parts = content.split(_ENDS)[:-1]
    return [certificates.read_certificate(part + _ENDS) for part in parts]


def _identity(document: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Return certificate and key as PEM, the key without its password."""
    password = document.get("password")
    if "p12" in document:
        if "certificate" in document or "private_key" in document:
            raise _refused([_wrong("#/p12", "It holds certificate and key: leave the other two out.")])
        return _read("#/p12", lambda: certificates.open_p12(_bytes(document["p12"]), password))
    missing = [name for name in ("certificate", "private_key") if name not in document]
    if missing:
        raise _refused([_wrong(f"#/{name}", "It is needed, unless there is a `p12`.") for name in missing])
    wrong: list[dict[str, str]] = []
    certificate = _noted(wrong, lambda: _certificate(document, "certificate"))
    key_pem = _noted(
        wrong,
        lambda: _read("#/private_key", lambda: certificates.open_key(_bytes(document["private_key"]), password)),
    )
    if certificate is None or key_pem is None:
        raise _refused(wrong)
    return certificate, key_pem


def _certificate(document: Mapping[str, str], name: str) -> bytes:
    """Return one of the uploaded certificates as PEM."""
    read = _read(f"#/{name}", lambda: certificates.read_certificate(_bytes(document[name])))
    return read.public_bytes(serialization.Encoding.PEM)


def _given_intermediate(document: Mapping[str, str]) -> bytes | None:
    return _certificate(document, "intermediate") if "intermediate" in document else None


def _intermediate(certificate: x509.Certificate, authorities: Collection[x509.Certificate]) -> bytes:
    """Return the intermediate of those we know that signed the certificate, else Apple's."""
    for known in authorities:
        if certificates.issued_by(certificate, known):
            return known.public_bytes(serialization.Encoding.PEM)
    return wwdr.G4_PEM


def _wrong_apns(document: Mapping[str, str]) -> list[dict[str, str]]:
    key, key_id = document.get("apns_key"), document.get("apns_key_id")
    if key is None and key_id is None:
        return []
    if key is None or key_id is None or not key_id.isalnum():
        return [_wrong("#/apns_key_id", "A key for APNs (`.p8`) and its identifier (`AuthKey_….p8`) need each other.")]
    try:
        # Read here and not apart: so short, nothing is slow to open.
        if len(key) > APNS_KEY_MAX:
            raise ValueError("longer than any key on P-256")  # noqa: TRY301 - one answer for all that is none
        ProviderTokens(TokenLogin(key_pem=key.encode(), key_id=key_id, team_id=""))
    except ValueError:
        return [_wrong("#/apns_key", "This is not a key for APNs: the text of the `.p8` file is expected.")]
    return []


def _facts(facts: certificates.CertificateFacts, *, apns: bool) -> dict[str, Any]:
    return {
        "pass_type_id": facts.pass_type_id,
        "team_id": facts.team_id,
        "organization": facts.organization,
        "serial_number": f"{facts.serial_number:X}",
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
        "nfc": facts.nfc,
        "pushes_by": "key" if apns else "certificate",
    }


def _bytes(text: str) -> bytes:
    """Return a file's bytes: PEM as it is, anything else from base 64."""
    if "-----BEGIN" in text:
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableError("It is neither PEM nor base 64 of a file.") from None


def _read(pointer: str, reading: Callable[[], T]) -> T:
    try:
        return reading()
    except UnreadableError as error:
        raise _refused([_wrong(pointer, str(error))]) from None


def _noted(wrong: list[dict[str, str]], reading: Callable[[], T]) -> T | None:
    """Return what is read, or None and note what is wrong with it, so that the rest is read too."""
    try:
        return reading()
    except InvalidError as error:
        wrong += error.errors
        return None


def _pointer(finding: Finding, document: Mapping[str, str]) -> str:
    if "p12" in document and finding.about in {"certificate", "key"}:
        return "#/p12"
    if finding.about == "intermediate" and "intermediate" not in document:
        return "#/p12" if "p12" in document else "#/certificate"
    return POINTERS[finding.about]


def _wrong(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}


def _refused(errors: list[dict[str, str]]) -> InvalidError:
    return InvalidError("Passes cannot be signed with this.", errors=errors)
