"""Why a phone would refuse a pass: every check there is, offline, in words.

Phones say "Sorry, your pass cannot be installed" and nothing else. Here the archive, the manifest's hashes, the
signature and its chain, `pass.json` against the certificate, the pictures and the languages are each looked at, and
everything that is found is told at once.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography import x509

from app import clock
from wallet.platforms.apple import archive_checks, document_checks, language_checks, package, signature_checks
from wallet.platforms.apple.credential_checks import of_credential
from wallet.platforms.apple.findings import Finding, stopping

__all__ = ["Finding", "of_credential", "of_package", "stopping"]


def of_package(
    content: bytes, *, now: datetime | None = None, authorities: Collection[x509.Certificate] = ()
) -> list[Finding]:
    """Return everything that is wrong with a finished `.pkpass` or `.pkpasses`, as of `now`; empty: phones open it.

    `authorities` are intermediates that are trusted beside Apple's G4. Never raises, whatever the bytes.
    """
    now = now or clock.now()
    files, found = archive_checks.read(content)
    if files and all(path.endswith(".pkpass") for path in files):
        return _of_bundle(files, now=now, authorities=authorities)
    return [*found, *_of_files(files, now=now, authorities=authorities)] if files else found


def _of_bundle(
    files: Mapping[str, bytes], *, now: datetime, authorities: Collection[x509.Certificate]
) -> list[Finding]:
    found = []
    if len(files) > package.BUNDLE_MAX:
        says = f"The bundle holds {len(files)} passes, and phones take {package.BUNDLE_MAX} at most."
        found.append(Finding(code="bundle-too-large", about="package", says=says))
    for path, content in files.items():
        inside, wrong = archive_checks.read(content)
        wrong += _of_files(inside, now=now, authorities=authorities) if inside else []
        found += [replace(one, says=f"In `{path}`: {one.says}") for one in wrong]
    return found


def _of_files(files: Mapping[str, bytes], *, now: datetime, authorities: Collection[x509.Certificate]) -> list[Finding]:
    found: list[Finding] = []
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
