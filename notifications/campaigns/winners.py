"""Winners: of a run whose variants were tested on some members, the variant that all others get.

Rows of members who test have their variant from the start; rows of the others have none and wait. When the last who
test was written to, `after_minutes` begin: quiet hours, a pace or a provider's trouble take nothing from the time that
members have to open a message or to come. Then the variants are compared, and `campaign_run.winner` says which the
rest gets; `campaign_run.paced_until` keeps the run still until then. Where some who test are written to much later
than others, by time zones say, rows of the rest come due before: those are parked until there is a winner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, exists, func, literal, or_, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import Activity, CampaignDelivery, CampaignRun
from app.services.campaign_outcomes import ids_between
from app.services.intervals import GROUP_MIN
from notifications.campaigns import plans, rows
from wire import faults

log = structlog.get_logger(__name__)

PEEK = 1_000
"""How many rows are looked at from either end of what waits, before all of it is."""
OPEN_STATES = ("making", "running", "paused")
RELEASE_BATCH = 10_000
UNWATCHED = ("email",)
"""Channels of which nobody's opening is known."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a variant did: members who got it, and those of them who did what is compared."""

    name: str
    weight: int
    reached: int
    hits: int


def decide(database: Database) -> int:
    """Choose the winner of each run whose time to do so has come; return how many. Safe to repeat, at any time."""
    now = clock.now()
    with database.across_programs() as session:
        waiting = session.execute(
            select(CampaignRun.program_id, CampaignRun.id).where(
                _open(),
                CampaignRun.winner.is_(None),
                CampaignRun.made_at.is_not(None),
                or_(CampaignRun.paced_until.is_(None), CampaignRun.paced_until <= now),
                CampaignRun.definition["winner"]["metric"].astext.is_not(None),
            )
        ).all()
    decided = 0
    for row in waiting:
        try:
            with database.transaction(row.program_id) as session:
                decided += _decide(session, row.id, now)
        except Exception as error:  # noqa: BLE001 - one that cannot be decided must not keep the others
            log.error("winner_not_chosen", run_id=ids.show("campaign_run", row.id), **faults.describe(error))  # noqa: TRY400
    return decided


def release(database: Database) -> int:
    """Make rows due that came due before there was a winner, in runs that have one now; return how many."""
    with database.across_programs() as session:
        won = session.execute(
            select(CampaignRun.id, CampaignRun.starts_at, CampaignRun.definition).where(
                _open(), CampaignRun.winner.is_not(None)
            )
        ).all()
    return sum(_release(database, row.id, row.starts_at, row.definition) for row in won if row.definition.get("winner"))


def _release(database: Database, run_id: UUID, starts_at: datetime, definition: Mapping[str, Any]) -> int:
    row, total = CampaignDelivery, 0
    parked = (
        row.run_id == run_id,
        row.channel.in_(definition.get("channels") or ["push"]),
        row.due_at == plans.parked_until(starts_at, definition["winner"]),
        rows.untouched(),
    )
    while True:
        with database.across_programs() as session:
            some = select(row.id).where(*parked).limit(RELEASE_BATCH).with_for_update(skip_locked=True).cte("parked")
            result = session.execute(
                update(row).where(row.run_id == run_id, row.id == some.c.id).values(due_at=clock.now()),
                execution_options={"synchronize_session": False},
            )
        touched = int(result.rowcount)  # type: ignore[attr-defined]
        total += touched
        if touched < RELEASE_BATCH:
            return total


def compared_at(session: Session, run: CampaignRun, now: datetime) -> datetime | None:
    """Return when a run's variants are compared; None while somebody who tests is still to be written to.

    Those are waited for a day and a half behind the earliest instant, and then no more.
    """
    earliest = plans.earliest_comparison(run.starts_at, run.definition["winner"])
    if now >= earliest + plans.TEST_PATIENCE:
        return now
    if _under_way(session, run):
        return None
    row = CampaignDelivery
    last = session.scalar(select(func.max(row.sent_at)).where(row.run_id == run.id, row.variant.is_not(None)))
    return earliest + (last - run.starts_at) if last else earliest


