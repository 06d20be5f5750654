"""Journeys: members on the way through triggered campaigns get each step's message when it is due, unless they left.

A step's message is a row in the step's own run, made by the same law as all campaigns' rows: reach, variants, holdout,
quiet hours. Then the journey waits for its next step, or ends with its reason. A batch is one transaction, claimed
with SKIP LOCKED: who is killed on the way has done nothing, and any number of workers share the work.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Text, and_, case, exists, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Database, Session
from app.models import Campaign, CampaignDelivery, CampaignRun, Journey, Member, Program
from app.offers import definitions
from app.services import segments
from notifications.campaigns import leaving, making, plans
from wire import faults

log = structlog.get_logger(__name__)

BATCH = 1_000
AT_ONCE = 200
WALK_SECONDS = 1.0
"""How long a tick walks: campaigns that are to begin wait behind it."""
LEASE = timedelta(seconds=60)
"""How long a campaign's journeys are left alone after they failed, so that they do not keep others waiting."""


def tick(database: Database) -> int:
    """Move due journeys on for a second or so, end what is over; return how many moved."""
    return walk(database, seconds=WALK_SECONDS) + leaving.settle(database) + leaving.finish(database)


def walk(database: Database, *, seconds: float = 60.0) -> int:
    """Take each due journey of a running campaign one step on, until `seconds` have passed; return how many."""
    now, ends = clock.now(), time.monotonic() + seconds
    with database.across_programs() as session:
        due = session.execute(
            select(Journey.campaign_id, Journey.step)
            .join(Campaign, Campaign.id == Journey.campaign_id)
            .where(_due(now), Campaign.status == "running")
            .group_by(Journey.campaign_id, Journey.step)
            .order_by(func.min(Journey.due_at))
            .limit(AT_ONCE)
        ).all()
    total = 0
    waiting = [(campaign_id, step) for campaign_id, step in due]
    # A batch of each in turn, so that a campaign of many keeps no other waiting.
    while waiting and time.monotonic() < ends:
        moved = [_walk_one(database, campaign_id, step) for campaign_id, step in waiting]
        total += sum(moved)
        waiting = [one for one, count in zip(waiting, moved, strict=True) if count == BATCH]
    return total


def _walk_one(database: Database, campaign_id: UUID, step: int) -> int:
    try:
        with database.across_programs() as session:
            return take_step(session, campaign_id, step)
    except Exception as error:  # noqa: BLE001 - a campaign that fails must not keep the others
        campaign = ids.show("campaign", campaign_id)
        log.error("journeys_stand_still", campaign_id=campaign, step=step, **faults.describe(error))  # noqa: TRY400
        _leave_alone(database, campaign_id, step)
        return 0


