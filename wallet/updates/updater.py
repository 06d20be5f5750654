"""The updater: everything of the update engine that runs in a worker, as one part that runs until it is stopped."""

import threading
from collections.abc import Mapping

import structlog

from app.db import Database
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
        """Open the platforms' couriers, which connect when they are used; raise ValueError for unusable settings."""
        if platforms is None:
            PLATFORMS.load("wallet.platforms")
            platforms = {kind: PLATFORMS[kind] for kind in PLATFORMS}
        self._database = database
        self._lanes = [Lane(database, one, one.open(database.settings)) for one in platforms.values()]
        self.ear = Ear(on_mark=self._ring)
        """Hears events in this process, and wakes the lanes."""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is in hand is finished."""
        threads = [
            threading.Thread(target=lane.run, args=(stop,), name=f"wallet-lane-{place}", daemon=True)
            for place, lane in enumerate(self._lanes)
        ]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            stop.wait(self._sweep())
        self._ring()
        for thread in threads:
            thread.join()

    def run_once(self) -> int:
        """Sweep, and work on everything that is due now; return how many passes were looked at."""
        sweep(self._database)
        return sum(lane.run_once() for lane in self._lanes)

    def close(self) -> None:
        """Give back connections; call it after `run` has ended."""
        for lane in self._lanes:
            lane.close()

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
