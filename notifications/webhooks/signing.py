"""Signatures by Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, one for each secret that is in force."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from app.services.webhook_secrets import SigningSecret


def headers_of(message_id: str, timestamp: int, body: str, secrets: Iterable[SigningSecret]) -> dict[str, str]:
    """Return the three headers of an attempt; `timestamp` is its own, in whole seconds since 1970."""
    signed = f"{message_id}.{timestamp}.{body}".encode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_sign(secret.key, signed)}" for secret in secrets),
    }


def _sign(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
