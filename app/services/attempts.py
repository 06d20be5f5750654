"""How often something guessable may be tried: counters in the database, the same for every process.

A bucket is a keyed hash of what is counted, so that the table holds no address and cannot be asked for one.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete, func, select

from app import clock
from app.crypto import Keyring
from app.db import Database, Session
from app.db.hot import HotTransaction
from app.models import Attempt

_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Policy:
    """So many tries in a window. Windows are laid end to end from 1970, so that one statement counts."""

    name: str
    quota: int
    window_seconds: int


@dataclass(slots=True)
class Standing:
    """Where somebody stands after a try: how many there were in this window, and seconds until the next.

    Not frozen, which would double what making one costs: every request makes one.
    """

    policy: Policy
    count: int
    reset_seconds: int
    wait_seconds: int = 0
    """Until the next try may go on; 0: until the window ends."""

    @property
    def retry_seconds(self) -> int:
        """Seconds until a refused try may go on."""
        return self.wait_seconds or self.reset_seconds

    @property
    def remaining(self) -> int:
        """How many more tries this window allows."""
        return max(self.policy.quota - self.count, 0)

    @property
    def allowed(self) -> bool:
        """Whether the try that was just counted may go on."""
        return self.count <= self.policy.quota


def count(session: Session, keyring: Keyring, *, policy: Policy, subject: str) -> Standing:
    """Count one try of `subject` under `policy`.

    Commit it whatever becomes of the try, and before it: parallel guesses must see each other.
    """
    now = clock.unix_seconds()
    start = now - now % policy.window_seconds
    counted = session.scalar(
        select(func.count_attempt(_bucket(keyring, policy, subject), datetime.fromtimestamp(start, UTC)))
    )
    return Standing(policy, int(counted or 0), start + policy.window_seconds - now)


def count_hot(transaction: HotTransaction, keyring: Keyring, *, policy: Policy, subject: str) -> Standing:
    """Count one try as `count` does: within the hot transaction that is open, or else in one of its own."""
    now = clock.unix_seconds()
    start = now - now % policy.window_seconds
    counted = transaction.ask("count_attempt", _bucket(keyring, policy, subject), datetime.fromtimestamp(start, UTC))
    return Standing(policy, int(counted or 0), start + policy.window_seconds - now)


def count_alone(database: Database, *, policy: Policy, subject: str) -> Standing:
    """Count one try as `count` does, in one round trip and a transaction of its own, whatever else is open."""
    with database.hot.lend() as connection:
        return count_hot(HotTransaction(connection), database.keyring, policy=policy, subject=subject)


def forget(session: Session, keyring: Keyring, *, policy: Policy, subject: str) -> None:
    """Forget the tries of `subject`, who has shown who they are."""
    session.execute(select(func.forget_attempts(_bucket(keyring, policy, subject))))


def forget_old(session: Session) -> int:
    """Drop the counters of windows that are over; return how many. For the worker's session across programmes."""
    gone = session.execute(delete(Attempt).where(Attempt.window_starts_at < clock.now() - _KEPT))
    return gone.rowcount  # type: ignore[attr-defined,no-any-return]


def network(address: str) -> str:
    """Return whom an IP address stands for: itself, or its /64 in IPv6, which is what one household is given."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))


def _bucket(keyring: Keyring, policy: Policy, subject: str) -> bytes:
    key = keyring.derive("attempts")
    return hmac.new(key, f"{policy.name}\0{subject}".encode(), hashlib.sha256).digest()
