"""Access and refresh tokens: how they are made, told apart from forgeries, and rotated in one row.

A refresh token is `rst_<family>_<secret>`: the family is the row of the sign-in, the secret is 256 bits and a mark that
only we can make. The next pair is derived from the old refresh token, so that a client whose answer was lost asks again
and is given the same pair, which is stored nowhere; so are twenty clients that ask at once. A token of the family that
is neither the current one nor the one just replaced was copied by somebody: the whole family is revoked (RFC 9700
§4.14.2; OWASP ASVS 5.0, 10.4.5 and 10.4.8).
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app import ids
from app.crypto import Keyring
from app.models.access import RotatingTokens

ACCESS_LIVES = timedelta(minutes=15)
REFRESH_LIVES = timedelta(days=30)
FAMILY_LIVES = timedelta(days=90)
GRACE = timedelta(seconds=10)
"""How long the token that was just replaced is answered again: a lost answer, not a thief."""

_SECRET_BYTES = 32
_MARK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose tokens: their prefixes."""

    access: str
    refresh: str


STAFF = Kind("ast_", "rst_")
CUSTOMER = Kind("acu_", "rcu_")


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the refresh token that follows it."""

    access: str
    refresh: str
    expires_in: int


def begin(keyring: Keyring, kind: Kind, *, now: datetime) -> tuple[Pair, dict[str, Any]]:
    """Return the first pair of a new family, and the columns of its row (`id` among them)."""
    family_id = ids.new_id()
    refresh = _refresh(keyring, kind, family_id, ids.secret_bytes(_SECRET_BYTES))
    access = _access(keyring, kind, refresh)
    columns = {
        "id": family_id,
        "created_at": now,
        "access_hash": ids.digest(access),
        "access_expires_at": now + ACCESS_LIVES,
        "refresh_hash": ids.digest(refresh),
        "expires_at": now + REFRESH_LIVES,
    }
    return Pair(access, refresh, int(ACCESS_LIVES.total_seconds())), columns


def family(keyring: Keyring, kind: Kind, refresh: str) -> UUID | None:
    """Return the family of a refresh token that we made, however old; None for any other text."""
    if not refresh.isascii() or not refresh.startswith(kind.refresh):
        return None
    digits, _, text = refresh.removeprefix(kind.refresh).partition("_")
    try:
        family_id = UUID(hex=digits)
        secret = base64.b64decode(text, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    made_by = (_refresh(keys, kind, family_id, secret[:_SECRET_BYTES]) for keys in keyring.each())
    return family_id if any(ids.same(genuine, refresh) for genuine in made_by) else None


def successor(keyring: Keyring, kind: Kind, family_id: UUID, refresh: str) -> tuple[str, str]:
    """Return the (access, refresh) tokens that replace `refresh`: always the same ones."""
    following = _refresh(keyring, kind, family_id, _derived(keyring, "refresh", refresh))
    return _access(keyring, kind, following), following


def rotate(
    keyring: Keyring,
    kind: Kind,
    row: RotatingTokens,
    *,
    family_id: UUID,
    began_at: datetime,
    refresh: str,
    now: datetime,
) -> Pair | None:
    """Replace the pair of a locked row and return the new one; None when the family is over.

    A token that was replaced more than `GRACE` ago revokes the row: commit that, then refuse.
    """
    given = ids.digest(refresh)
    if row.revoked_at is not None or row.expires_at <= now:
        return None
    access, following = successor(keyring, kind, family_id, refresh)
    if ids.same(given, row.refresh_hash):
        row.previous_refresh_hash, row.refresh_hash = given, ids.digest(following)
        row.access_hash = ids.digest(access)
        row.rotated_at = now
        row.expires_at = min(now + REFRESH_LIVES, began_at + FAMILY_LIVES)
        row.access_expires_at = min(now + ACCESS_LIVES, row.expires_at)
    elif not _just_replaced(row, given, now):
        row.revoked_at = now
        return None
    return Pair(access, following, max(int((row.access_expires_at - now).total_seconds()), 0))


def _just_replaced(row: RotatingTokens, given: bytes, now: datetime) -> bool:
    if row.previous_refresh_hash is None or row.rotated_at is None:
        return False
    return ids.same(given, row.previous_refresh_hash) and now - row.rotated_at < GRACE


def _refresh(keyring: Keyring, kind: Kind, family_id: UUID, secret: bytes) -> str:
    mark = hmac.new(
        keyring.derive("refresh mark"), kind.refresh.encode() + family_id.bytes + secret, hashlib.sha256
    ).digest()[:_MARK_BYTES]
    return f"{kind.refresh}{family_id.hex}_{base64.urlsafe_b64encode(secret + mark).decode()}"


def _access(keyring: Keyring, kind: Kind, refresh: str) -> str:
    return kind.access + base64.urlsafe_b64encode(_derived(keyring, "access", refresh)).decode().rstrip("=")


def _derived(keyring: Keyring, purpose: str, refresh: str) -> bytes:
    return hmac.new(keyring.derive("refresh"), f"{purpose}\0{refresh}".encode(), hashlib.sha256).digest()
