"""The updater: everything of the update engine that runs in a worker, as one part that runs until it is stopped."""

import threading
from collections.abc import Mapping

import structlog
from sqlalchemy import exists, select

from app.db import Database
from app.models import Pass
from wallet.platforms import PLATFORMS, Platform
from wallet.updates.hearing import Ear
from wallet.updates.lanes import Lane
from wallet.updates.sweeping import sweep
from wire import faults

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
SWEEPING_SECONDS = 0.05
"""How soon the next page of a sweep follows, while there are marks to be made."""


class Updater:
    """A lane for each platform, and the sweeps. Any number of workers may run one on the same database."""

    def __init__(self, database: Database, platforms: Mapping[str, Platform] | None = None) -> None:
        """Open the platforms' couriers, which connect when they are used; raise ValueError for unusable settings.

        Where nobody has a pass yet, all wallets are opened as soon as somebody has: what they load is an eighth of a
        worker's memory.
        """
        self._database = database
        self._lanes: list[Lane] = []
        self._threads: list[threading.Thread] = []
        self.ear = Ear(on_mark=self._ring)
        """Hears events in this process, and wakes the lanes."""
        if platforms is not None:
            self._open(platforms)
        elif self._has_passes():
            self._open(_all_platforms())

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is in hand is finished."""
        self._start(stop)
        while not stop.is_set():
            if not self._lanes:
                self._open_for_the_first_pass(stop)
            stop.wait(self._sweep())
        self._ring()
        for thread in self._threads:
            thread.join()

    def run_once(self) -> int:
        """Sweep, and work on everything that is due now; return how many passes were looked at."""
        sweep(self._database)
        return sum(lane.run_once() for lane in self._lanes)

    def close(self) -> None:
        """Give back connections; call it after `run` has ended."""
        for lane in self._lanes:
            lane.close()

    def _open(self, platforms: Mapping[str, Platform]) -> None:
        self._lanes = [Lane(self._database, one, one.open(self._database.settings)) for one in platforms.values()]

    def _start(self, stop: threading.Event) -> None:
        for place, lane in enumerate(self._lanes):
            thread = threading.Thread(target=lane.run, args=(stop,), name=f"wallet-lane-{place}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _open_for_the_first_pass(self, stop: threading.Event) -> None:
        try:
            if self._has_passes():
                self._open(_all_platforms())
                self._start(stop)
        except Exception as error:  # noqa: BLE001 - a setting is unusable, and was not needed at the start: said again
            log.warning("wallets_not_opened", **faults.describe(error))

    def _has_passes(self) -> bool:
        try:
            with self._database.across_programs() as session:
                return bool(session.scalar(select(exists().where(Pass.id.is_not(None)))))
        except Exception as error:  # noqa: BLE001 - the database is away: it is asked again
            log.warning("wallet_sweep_failed", **faults.describe(error))
            return False

    def _sweep(self) -> float:
        """Take sweeps a page further; return how many seconds to wait until the next."""
        try:
            marked = sweep(self._database)
        except Exception as error:  # noqa: BLE001 - the database is away, say: the loop must outlive it
            log.warning("wallet_sweep_failed", **faults.describe(error))
            return SWEEP_SECONDS
        if marked:
            self._ring()
        return SWEEPING_SECONDS if marked else SWEEP_SECONDS

    def _ring(self) -> None:
        for lane in self._lanes:
            lane.ring()


def _all_platforms() -> dict[str, Platform]:
    PLATFORMS.load("wallet.platforms")
    return {kind: PLATFORMS[kind] for kind in PLATFORMS}
