"""Dispatching: each second, what campaigns have to do becomes tasks. The rows are the truth; tasks only wake workers.

A task says "make run X" or "drain run X by channel Y". One that is lost is queued again a second later; one that comes
twice finds the rows taken.
"""

import threading
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Text, column, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from app import clock
from app.db import Database, Session
from app.models import Campaign, CampaignDelivery, CampaignRun
from app.offers.earlier import CHANNELS_BEFORE
from notifications import queue
from notifications.campaigns import journeys, leaving, making, rows, ticking
from notifications.campaigns.claiming import SENDING_STATES
from notifications.campaigns.draining import BATCH, Drainer
from notifications.campaigns.plans import Plan
from wire import faults

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
LOOK_AGAIN_TICKS = 15
"""How often messages that wait are looked at, whether their reason is gone."""
TROUBLE_SLEEP_SECONDS = 2.0
DRAIN_SECONDS = 4.0
"""How long a drain lasts before others of its lane have their turn: less, where its programme drains many runs."""
DRAIN_SECONDS_MIN = 0.5
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Due:
    """A run with due rows by a channel, and how many runs its programme has beside it there."""

    run_id: UUID
    program_id: UUID
    channel: str
    priority: int


class Ticker:
    """A loop that begins, wakes and finishes campaigns; any number of workers have one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ticks = 0

    def run(self, stop: threading.Event) -> None:
        """Tick each second until `stop` is set."""
        while not stop.is_set():
            pause = TICK_SECONDS
            try:
                self.run_once()
            except Exception as error:  # noqa: BLE001 - the database is away, say: the loop must outlive it
                log.warning("tick_failed", **faults.describe(error))
                pause = TROUBLE_SLEEP_SECONDS
            stop.wait(pause)

    def run_once(self) -> int:
        """Move campaigns on and queue what there is to do; return how many tasks were queued."""
        ticking.tick(self._database)
        journeys.tick(self._database)
        if self._ticks % LOOK_AGAIN_TICKS == 0:
            leaving.withdraw(self._database)
        self._ticks += 1
        return wake(self._database)


def hasten(database: Database) -> int:
    """Begin what is due and queue what there is to do, without waiting for a tick; return how many were queued."""
    ticking.start_due(database)
    return wake(database)


def wake(database: Database) -> int:
    """Queue a task for each run to make and each run and channel to drain; return how many were not waiting yet."""
    with database.across_programs() as session:
        unmade, due = runs_to_make(session), runs_to_drain(session)
    return sum(defer_make(database, run_id) for run_id in unmade) + sum(
        defer_drain(database, one.run_id, one.channel) for one in due
    )


def defer_make(database: Database, run_id: UUID) -> bool:
    """Queue the making of a run's deliveries."""
    with database.across_programs() as session:
        name = f"{queue.MAKE_RUN}/{run_id.hex}"
        return queue.defer_once(session, queue.MAKE_RUN, waits_as=name, lane=queue.CAMPAIGNS, run_id=run_id.hex)


def defer_drain(database: Database, run_id: UUID, channel: str) -> bool:
    """Queue a drain of a run's due rows by a channel, in the channel's lane."""
    with database.across_programs() as session:
        name = f"{queue.DRAIN_RUN}/{run_id.hex}/{channel}"
        lane = queue.LANES.get(channel, queue.CAMPAIGNS)
        return queue.defer_once(session, queue.DRAIN_RUN, waits_as=name, lane=lane, run_id=run_id.hex, channel=channel)


def defer_drains(database: Database, plan: Plan) -> None:
    """Queue a drain by each of a run's channels."""
    for channel in plan.channels:
        defer_drain(database, plan.run_id, channel)


def runs_to_make(session: Session) -> list[UUID]:
    """Return runs whose deliveries nobody is making."""
    query = (
        select(CampaignRun.id)
        .where(
            _open(), CampaignRun.made_at.is_(None),
            or_(CampaignRun.lease_until.is_(None), CampaignRun.lease_until <= clock.now()),
        )
        .limit(AT_ONCE)
    )  # fmt: skip
    return list(session.scalars(query))


def runs_to_drain(session: Session) -> list[Due]:
    """Return runs with due rows, by channel. Of a programme's, those of the highest priority go first."""
    now = clock.now()
    said = func.coalesce(CampaignRun.definition["channels"], literal(["push"], JSONB))
    # Messages by a channel that was taken away meanwhile wait to be settled.
    before = func.coalesce(CampaignRun.definition[CHANNELS_BEFORE], literal([], JSONB))
    named = func.jsonb_array_elements_text(said.concat(before)).table_valued(column("channel", Text), name="channels")
    channels = named.render_derived().lateral()
    has_due = rows.any_of(CampaignRun.id, rows.due(now), channel=channels.c.channel)
    found = session.execute(
        select(CampaignRun.id, CampaignRun.program_id, channels.c.channel, Campaign.priority)
        .select_from(CampaignRun)
        .join(Campaign, Campaign.id == CampaignRun.campaign_id)
        .join(channels, literal(True))
        .where(_open(), or_(CampaignRun.paced_until.is_(None), CampaignRun.paced_until <= now), has_due)
        .order_by(CampaignRun.starts_at)
        .limit(AT_ONCE)
    ).all()
    due = [Due(*row) for row in found]
    highest: dict[tuple[UUID, str], int] = {}
    for one in due:
        place = (one.program_id, one.channel)
        highest[place] = max(one.priority, highest.get(place, one.priority))
    return [one for one in due if one.priority == highest[one.program_id, one.channel]]


def make_run(database: Database, stop: threading.Event, *, run_id: str) -> int:
    """Make a run's deliveries, and have them sent as they are made: the task."""
    return making.make(database, UUID(run_id), stop, made_some=partial(defer_drains, database))


def drain_run(database: Database, drainer: Drainer, stop: threading.Event, *, run_id: str, channel: str) -> int:
    """Send what a run has due by a channel for a few seconds, then queue up again behind the others: the task.

    A programme's share of a lane does not grow with how many runs it has.
    """
    run = UUID(run_id)
    with database.across_programs() as session:
        due = runs_to_drain(session)
        much = _has_more_than_a_batch(session, run, channel)
    mine = next((one for one in due if one.run_id == run and one.channel == channel), None)
    if mine is None:
        return 0
    beside = sum(1 for one in due if (one.program_id, one.channel) == (mine.program_id, channel))
    if much:
        # For another thread or worker, beside this one: while one waits for the wire or the database, the other works.
        defer_drain(database, run, channel)
    seconds = max(DRAIN_SECONDS / beside, DRAIN_SECONDS_MIN)
    taken, more = drainer.drain(run, channel, stop, seconds=seconds)
    if more and not stop.is_set():
        defer_drain(database, run, channel)
    return taken


def _has_more_than_a_batch(session: Session, run_id: UUID, channel: str) -> bool:
    waiting = select(CampaignDelivery.id).where(
        CampaignDelivery.run_id == run_id, CampaignDelivery.channel == channel, rows.due(clock.now())
    )
    # From the end, where what was sent is not in the way.
    order = (CampaignDelivery.due_at.desc(), CampaignDelivery.id.desc())
    return session.scalar(waiting.order_by(*order).offset(BATCH).limit(1)) is not None


def _open() -> Any:
    return CampaignRun.state.in_([literal(state, literal_execute=True) for state in SENDING_STATES])
