"""A waiting room: work that may not take all of a process's threads, whoever asks for how much of it.

After a new design every phone of a programme fetches its pass at once. Making one costs as much as many scans, and a
till must not wait for them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from api.problems import TooManyRequestsError

PATIENCE_SECONDS = 2.0
COME_BACK_SECONDS = 20
"""Wallet tries again by itself, waiting longer each time."""
SENT_AWAY = Counter("assidu_sent_away", "Requests for costly work that found no free chair", ["work"])


class WaitingRoom:
    """So many at work at once, as many waiting for their turn; whoever comes beyond is told to come back."""

    def __init__(self, work: str, *, seats: int) -> None:
        self._seats = threading.BoundedSemaphore(seats)
        self._inside = threading.BoundedSemaphore(2 * seats)
        self._sent_away = SENT_AWAY.labels(work)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and have it; raise TooManyRequestsError where the room is full or the turn is late."""
        if not self._inside.acquire(blocking=False):
            raise self._full()
        try:
            if not self._seats.acquire(timeout=PATIENCE_SECONDS):
                raise self._full()
            try:
                yield
            finally:
                self._seats.release()
        finally:
            self._inside.release()

    def _full(self) -> TooManyRequestsError:
        self._sent_away.inc()
        return TooManyRequestsError("Too many ask for this at once.", retry_after=COME_BACK_SECONDS)
