"""Identifiers and chance: time-ordered ids, their public form, and unguessable secrets."""

import hashlib
import re
import secrets  # noqa: TID251 - the only caller
import uuid

import uuid_utils.compat

from app.errors import NotFoundError

PREFIXES = {
    "program": "prg", "partner": "prt", "store": "sto", "staff": "stf", "api_key": "key", "purse": "prs",
    "rule": "rul", "rule_version": "rlv", "reward": "rwd", "customer": "cus", "member": "mbr", "card": "crd",
    "account": "acc", "entry": "ent", "lot": "lot", "hold": "hld", "pending_grant": "pnd", "activity": "act",
    "voucher": "vch", "event": "evt", "delivery": "dlv", "device": "dev", "consent": "cns", "audit": "aud",
    "segment": "seg", "campaign": "cmp", "campaign_run": "run", "journey": "jny", "webhook": "whk",
    "webhook_delivery": "whd", "wallet_credential": "wcr", "pass": "pas", "pass_message": "pms",
}  # fmt: skip

_DIGITS = re.compile("[0-9a-f]{32}")


def new_id() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562 §5.7): ids made later sort later, to the millisecond."""
    return uuid_utils.compat.uuid7()


def show(kind: str, value: uuid.UUID) -> str:
    """Return the public form of an id: `mbr_` and 32 hexadecimal digits."""
    return f"{PREFIXES[kind]}_{value.hex}"


def parse(kind: str, text: str) -> uuid.UUID:
    """Read the public form of an id; raise NotFoundError, saying why, for any other text."""
    prefix = PREFIXES[kind]
    head, _, digits = text.partition("_")
    if head != prefix:
        raise NotFoundError(f"No {kind}: its ids begin with `{prefix}_`.", kind=kind)
    # One id has one text: UUID would take capitals, and digits of every script.
    if not _DIGITS.fullmatch(digits):
        raise NotFoundError(f"No such {kind}.", kind=kind)
    return uuid.UUID(hex=digits)


def secret_bytes(length: int) -> bytes:
    """Return `length` unguessable bytes."""
    return secrets.token_bytes(length)


def secret_text(bits: int = 256) -> str:
    """Return an unguessable URL-safe text of at least `bits` bits."""
    return secrets.token_urlsafe((bits + 7) // 8)


def digits(length: int) -> str:
    """Return `length` unguessable decimal digits, for a one-time code."""
    return "".join(secrets.choice("0123456789") for _ in range(length))


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret of 80 random bits or more, which is how we store it.

    OWASP ASVS 5.0, 6.5.2: a plain hash is enough from 112 bits; card tokens (80 bits) only identify.
    """
    return hashlib.sha256(secret.encode()).digest()


def same(left: str | bytes, right: str | bytes) -> bool:
    """Compare two secrets in constant time."""
    if isinstance(left, str):
        left = left.encode()
    if isinstance(right, str):
        right = right.encode()
    return secrets.compare_digest(left, right)
