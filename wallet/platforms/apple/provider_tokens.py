"""Tokens with which APNs knows us without a certificate: a short JSON Web Token (RFC 7519), signed by ES256."""

import base64
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app import clock

KEPT = timedelta(minutes=45)
"""APNs refuses tokens of more than an hour, and those who bring a new one more often than every twenty minutes."""
_COORDINATE_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class TokenLogin:
    """A signing key of a team at Apple (`AuthKey_<key_id>.p8`), which may speak for all its pass types."""

    key_pem: bytes = field(repr=False)
    key_id: str
    team_id: str


class ProviderTokens:
    """The token of one login, made when it is needed and kept for three quarters of an hour. Safe between threads."""

    def __init__(self, login: TokenLogin) -> None:
        """Load the key; raise ValueError when it is none on P-256, which is all that Apple hands out."""
        try:
            key = load_pem_private_key(login.key_pem, password=None)
        except TypeError as error:
            raise ValueError("the key is encrypted") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a key on P-256, as Apple's `.p8` files hold")  # noqa: TRY004 - a wrong file
        self._key, self._login = key, login
        self._lock = threading.Lock()
        self._made_at: datetime | None = None
        self._token = ""

    def current(self) -> str:
        """Return the token to show now."""
        now = clock.now()
        with self._lock:
            if self._made_at is None or not timedelta() <= now - self._made_at < KEPT:
                self._token, self._made_at = self._make(now), now
            return self._token

    def forget(self, token: str) -> None:
        """Make another one next time, since APNs says that this one is too old."""
        with self._lock:
            if token == self._token:
                self._made_at = None

    def _make(self, now: datetime) -> str:
        head = {"alg": "ES256", "kid": self._login.key_id}
        claims = {"iss": self._login.team_id, "iat": int(now.timestamp())}
        said = b".".join(_packed(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self._key.sign(said, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
        return b".".join((said, _packed(signature))).decode()


def _packed(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
