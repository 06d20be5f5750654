"""Four engines that verify CMS signatures and share no code: OpenSSL, GnuTLS, NSS and pyHanko.

Each is given the root alone and must find the intermediate in the signature, as a phone must. pyHanko is always there;
OpenSSL, GnuTLS and NSS where their tools are installed (`openssl`, `gnutls-bin`, `libnss3-tools`).
"""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

from asn1crypto import cms, pem
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from tests import tools

Engine = Callable[[bytes, bytes, bytes, Path], bool]
"""(manifest, signature, the root as PEM, a folder to work in) → whether it verifies."""


def openssl(manifest: bytes, signature: bytes, root: bytes, folder: Path) -> bool:
    _write(folder, manifest, signature, root)
    return _run(
        folder, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "signature",
        "-content", "manifest.json", "-CAfile", "root.pem", "-purpose", "any", "-out", "out",
    )  # fmt: skip


def gnutls(manifest: bytes, signature: bytes, root: bytes, folder: Path) -> bool:
    _write(folder, manifest, signature, root)
    return _run(
        folder, "certtool", "--p7-verify", "--inder", "--infile", "signature", "--load-data", "manifest.json",
        "--load-ca-certificate", "root.pem",
    )  # fmt: skip


def nss(manifest: bytes, signature: bytes, root: bytes, folder: Path) -> bool:
    _write(folder, manifest, signature, root)
    trust = folder / "nss"
    if not trust.exists():
        trust.mkdir()
        assert _run(folder, "certutil", "-N", "-d", "nss", "--empty-password")
        assert _run(folder, "certutil", "-A", "-d", "nss", "-n", "root", "-t", "CT,C,C", "-a", "-i", "root.pem")
    # Usage 0 is the only one that takes the extended key usage of pass certificates.
    return _run(folder, "cmsutil", "-D", "-d", "nss", "-u", "0", "-c", "manifest.json", "-i", "signature", "-o", "out")


def pyhanko(manifest: bytes, signature: bytes, root: bytes, _folder: Path) -> bool:
    _, _, encoded = pem.unarmor(root)
    context = ValidationContext(trust_roots=[asn1_x509.Certificate.load(encoded)], allow_fetching=False)
    try:
        signed = cms.ContentInfo.load(signature)["content"]
        status = asyncio.run(
            async_validate_detached_cms(
                manifest,
                signed,
                context,
                key_usage_settings=KeyUsageConstraints(key_usage=["digital_signature"]),
            )
        )
    except (SignatureValidationError, ValueError):
        return False
    detached = signed["encap_content_info"]["content"].native is None
    return bool(detached and status.intact and status.valid and status.trusted)


ENGINES: dict[str, tuple[Engine, tuple[str, ...]]] = {
    "openssl": (openssl, ("openssl",)),
    "gnutls": (gnutls, ("certtool",)),
    "nss": (nss, ("certutil", "cmsutil")),
    "pyhanko": (pyhanko, ()),
}
"""Each with the programs that it is made of."""
ALL: dict[str, Engine] = {name: engine for name, (engine, programs) in ENGINES.items() if tools.have(*programs)}
"""Those that are here."""


def verdicts(manifest: bytes, signature: bytes, root: bytes, folder: Path) -> dict[str, bool]:
    """Return what each engine that is here says."""
    return {name: engine(manifest, signature, root, folder) for name, engine in ALL.items()}


def agreed(*, good: bool) -> dict[str, bool]:
    """Return the verdicts when all engines say the same."""
    return dict.fromkeys(ALL, good)


def _write(folder: Path, manifest: bytes, signature: bytes, root: bytes) -> None:
    for name, content in (("manifest.json", manifest), ("signature", signature), ("root.pem", root)):
        (folder / name).write_bytes(content)


def _run(folder: Path, *command: str) -> bool:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120).returncode == 0
