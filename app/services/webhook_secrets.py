"""The secrets that sign webhooks, sealed at rest: one, or two while receivers change to the next.

Standard Webhooks: a symmetric secret is `whsec_` and 24 to 64 random bytes in base 64.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import clock, ids
from app.crypto import Keyring
from app.models import Webhook

PREFIX = "whsec_"
_BYTES = 32
OVERLAP = timedelta(hours=24)
"""How long a replaced secret goes on signing beside the new one."""
SECRETS_MAX = 5
"""Who rotates more often within a day loses the oldest: a header has room for a few signatures."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret as receivers have it; `until` is when it stops signing, None for the current one."""

    text: str
    until: datetime | None = None

    @property
    def key(self) -> bytes:
        """Return the bytes that sign."""
        return base64.b64decode(self.text.removeprefix(PREFIX))


def new() -> SigningSecret:
    """Return a fresh secret."""
    return SigningSecret(PREFIX + base64.b64encode(ids.secret_bytes(_BYTES)).decode())


def seal(keyring: Keyring, webhook: Webhook, secrets: Sequence[SigningSecret]) -> bytes:
    """Return the secrets sealed for this webhook's row."""
    plain = [[one.text, one.until.isoformat() if one.until else None] for one in secrets]
    return keyring.seal(json.dumps(plain).encode(), context=context_of(webhook))


def unseal(keyring: Keyring, webhook: Webhook) -> list[SigningSecret]:
    """Return the secrets that sign now, newest first."""
    now = clock.now()
    plain = json.loads(keyring.unseal(webhook.secrets_sealed, context=context_of(webhook)))
    found = [SigningSecret(text, datetime.fromisoformat(until) if until else None) for text, until in plain]
    return [one for one in found if one.until is None or one.until > now]


def rotate(keyring: Keyring, webhook: Webhook) -> SigningSecret:
    """Give the webhook a new secret and return it; the one before signs too for `OVERLAP`."""
    until = clock.now() + OVERLAP
    fresh = new()
    older = [SigningSecret(one.text, one.until or until) for one in unseal(keyring, webhook)]
    webhook.secrets_sealed = seal(keyring, webhook, [fresh, *older][:SECRETS_MAX])
    return fresh


def context_of(webhook: Webhook) -> bytes:
    """Return what a webhook's secrets are bound to at rest."""
    return b"webhook " + webhook.id.bytes
