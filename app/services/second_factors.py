"""The staff's second factor: RFC 6238 as every authenticator app computes it (SHA-1, six digits, 30 seconds)."""

import base64
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, invalid_field
from app.models import Staff

PERIOD_SECONDS = 30
DIGITS = 6
_KEY_BYTES = 20
_ISSUER = "Assidu"


class TotpOnError(ConflictError):
    """The second factor is on; it must be turned off before another is set up."""

    slug = "totp-on"
    title = "The second factor is on"


def prepare(keyring: Keyring, staff: Staff) -> tuple[str, str]:
    """Give the staff member a new key, not asked for until it is confirmed; return it and its otpauth URI.

    Raises TotpOnError when one is confirmed already.
    """
    if staff.totp_confirmed_at is not None:
        raise TotpOnError("An owner can turn it off; then set it up again.")
    key = ids.secret_bytes(_KEY_BYTES)
    staff.totp_key_sealed = keyring.seal(key, context=context_of(staff))
    staff.totp_last_period = None
    secret = base64.b32encode(key).decode()
    label = quote(f"{_ISSUER}:{staff.email}")
    return secret, f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': _ISSUER})}"


def confirm(session: Session, keyring: Keyring, staff: Staff, *, code: str) -> None:
    """Turn the second factor on, since the person's app shows the right code; raise InvalidError otherwise."""
    if staff.totp_confirmed_at is not None:
        raise TotpOnError("It is confirmed already.")
    if not accept(session, keyring, staff, code=code):
        raise invalid_field("#/code", "Not the code that your app shows now.")
    staff.totp_confirmed_at = clock.now()


def turn_off(staff: Staff) -> None:
    """Ask for the password alone again."""
    staff.totp_key_sealed = staff.totp_confirmed_at = staff.totp_last_period = None


def accept(session: Session, keyring: Keyring, staff: Staff, *, code: str) -> bool:
    """Tell whether `code` is right now, one period early or late, and not used before (RFC 6238 §5.2)."""
    session.refresh(staff, with_for_update=True)
    if staff.totp_key_sealed is None:
        return False
    generator = _generator(keyring.unseal(staff.totp_key_sealed, context=context_of(staff)))
    here = clock.unix_seconds() // PERIOD_SECONDS
    matching = [
        period
        for period in range(here - 1, here + 2)
        if ids.same(generator.generate(period * PERIOD_SECONDS).decode(), code)
    ]
    fresh = [period for period in matching if staff.totp_last_period is None or period > staff.totp_last_period]
    if not fresh:
        return False
    staff.totp_last_period = max(fresh)
    return True


def code_at(secret: str, at: int) -> str:
    """Return what an app with the shown `secret` shows at unix second `at`."""
    return _generator(base64.b32decode(secret)).generate(at).decode()


def _generator(key: bytes) -> TOTP:
    # SHA-1 is RFC 6238's default, and all that many apps compute.
    return TOTP(key, DIGITS, SHA1(), PERIOD_SECONDS)  # noqa: S303


def context_of(staff: Staff) -> bytes:
    """Return what the key of a staff member's authenticator app is bound to at rest."""
    return b"staff totp" + staff.id.bytes
