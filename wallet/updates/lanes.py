"""Lanes: one for each platform, so that Google's twenty requests a second never hold up Apple's pushes.

A few programmes are worked on at once, in turn, a batch each: neither a programme with a hundred thousand marks nor one
whose certificate ended holds up the others.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app import clock, ids
from app.db import Database
from app.services.pass_updates import ALL, ONE
from wallet.platforms import Courier, Platform, Told
from wallet.updates import claiming, settling
from wallet.updates.claiming import Claimed
from wallet.updates.looking import Looked, look
from wallet.updates.metrics import UPDATES
from wire import faults

log = structlog.get_logger(__name__)

SEATS = 4
"""Programmes that one worker works on at a time, for each platform, for marks that people wait for."""
MASS_SEATS = 2
"""And for redesigns, beside them: a programme's stamps never wait for its redesign's batch in hand."""
MASS_BATCH = 250
"""Passes of a redesign that are looked at together: a moment's work."""
Work = tuple[UUID, int]
"""A programme and a priority: what one thread works on."""
POLL = timedelta(milliseconds=250)
"""How often marks that other processes made are looked for, while there are none."""
SHORTEST = timedelta(milliseconds=1)
BUSY = timedelta(milliseconds=20)
TROUBLE_SECONDS = 2.0
BROKEN = Told(outcome="unknown", reason="platform_failed")


class Lane:
    """Works off one platform's marks until it is stopped."""

    def __init__(
        self, database: Database, platform: Platform, courier: Courier, *, seats: int = SEATS,
        mass_seats: int = MASS_SEATS,
    ) -> None:  # fmt: skip
        self._database = database
        self._platform = platform
        self._courier = courier
        self._seats, self._mass_seats = seats, mass_seats
        self._last: dict[int, UUID] = {}
        self._bell = threading.Event()

    def ring(self) -> None:
        """Say that there are new marks, or that it is time to stop."""
        self._bell.set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set and `ring` is called; finish the batches in hand."""
        with ThreadPoolExecutor(self._seats + self._mass_seats, f"wallet-{self._platform.kind}") as threads:
            running: dict[Future[int], Work] = {}
            while not stop.is_set():
                for future in [one for one in running if one.done()]:
                    del running[future]
                try:
                    next_at = self._next(running)
                    if next_at is None or next_at > clock.now() or not self._begin(threads, running):
                        self._rest(next_at, busy=bool(running))
                except Exception as error:  # noqa: BLE001 - the database is away, say: the loop must outlive it
                    log.warning("wallet_lane_failed", platform=self._platform.kind, **faults.describe(error))
                    stop.wait(TROUBLE_SECONDS)

    def run_once(self) -> int:
        """Work on what is due now, one programme after the other; return how many passes were looked at."""
        with self._database.across_programs() as session:
            programs = claiming.due_programs(session, self._platform.kind)
        return sum(self.work_on(program_id) for program_id in programs)

    def close(self) -> None:
        """Give back what the courier holds."""
        self._courier.close()

    def _begin(self, threads: ThreadPoolExecutor, running: dict[Future[int], Work]) -> int:
        """Begin what the free seats allow, people's marks and redesigns each on their own; return how many."""
        begun = 0
        for priority, seats in ((ONE, self._seats), (ALL, self._mass_seats)):
            in_hand = [program_id for program_id, of_priority in running.values() if of_priority == priority]
            free = seats - len(in_hand)
            if free <= 0:
                continue
            with self._database.across_programs() as session:
                due = in_turn(claiming.due_programs(session, self._platform.kind, priority), self._last.get(priority))
            chosen = [program_id for program_id in due if program_id not in in_hand]
            if priority == ALL:
                # A redesign that is alone takes all seats: while one batch is told, the next is looked at.
                chosen += [program_id for program_id in due if program_id in in_hand]
            for program_id in chosen[:free]:
                future = threads.submit(self._work_safely, program_id, priority)
                running[future] = program_id, priority
                future.add_done_callback(lambda _: self._bell.set())
                self._last[priority] = program_id
                begun += 1
        return begun

    def _next(self, running: dict[Future[int], Work]) -> datetime | None:
        """Return when the next mark is due that could be begun: all that is asked while there is nothing to do."""
        in_hand = {work for work in running.values() if work[1] == ONE}
        with self._database.across_programs() as session:
            return claiming.earliest(session, self._platform.kind, but=in_hand)

    def _rest(self, next_at: datetime | None, *, busy: bool) -> None:
        """Wait for what is worth waking for: the bell, which ends of work ring too, or the next mark's time."""
        # What is due and waits for a seat is begun when work ends, which rings.
        shortest = BUSY if busy else SHORTEST
        pause = POLL if next_at is None else min(POLL, max(next_at - clock.now(), shortest))
        self._bell.wait(pause.total_seconds())
        self._bell.clear()

    def _work_safely(self, program_id: UUID, priority: int) -> int:
        try:
            return self.work_on(program_id, priority)
        except Exception as error:  # noqa: BLE001 - the lease gives the marks to another try
            shown = ids.show("program", program_id)
            log.error("pass_updates_failed", platform=self._platform.kind, program_id=shown, **faults.describe(error))  # noqa: TRY400
            return 0

    def work_on(self, program_id: UUID, priority: int | None = None) -> int:
        """Work on one batch of a programme, of any priority or one; return how many passes were looked at."""
        limit = min(self._platform.batch, MASS_BATCH) if priority == ALL else self._platform.batch
        with self._database.across_programs() as session:
            claimed = claiming.claim(session, self._platform.kind, program_id, limit=limit, priority=priority)
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
