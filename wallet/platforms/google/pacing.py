"""How fast we may speak to Google Wallet: 20 requests a second for a project, and less while it is in trouble.

Google publishes the number and sends no headers about it (frequently asked questions of the Wallet API). Nothing here
sleeps: whoever may not speak now is told for how long.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from app import ids

WINDOW_SECONDS = 1.05
"""A second, and what the way there may add or take: two requests may arrive nearer to each other than they left."""
RECOVER_SECONDS = 5.0
PAUSE_SECONDS_MAX = 60.0
PAUSE_SECONDS_FIRST = 1.0
_SPREAD = 1000


class Window:
    """At most `per_second` requests in any second: stricter than a bucket, which lets a full one and a second's go.

    Other workers share the project's rate and know nothing of us: told that it was too much, each takes half as much,
    and a little more every few seconds. So they come to share it, as connections share a line (RFC 5681 §3.1).
    """

    def __init__(self, per_second: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._begun: deque[float] = deque(maxlen=per_second)
        self._most = self._limit = per_second
        self._monotonic = monotonic
        self._limited_at = 0.0
        self._lock = threading.Lock()

    @property
    def per_second(self) -> int:
        """Return how many a second it lets through now."""
        return self._limit

    def take(self, wanted: int) -> int:
        """Count up to `wanted` requests as begun now; return how many there was room for."""
        with self._lock:
            now = self._monotonic()
            self._recover(now)
            while self._begun and now - self._begun[0] >= WINDOW_SECONDS:
                self._begun.popleft()
            count = max(0, min(wanted, self._limit - len(self._begun)))
            self._begun.extend([now] * count)
            return count

    def wait_seconds(self, wanted: int = 1) -> float:
        """Return in how many seconds there will be room for `wanted` (as many as a second has, at most)."""
        with self._lock:
            missing = min(wanted, self._limit) - (self._limit - len(self._begun))
            if missing <= 0:
                return 0.0
            return max(0.0, self._begun[missing - 1] + WINDOW_SECONDS - self._monotonic())

    def halve(self) -> None:
        """Let half as many through: it was too much for all together. Twice within a second counts once."""
        with self._lock:
            now = self._monotonic()
            if self._limit == self._most or now - self._limited_at >= WINDOW_SECONDS:
                self._limit = max(1, self._limit // 2)
                self._limited_at = now

    def _recover(self, now: float) -> None:
        if self._limit < self._most and now - self._limited_at >= RECOVER_SECONDS:
            self._limit += 1
            self._limited_at = now


class Backoff:
    """A pause that doubles with each trouble and ends with the first answer that is none.

    Half of it is by chance, so that workers that were refused together do not come back together.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._troubles = 0
        self._until = 0.0
        self._lock = threading.Lock()

    def trouble(self, retry_after_seconds: float | None = None) -> float:
        """Pause for as long as the server says, or twice as long as last time; return for how many seconds.

        Answers that come while we pause belong to the trouble that is known already.
        """
        with self._lock:
            now = self._monotonic()
            if now >= self._until:
                self._troubles += 1
            pause = min(PAUSE_SECONDS_FIRST * 2 ** (self._troubles - 1), PAUSE_SECONDS_MAX)
            pause *= 0.5 + int.from_bytes(ids.secret_bytes(2)) % _SPREAD / (2 * _SPREAD)
            if retry_after_seconds is not None:
                pause = max(pause, retry_after_seconds)
            self._until = max(self._until, now + pause)
            return self._until - now

    def success(self) -> None:
        """Go on as if there had been no trouble, once the pause is over."""
        with self._lock:
            if self._monotonic() >= self._until:
                self._troubles = 0

    def seconds_left(self) -> float:
        """Return for how long nothing may be sent, 0 when all is well."""
        return max(0.0, self._until - self._monotonic())