def take_step(session: Session, campaign_id: UUID, step: int, *, limit: int = BATCH) -> int:
    """Make the step's messages for up to `limit` members who are due; return how many journeys moved.

    Nothing while the campaign is paused. The worker role's session; the caller commits.
    """
    now = clock.now()
    # Shared with other workers; whoever pauses or cancels waits for this batch, or is seen by it.
    campaign = session.scalars(
        select(Campaign).where(Campaign.id == campaign_id, Campaign.status == "running").with_for_update(read=True)
    ).one_or_none()
    if campaign is None:
        return 0
    is_over = not definitions.has_step(campaign.definition, step)
    run = None if is_over else _run_of(session, campaign, step)
    if run is None and not is_over:
        return 0
    taken = session.scalars(
        select(Journey.id)
        .where(Journey.campaign_id == campaign_id, Journey.step == step, _due(now))
        .order_by(Journey.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if run is None:
        # Its step was taken away while it waited for it: the message before was the last.
        leaving.end(session, taken, "finished")
        return len(taken)
    going = _without_leavers(session, campaign, step, taken) if taken else []
    if going:
        _go_on(session, campaign, run, step, going)
    return len(taken)


def _without_leavers(session: Session, campaign: Campaign, step: int, taken: Sequence[UUID]) -> list[UUID]:
    """End the journeys whose trigger no longer holds or whose exit condition does; return the others."""
    context = segments.context_of(session, program_id=campaign.program_id, at=clock.now())
    reasons_to = leaving.why_leave(campaign, context, step)
    reason = case(*reasons_to, else_=null()) if reasons_to else null().cast(Text)
    query = select(Journey.id, reason).join(Member, leaving.of_journey()).where(Journey.id.in_(taken))
    reasons: dict[UUID, str | None] = {row[0]: row[1] for row in session.execute(query)}
    for left in {reason for reason in reasons.values() if reason is not None}:
        leaving.end(session, [one for one in taken if reasons.get(one) == left], left)
    # Whoever was erased is no member any more.
    leaving.end(session, [one for one in taken if one not in reasons], "member_left")
    return [one for one in taken if one in reasons and reasons[one] is None]


def _go_on(session: Session, campaign: Campaign, run: CampaignRun, step: int, going: list[UUID]) -> None:
    """Make the step's rows, and let each journey wait for the next step or end."""
    program = session.scalars(select(Program).where(Program.id == campaign.program_id)).one()
    plan = plans.read(run, program)
    members = select(Member.id).join(Journey, leaving.of_journey()).where(Journey.id.in_(going))
    making.make_for(session, plan, members, rounds=Journey.round.expression)
    steps = campaign.definition.get("steps") or []
    if step == 0 and plan.holdout_percent:
        held_out = exists().where(
            CampaignDelivery.run_id == run.id, CampaignDelivery.member_id == Journey.member_id,
            CampaignDelivery.round == Journey.round, CampaignDelivery.state == "held_out",
        )  # fmt: skip
        leaving.end(session, going, "held_out", held_out)
    if step >= len(steps):
        leaving.end(session, going, "finished")
        return
    due_at = clock.now() + timedelta(seconds=int(steps[step]["wait_seconds"]))
    session.execute(
        update(Journey).where(Journey.id.in_(going), Journey.ended_at.is_(None)).values(step=step + 1, due_at=due_at),
        execution_options=leaving.QUIETLY,
    )


def _run_of(session: Session, campaign: Campaign, step: int) -> CampaignRun | None:
    """Return the step's run, made when its first message is due; None while the campaign's own has not begun.

    The runs of a campaign are told apart by their instants: each step's begins a millisecond after the one before.
    """
    first = session.scalars(
        # Not the runs of test sends.
        select(CampaignRun)
        .where(CampaignRun.campaign_id == campaign.id, CampaignRun.definition["test"].is_(None))
        .order_by(CampaignRun.starts_at)
        .limit(1)
    ).one_or_none()
    if first is None or first.state not in making.MAKING_STATES:
        return None
    if step == 0:
        return first
    starts_at = first.starts_at + timedelta(milliseconds=step)
    session.execute(
        insert(CampaignRun)
        .values(
            id=ids.new_id(), created_at=clock.now(), program_id=campaign.program_id, campaign_id=campaign.id,
            starts_at=starts_at, made_at=clock.now(), state="running",
            definition=definitions.of_step(first.definition, step),
        )
        .on_conflict_do_nothing(index_elements=["campaign_id", "starts_at"])
    )  # fmt: skip
    query = select(CampaignRun).where(CampaignRun.campaign_id == campaign.id, CampaignRun.starts_at == starts_at)
    run = session.scalars(query).one()
    return run if run.state in making.MAKING_STATES else None


def _leave_alone(database: Database, campaign_id: UUID, step: int) -> None:
    now = clock.now()
    with database.across_programs() as session:
        session.execute(
            update(Journey)
            .where(Journey.campaign_id == campaign_id, Journey.step == step, _due(now))
            .values(lease_until=now + LEASE),
            execution_options=leaving.QUIETLY,
        )


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(Journey.lease_until.is_(None), Journey.lease_until <= now)
    return and_(Journey.ended_at.is_(None), Journey.due_at <= now, free)
