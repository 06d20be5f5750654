"""The relay: takes events from the outbox under a lease, hands each to its subscribers, and marks them handled.

Any number of relays work on one database. Nothing is lost when one is killed: the lease ends and another takes the
event. An event may therefore be handed out twice, which subscribers must bear.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ARRAY, Uuid, column, func, literal, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import Event
from app.registry import Registry
from notifications import metrics
from notifications.subscribers import SUBSCRIBERS, PublishedEvent, Subscriber
from wire import faults

log = structlog.get_logger(__name__)

BATCH = 100
LEASE = timedelta(seconds=30)
BACKOFF_MAX = timedelta(hours=1)
ATTEMPTS_MAX = 24
"""With a doubling backoff of an hour at most, an event is given up after about 13 hours."""
SLEEP_MIN_SECONDS = 0.005
SLEEP_MAX_SECONDS = 0.1
TROUBLE_SLEEP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Claim:
    """An event that this relay holds until `lease_until`; `attempts` counts how often it was claimed."""

    event: PublishedEvent
    attempts: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A claim that a subscriber could not handle; `problem` names the subscriber and the kind of error."""

    claim: Claim
    problem: str


class Relay:
    """One loop over the outbox."""

    def __init__(
        self, database: Database, subscribers: Registry[Subscriber] = SUBSCRIBERS, *, batch: int = BATCH
    ) -> None:
        self._database = database
        self._subscribers = subscribers
        self._batch = batch

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; finish the event in hand, leave the rest of the batch to the lease."""
        pause = SLEEP_MIN_SECONDS
        while not stop.is_set():
            try:
                found = self.run_once(stop)
            except Exception as error:  # noqa: BLE001 - the database is away, say: the loop must outlive it
                log.warning("relay_failed", **faults.describe(error))
                stop.wait(TROUBLE_SLEEP_SECONDS)
                continue
            if found == self._batch:
                continue
            pause = SLEEP_MIN_SECONDS if found else min(pause * 2, SLEEP_MAX_SECONDS)
            stop.wait(pause)

    def run_once(self, stop: threading.Event | None = None) -> int:
        """Take one batch, handle it, record what became of it; return how many events were taken."""
        with self._database.across_programs() as session:
            claims = claim(session, limit=self._batch)
        handled: list[Claim] = []
        failed: list[Failure] = []
        for held in claims:
            if (stop is not None and stop.is_set()) or clock.now() >= held.lease_until:
                break
            failure = self._hand_out(held)
            if failure is None:
                handled.append(held)
            else:
                failed.append(failure)
        if handled or failed:
            with self._database.across_programs() as session:
                settle(session, handled=handled, failed=failed)
        return len(claims)

    def _hand_out(self, held: Claim) -> Failure | None:
        for name, subscriber in self._listeners(held.event.kind):
            try:
                subscriber.handle(self._database, held.event)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other events go on
                fault = faults.describe(error)
                log.warning("event_failed", subscriber=name, attempts=held.attempts, **_shown(held), **fault)
                return Failure(held, f"{name}: {fault['error']} at {fault['at']}")
        return None

    def _listeners(self, kind: str) -> Iterator[tuple[str, Subscriber]]:
        for name in self._subscribers:
            subscriber = self._subscribers[name]
            if kind in subscriber.kinds:
                yield name, subscriber


def claim(session: Session, *, limit: int = BATCH) -> list[Claim]:
    """Take up to `limit` due events for the length of a lease, oldest first; the caller commits.

    The worker role's session: it sees all programmes. What another relay is just taking is skipped, not waited for.
    """
    now = clock.now()
    # A CTE with a row lock runs once; as a derived table the planner may run it again and take more than `limit`.
    due = (
        select(Event.program_id, Event.id)
        .where(Event.handled_at.is_(None), Event.lease_until <= now)
        .order_by(Event.lease_until, Event.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = session.execute(
        update(Event)
        .where(Event.program_id == due.c.program_id, Event.id == due.c.id)
        .values(lease_until=now + LEASE, attempts=Event.attempts + 1)
        .returning(
            Event.id, Event.program_id, Event.kind, Event.data, Event.member_id, Event.recorded_at, Event.attempts
        ),
        execution_options={"synchronize_session": False},
    )
    claims = [
        Claim(
            PublishedEvent(
                id=row.id,
                program_id=row.program_id,
                kind=row.kind,
                data=row.data,
                member_id=row.member_id,
                recorded_at=row.recorded_at,
            ),
            row.attempts,
            now + LEASE,
        )
        for row in taken
    ]
    return sorted(claims, key=lambda held: held.event.id)


def settle(session: Session, *, handled: list[Claim], failed: list[Failure]) -> None:
    """Mark the handled events; let the failed ones wait, longer each time, or park them; the caller commits."""
    if handled:
        _mark_handled(session, handled)
    for held in handled:
        metrics.EVENTS.labels(held.event.kind, "handled").inc()
    for failure in failed:
        _put_back(session, failure)


def backoff(attempts: int) -> timedelta:
    """Return how long an event waits after its `attempts`-th failure: 1, 2, 4 … seconds, an hour at most."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 20)), BACKOFF_MAX)


def _mark_handled(session: Session, handled: list[Claim]) -> None:
    # One statement text for any number of rows, and a lookup by primary key in the right partition for each.
    done = (
        func.unnest(
            literal([held.event.program_id for held in handled], ARRAY(Uuid)),
            literal([held.event.id for held in handled], ARRAY(Uuid)),
        )
        .table_valued(column("program_id", Uuid), column("id", Uuid), name="done")
        .render_derived()
    )
    session.execute(
        update(Event)
        # Not asking for unhandled ones: the planner would walk the index of due events for each.
        .where(Event.program_id == done.c.program_id, Event.id == done.c.id)
        .values(handled_at=clock.now(), problem=None),
        execution_options={"synchronize_session": False},
    )


def _put_back(session: Session, failure: Failure) -> None:
    held, now = failure.claim, clock.now()
    parked = held.attempts >= ATTEMPTS_MAX
    change: dict[str, Any] = {"problem": failure.problem}
    change |= {"handled_at": now} if parked else {"lease_until": now + backoff(held.attempts)}
    session.execute(
        update(Event)
        .where(
            Event.program_id == held.event.program_id,
            Event.id == held.event.id,
            # Ours still: a relay that slept through its lease says nothing about the next one's attempt.
            Event.attempts == held.attempts,
        )
        .values(**change),
        execution_options={"synchronize_session": False},
    )
    metrics.EVENTS.labels(held.event.kind, "parked" if parked else "failed").inc()
    if parked:
        log.error("event_parked", problem=failure.problem, attempts=held.attempts, **_shown(held))


def _shown(held: Claim) -> dict[str, str]:
    return {
        "event_id": ids.show("event", held.event.id),
        "program_id": ids.show("program", held.event.program_id),
        "kind": held.event.kind,
    }
