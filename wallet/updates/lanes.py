"""Lanes: one for each platform, so that Google's twenty requests a second never hold up Apple's pushes.

A few programmes are worked on at once, in turn, a batch each: neither a programme with a hundred thousand marks nor one
whose certificate ended holds up the others.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import structlog

from app import clock, ids
from app.db import Database
from wallet.platforms import Courier, Platform, Told
from wallet.updates import claiming, settling
from wallet.updates.claiming import Claimed
from wallet.updates.looking import Looked, look
from wallet.updates.metrics import UPDATES
from wire import faults

log = structlog.get_logger(__name__)

SEATS = 4
"""Programmes that one worker works on at a time, for each platform."""
POLL = timedelta(milliseconds=250)
"""How often marks that other processes made are looked for, while there are none."""
SHORTEST = timedelta(milliseconds=1)
TROUBLE_SECONDS = 2.0
BROKEN = Told(outcome="unknown", reason="platform_failed")


class Lane:
    """Works off one platform's marks until it is stopped."""

    def __init__(self, database: Database, platform: Platform, courier: Courier, *, seats: int = SEATS) -> None:
        self._database = database
        self._platform = platform
        self._courier = courier
        self._seats = seats
        self._last: UUID | None = None
        self._bell = threading.Event()

    def ring(self) -> None:
        """Say that there are new marks, or that it is time to stop."""
        self._bell.set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set and `ring` is called; finish the batches in hand."""
        with ThreadPoolExecutor(self._seats, f"wallet-{self._platform.kind}") as threads:
            running: dict[UUID, Future[int]] = {}
            while not stop.is_set():
                try:
                    begun = self._begin(threads, running)
                    self._rest(running, begun=begun)
                except Exception as error:  # noqa: BLE001 - the database is away, say: the loop must outlive it
                    log.warning("wallet_lane_failed", platform=self._platform.kind, **faults.describe(error))
                    stop.wait(TROUBLE_SECONDS)
                for program_id in [key for key, future in running.items() if future.done()]:
                    running.pop(program_id).result()

    def run_once(self) -> int:
        """Work on what is due now, one programme after the other; return how many passes were looked at."""
        with self._database.across_programs() as session:
            programs = claiming.due_programs(session, self._platform.kind)
        return sum(self.work_on(program_id) for program_id in programs)

    def close(self) -> None:
        """Give back what the courier holds."""
        self._courier.close()

    def _begin(self, threads: ThreadPoolExecutor, running: dict[UUID, Future[int]]) -> int:
        free = self._seats - len(running)
        if free <= 0:
            return 0
        with self._database.across_programs() as session:
            due = claiming.due_programs(session, self._platform.kind)
        chosen = in_turn([key for key in due if key not in running], self._last)[:free]
        for program_id in chosen:
            running[program_id] = threads.submit(self._work_safely, program_id)
            running[program_id].add_done_callback(lambda _: self._bell.set())
            self._last = program_id
        return len(chosen)

    def _rest(self, running: dict[UUID, Future[int]], *, begun: int) -> None:
        """Wait for what is worth waking for: the bell, which ends of work ring too, or the next mark's time."""
        free = len(running) < self._seats
        if begun and free:
            return
        pause = POLL
        if free:
            with self._database.across_programs() as session:
                next_at = claiming.earliest(session, self._platform.kind, but=list(running))
            if next_at is not None:
                pause = min(POLL, max(next_at - clock.now(), SHORTEST))
        self._bell.wait(pause.total_seconds())
        self._bell.clear()

    def _work_safely(self, program_id: UUID) -> int:
        try:
            return self.work_on(program_id)
        except Exception as error:  # noqa: BLE001 - the lease gives the marks to another try
            shown = ids.show("program", program_id)
            log.error("pass_updates_failed", platform=self._platform.kind, program_id=shown, **faults.describe(error))  # noqa: TRY400
            return 0

    def work_on(self, program_id: UUID) -> int:
        """Work on one batch of a programme; return how many passes were looked at."""
        with self._database.across_programs() as session:
            claimed = claiming.claim(session, self._platform.kind, program_id, limit=self._platform.batch)
        if claimed is None:
            return 0
        looked = look(self._database, program_id, claimed.platform, list(claimed.marks), self._courier)
        told = self._tell(claimed, looked)
        if looked.jobs:
            with self._database.transaction(program_id) as session:
                self._courier.record(session, looked.jobs, told)
        with self._database.across_programs() as session:
            settling.settle(session, claimed, looked, told)
        self._count(claimed, looked, told)
        return len(claimed.marks)

    def _tell(self, claimed: Claimed, looked: Looked) -> Sequence[Told]:
        if not looked.jobs:
            return []
        try:
            return self._courier.deliver(claimed.program_id, looked.credentials, looked.jobs)
        except Exception as error:  # noqa: BLE001 - a platform that breaks must not hold the marks for a lease
            log.error("wallet_platform_failed", platform=claimed.platform, **faults.describe(error))  # noqa: TRY400
            return [BROKEN] * len(looked.jobs)

    def _count(self, claimed: Claimed, looked: Looked, told: Sequence[Told]) -> None:
        UPDATES.labels(claimed.platform, "unchanged").inc(len(looked.unchanged))
        for one in told:
            UPDATES.labels(claimed.platform, one.outcome).inc()


def in_turn(programs: Sequence[UUID], last: UUID | None) -> list[UUID]:
    """Return the programmes in the order of their ids, beginning behind the one that had its turn last."""
    if last is None:
        return list(programs)
    return [key for key in programs if key > last] + [key for key in programs if key <= last]
