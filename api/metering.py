"""How many requests a caller may make: a bucket for each, in this process's memory.

Nothing is asked of the database, so that a scan pays two look-ups in a dictionary and some arithmetic; the price is
that each web process counts for itself, and an installation admits up to as many times the quota as it has processes.
What can be guessed is counted in the database instead, for all processes together (`api.limits`, `api.guessing`).
"""

import math
from collections.abc import Hashable

from app import clock
from app.services.attempts import Policy, Standing


class Meter:
    """A bucket for each subject that fills evenly and holds a window's quota: the generic cell rate algorithm.

    A subject is one number, the instant at which its bucket will be full again (ITU-T I.371, its "theoretical arrival
    time"). Whoever was not seen for a window has a full bucket, and so may be forgotten: two generations are kept.
    Threads may race: then a request goes uncounted, which is no harm.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._spacing = policy.window_seconds / policy.quota
        self._recent: dict[Hashable, float] = {}
        self._older: dict[Hashable, float] = {}
        self._turned_at = 0.0

    def spend(self, subject: Hashable) -> Standing:
        """Count a request of `subject`, unless its bucket is empty; a refused one costs nothing."""
        now = clock.now().timestamp()
        window = self.policy.window_seconds
        if not 0 <= now - self._turned_at < window:
            self._turn(now)
        full_at = self._recent.get(subject) or self._older.get(subject, now)
        # A clock that was put back would leave buckets empty for as long.
        full_at = min(max(full_at, now), now + window) + self._spacing
        wait = full_at - now - window
        if wait > self._spacing / 2:
            return Standing(self.policy, self.policy.quota + 1, window, math.ceil(wait))
        self._recent[subject] = full_at
        used = full_at - now
        return Standing(self.policy, math.ceil(used / self._spacing - 0.5), math.ceil(used))

    def _turn(self, now: float) -> None:
        kept = 0 <= now - self._turned_at < 2 * self.policy.window_seconds
        self._older, self._recent, self._turned_at = (self._recent if kept else {}), {}, now


class Meters:
    """The meters of a web process: of those who sign in, and of the networks of those who do not."""

    def __init__(self, *, callers_per_minute: int, clients_per_minute: int) -> None:
        self.callers = Meter(Policy("caller", callers_per_minute, 60))
        """One API key, one staff member's sign-in, one customer."""
        self.clients = Meter(Policy("client", clients_per_minute, 60))
        """One client address, for what needs no sign-in and for tokens that nobody has."""