def best(tested: Sequence[Trial]) -> str | None:
    """Return the name of the variant with the highest rate; None of none.

    Where two are alike, or one was tested on too few, it is the one with the most weight, the first of such: what the
    marketer would have sent to most, had there been no test.
    """
    by_weight = sorted((one for one in tested if one.weight > 0), key=lambda one: -one.weight)
    if not by_weight:
        return None
    if min(one.reached for one in by_weight) < GROUP_MIN:
        return by_weight[0].name
    # The first of the best, since `max` keeps the order; exact, so that no rounding makes a difference.
    return max(by_weight, key=lambda one: Fraction(one.hits, one.reached)).name


def test_of(session: Session, run: CampaignRun, now: datetime) -> list[Trial]:
    """Return how each variant of a run did so far, in the marketer's order."""
    row = CampaignDelivery
    metric = run.definition["winner"]["metric"]
    sent = (
        row.run_id == run.id, row.variant.is_not(None), row.state.in_(("sent", "opened")),
        row.channel.not_in(UNWATCHED if metric == "opened" else ()),
    )  # fmt: skip
    hit = row.state == "opened" if metric == "opened" else _came(session, run, now)
    member = (
        select(row.variant, func.bool_or(hit).label("hit")).where(*sent).group_by(row.member_id, row.variant).subquery()
    )
    counts = {
        found.variant: found
        for found in session.execute(
            select(member.c.variant, func.count().label("reached"), func.count().filter(member.c.hit).label("hits"))
            .group_by(member.c.variant)
        )
    }  # fmt: skip
    return [
        Trial(
            str(one["name"]), int(one.get("weight", 1)),
            getattr(counts.get(one["name"]), "reached", 0), getattr(counts.get(one["name"]), "hits", 0),
        )
        for one in run.definition.get("variants") or ()
    ]  # fmt: skip


def _decide(session: Session, run_id: UUID, now: datetime) -> bool:
    run = session.scalars(select(CampaignRun).where(CampaignRun.id == run_id)).one()
    at = compared_at(session, run, now)
    if at is None or at > now:
        if at is not None:
            run.paced_until = at
        return False
    tested = test_of(session, run, now)
    winner = best(tested)
    # Of two who decide at once the first is believed: what was begun with one winner is not ended with another.
    chosen = session.scalar(
        update(CampaignRun)
        .where(CampaignRun.id == run_id, CampaignRun.winner.is_(None))
        .values(winner=winner)
        .returning(CampaignRun.winner),
        execution_options={"synchronize_session": False},
    )
    if chosen is None:
        return False
    rates = {one.name: f"{one.hits}/{one.reached}" for one in tested}
    log.info("winner_chosen", run_id=ids.show("campaign_run", run_id), winner=chosen, rates=rates)
    return True


def _under_way(session: Session, run: CampaignRun) -> bool:
    """Say whether somebody who tests is still to be written to.

    They stand at the front of what waits, or, put off to the morning, at its end; if not, the run's rows are looked at
    one after the other as the index of what waits has them, and no others.
    """
    row = CampaignDelivery
    waiting = (row.run_id == run.id, rows.unsettled())
    for channel in run.definition.get("channels") or ["push"]:
        for order in (row.due_at.asc(), row.due_at.desc()):
            tests = row.variant.is_not(None).label("tests")
            some = select(tests).where(*waiting, row.channel == channel).order_by(order).limit(PEEK).subquery()
            if session.scalar(select(func.bool_or(some.c.tests))):
                return True
    return bool(session.scalar(select(rows.any_of(run.id, row.variant.is_not(None)))))


def _came(session: Session, run: CampaignRun, now: datetime) -> ColumnElement[bool]:
    row = CampaignDelivery
    low, high = ids_between(run.starts_at, now)
    return exists().where(
        Activity.program_id == session.program,
        Activity.member_id == row.member_id,
        Activity.id.between(low, high),
        Activity.occurred_at >= row.sent_at,
        Activity.occurred_at <= now,
        Activity.reverses_activity_id.is_(None),
    )


def _open() -> ColumnElement[bool]:
    # Written out, so that the partial index is found.
    return CampaignRun.state.in_([literal(state, literal_execute=True) for state in OPEN_STATES])
