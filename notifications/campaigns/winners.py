"""Winners: of a run whose variants were tested on some members, the variant that all others get.

Rows of members who test have their variant from the start; rows of the others have none and wait. At `after_minutes`
from the run's start the variants are compared, and `campaign_run.winner` says which the rest gets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, exists, func, literal, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import Activity, CampaignDelivery, CampaignRun
from app.services.campaign_outcomes import ids_between
from app.services.intervals import GROUP_MIN
from notifications.campaigns import rows
from wire import faults

log = structlog.get_logger(__name__)

PATIENCE = timedelta(minutes=5)
"""How long members who test and were not written to yet are waited for; less than others wait for a winner."""
OPEN_STATES = ("making", "running", "paused")
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
            select(CampaignRun.program_id, CampaignRun.id, CampaignRun.starts_at, CampaignRun.definition).where(
                # Written out, so that the partial index is found.
                CampaignRun.state.in_([literal(state, literal_execute=True) for state in OPEN_STATES]),
                CampaignRun.winner.is_(None),
                CampaignRun.definition["winner"]["metric"].astext.is_not(None),
            )
        ).all()
    due = [row for row in waiting if now >= compared_at(row.starts_at, row.definition)]
    decided = 0
    for row in due:
        try:
            with database.transaction(row.program_id) as session:
                decided += _decide(session, row.id, now)
        except Exception as error:  # noqa: BLE001 - one that cannot be decided must not keep the others
            log.error("winner_not_chosen", run_id=ids.show("campaign_run", row.id), **faults.describe(error))  # noqa: TRY400
    return decided


def compared_at(starts_at: datetime, definition: Mapping[str, Any]) -> datetime:
    """Return when a run's variants are compared."""
    return starts_at + timedelta(minutes=float(definition["winner"]["after_minutes"]))


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
    late = now >= compared_at(run.starts_at, run.definition) + PATIENCE
    if not late and (run.made_at is None or session.scalar(select(_under_way(run_id)))):
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


def _under_way(run_id: UUID) -> ColumnElement[bool]:
    """Say whether somebody who tests is still to be written to."""
    row = CampaignDelivery
    return exists().where(row.run_id == run_id, rows.unsettled(), row.variant.is_not(None))


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
