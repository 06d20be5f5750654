"""Why a phone would refuse a pass: every check there is, offline, in words.

Phones say "Sorry, your pass cannot be installed" and nothing else. Here the archive, the manifest's hashes, the
signature and its chain, `pass.json` against the certificate, the pictures and the languages are each looked at, and
everything that is found is told at once.
"""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from cryptography import x509

from app import clock
from wallet.platforms.apple import archive_checks, document_checks, language_checks, signature_checks
from wallet.platforms.apple.credential_checks import of_credential
from wallet.platforms.apple.findings import Finding, stopping

__all__ = ["Finding", "of_credential", "of_package", "stopping"]


def of_package(
    package: bytes, *, now: datetime | None = None, authorities: Collection[x509.Certificate] = ()
) -> list[Finding]:
    """Return everything that is wrong with a finished `.pkpass`, as of `now`; empty: phones open it.

    `authorities` are intermediates that are trusted beside Apple's G4. Never raises, whatever the bytes.
    """
    now = now or clock.now()
    files, found = archive_checks.read(package)
    if not files:
        return found
    if "manifest.json" in files:
        found += archive_checks.of_manifest(files)
    signer = None
    if "signature" in files:
        signer, wrong = signature_checks.of_signature(
            files["signature"], files.get("manifest.json", b""), now=now, authorities=authorities
        )
        found += wrong
    if "pass.json" in files:
        found += document_checks.of_document(_json(files["pass.json"]), signer)
    return [*found, *archive_checks.of_pictures(files), *language_checks.of_languages(files)]


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
