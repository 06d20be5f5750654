"""Opens keys that strangers upload, in a process of its own whose CPU and memory are bounded.

A file names itself how often its password is to be hashed (2,000,000,000 times, if it wants), and how large its primes
are: opened here, it would hold the whole server up for as long. The process is this file, run as a program; it imports
nothing of ours.
"""

import base64
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

CPU_SECONDS: Final = 2
MEMORY_BYTES: Final = 1 << 30
PATIENCE_SECONDS: Final = 30
KEY_BITS_MAX: Final = 4096

UNREADABLE: Final = "unreadable"
LOCKED: Final = "locked"
NO_PAIR: Final = "no_pair"
NOT_RSA: Final = "not_rsa"
TOO_LARGE: Final = "too_large"


class OpeningError(ValueError):
    """It cannot be opened; `why` is one of the words above."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def key(data: bytes, password: str | None) -> bytes:
    """Return an RSA key, PEM or DER, as PKCS#8 PEM without its password; raise OpeningError."""
    return _opened("key", data, password)["key"]


def p12(data: bytes, password: str | None) -> tuple[bytes, bytes]:
    """Return certificate and key of a PKCS#12 file, both PEM; raise OpeningError."""
    found = _opened("p12", data, password)
    return found["certificate"], found["key"]


def _opened(kind: str, data: bytes, password: str | None) -> dict[str, bytes]:
    asked = {"kind": kind, "data": base64.b64encode(data).decode(), "password": password}
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-I", str(Path(__file__).resolve())],
            input=json.dumps(asked).encode(),
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise OpeningError(TOO_LARGE) from None
    if done.returncode:
        raise OpeningError(TOO_LARGE)
    found: dict[str, str] = json.loads(done.stdout)
    if "why" in found:
        raise OpeningError(found["why"])
    return {name: text.encode() for name, text in found.items()}


def _open_key(data: bytes, secret: bytes | None) -> dict[str, Any]:
    from cryptography.hazmat.primitives import serialization

    load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    try:
        return {"key": load(data, None)}
    except TypeError:
        # It is encrypted: without a password this is known before anything is hashed.
        if secret is None:
            return {"why": LOCKED}
    return {"key": load(data, secret)}


def _open_p12(data: bytes, secret: bytes | None) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import pkcs12

    found, certificate, _ = pkcs12.load_key_and_certificates(data, secret)
    if found is None or certificate is None:
        return {"why": NO_PAIR}
    return {"key": found, "certificate": certificate}


def _answer(asked: dict[str, Any]) -> dict[str, str]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    opens: dict[str, Callable[[bytes, bytes | None], dict[str, Any]]] = {"key": _open_key, "p12": _open_p12}
    secret = asked["password"].encode() if asked["password"] else None
    try:
        found = opens[asked["kind"]](base64.b64decode(asked["data"]), secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return {"why": UNREADABLE}
    if "why" in found:
        return {"why": str(found["why"])}
    private = found["key"]
    if not isinstance(private, rsa.RSAPrivateKey):
        return {"why": NOT_RSA}
    if private.key_size > KEY_BITS_MAX:
        return {"why": TOO_LARGE}
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    certificate = found.get("certificate")
    return {"key": pem} | ({"certificate": certificate.public_bytes(Encoding.PEM).decode()} if certificate else {})


def _main() -> None:
    # The second limit ends a process that does not heed the first; no core is left that would hold a key.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.stdout.write(json.dumps(_answer(json.load(sys.stdin))))


if __name__ == "__main__":
    _main()
