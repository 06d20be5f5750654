"""Journeys: members on the way through triggered campaigns get each step's message when it is due, unless they left.

A step's message is a row in the step's own run, made by the same law as all campaigns' rows: reach, variants, holdout,
quiet hours. Then the journey waits for its next step, or ends with its reason. A batch is one transaction, claimed
with SKIP LOCKED: who is killed on the way has done nothing, and any number of workers share the work.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Text, and_, case, exists, func, literal, not_, null, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Database, Session
from app.models import Campaign, CampaignDelivery, CampaignRun, Journey, Member, Program
from app.offers import definitions
from app.segments.kinds import Context
from app.segments.trees import where_clause
from app.services import segments
from notifications import faults
from notifications.campaigns import listening, making, plans

log = structlog.get_logger(__name__)

BATCH = 1_000
AT_ONCE = 200
LEASE = timedelta(seconds=60)
"""How long a campaign's journeys are left alone after they failed, so that they do not keep others waiting."""
OVER = ("finished", "cancelled", "archived")

QUIETLY = {"synchronize_session": False}


def tick(database: Database) -> int:
    """Move every due journey on, take back messages that no longer hold, end what is over; return how many moved."""
    return walk(database) + withdraw(database) + settle(database)


def walk(database: Database) -> int:
    """Take each due journey of a running campaign one step on; return how many."""
    now = clock.now()
    with database.across_programs() as session:
        due = session.execute(
            select(Journey.campaign_id, Journey.step)
            .join(Campaign, Campaign.id == Journey.campaign_id)
            .where(_due(now), Campaign.status == "running")
            .group_by(Journey.campaign_id, Journey.step)
            .order_by(func.min(Journey.due_at))
            .limit(AT_ONCE)
        ).all()
    return sum(_walk_one(database, campaign_id, step) for campaign_id, step in due)


def _walk_one(database: Database, campaign_id: UUID, step: int) -> int:
    total = 0
    try:
        while True:
            with database.across_programs() as session:
                moved = take_step(session, campaign_id, step)
            total += moved
            if moved < BATCH:
                return total
    except Exception as error:  # noqa: BLE001 - a campaign that fails must not keep the others
        campaign = ids.show("campaign", campaign_id)
        log.error("journeys_stand_still", campaign_id=campaign, step=step, **faults.describe(error))  # noqa: TRY400
        _leave_alone(database, campaign_id, step)
        return total


def take_step(session: Session, campaign_id: UUID, step: int, *, limit: int = BATCH) -> int:
    """Make the step's messages for up to `limit` members who are due; return how many journeys moved.

    Nothing while the campaign is paused. The worker role's session; the caller commits.
    """
    now = clock.now()
    # Shared with other workers; whoever pauses or cancels waits for this batch, or is seen by it.
    campaign = session.scalars(
        select(Campaign).where(Campaign.id == campaign_id, Campaign.status == "running").with_for_update(read=True)
    ).one_or_none()
    run = _run_of(session, campaign, step) if campaign is not None else None
    if campaign is None or run is None:
        return 0
    taken = session.scalars(
        select(Journey.id)
        .where(Journey.campaign_id == campaign_id, Journey.step == step, _due(now))
        .order_by(Journey.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not taken:
        return 0
    going = _without_leavers(session, campaign, step, taken)
    if going:
        _go_on(session, campaign, run, step, going)
    return len(taken)


def _without_leavers(session: Session, campaign: Campaign, step: int, taken: Sequence[UUID]) -> list[UUID]:
    """End the journeys whose trigger no longer holds or whose exit condition does; return the others."""
    context = segments.context_of(session, program_id=campaign.program_id, at=clock.now())
    reasons_to = _why_leave(campaign, context, step)
    reason = case(*reasons_to, else_=null()) if reasons_to else null().cast(Text)
    query = select(Journey.id, reason).join(Member, _of_journey()).where(Journey.id.in_(taken))
    reasons: dict[UUID, str | None] = {row[0]: row[1] for row in session.execute(query)}
    for left in {reason for reason in reasons.values() if reason is not None}:
        _end(session, [one for one in taken if reasons.get(one) == left], left)
    # Whoever was erased is no member any more.
    _end(session, [one for one in taken if one not in reasons], "member_left")
    return [one for one in taken if one in reasons and reasons[one] is None]


def _go_on(session: Session, campaign: Campaign, run: CampaignRun, step: int, going: list[UUID]) -> None:
    """Make the step's rows, and let each journey wait for the next step or end."""
    program = session.scalars(select(Program).where(Program.id == campaign.program_id)).one()
    plan = plans.read(run, program)
    members = select(Member.id).join(Journey, _of_journey()).where(Journey.id.in_(going))
    making.make_for(session, plan, members, rounds=Journey.round.expression)
    steps = campaign.definition.get("steps") or []
    if step == 0 and plan.holdout_percent:
        held_out = exists().where(
            CampaignDelivery.run_id == run.id, CampaignDelivery.member_id == Journey.member_id,
            CampaignDelivery.round == Journey.round, CampaignDelivery.state == "held_out",
        )  # fmt: skip
        _end(session, going, "held_out", held_out)
    if step >= len(steps):
        _end(session, going, "finished")
        return
    due_at = clock.now() + timedelta(seconds=int(steps[step]["wait_seconds"]))
    session.execute(
        update(Journey).where(Journey.id.in_(going), Journey.ended_at.is_(None)).values(step=step + 1, due_at=due_at),
        execution_options=QUIETLY,
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


def withdraw(database: Database) -> int:
    """Take back messages that wait (for quiet hours to end, say) though their reason is gone; return how many."""
    with database.across_programs() as session:
        waiting = exists().where(
            CampaignDelivery.run_id == CampaignRun.id,
            CampaignDelivery.state == literal("queued", literal_execute=True),
        )
        runs = session.execute(
            select(CampaignRun.id, CampaignRun.campaign_id, CampaignRun.definition["step"].as_integer().label("step"))
            .join(Campaign, Campaign.id == CampaignRun.campaign_id)
            .where(
                Campaign.kind == "triggered",
                Campaign.status == "running",
                CampaignRun.state == "running",
                CampaignRun.definition["test"].is_(None),
                waiting,
            )
            .limit(AT_ONCE)
        ).all()
    return sum(_withdraw_of(database, run.id, run.campaign_id, run.step or 0) for run in runs)


def _withdraw_of(database: Database, run_id: UUID, campaign_id: UUID, step: int) -> int:
    with database.across_programs() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id)).one()
        context = segments.context_of(session, program_id=campaign.program_id, at=clock.now())
        reasons = [condition for condition, _ in _why_leave(campaign, context, step)]
        if not reasons:
            return 0
        gone = (
            select(CampaignDelivery.id)
            .join(Journey, _of_delivery())
            .join(Member, _of_journey())
            .where(
                CampaignDelivery.run_id == run_id,
                CampaignDelivery.state == literal("queued", literal_execute=True),
                or_(*reasons),
            )
            .limit(BATCH)
            .with_for_update(of=CampaignDelivery, skip_locked=True)
            .cte("gone")
        )
        result = session.execute(
            update(CampaignDelivery).where(CampaignDelivery.id == gone.c.id).values(state="skipped", reason="exited"),
            execution_options=QUIETLY,
        )
        return int(result.rowcount)  # type: ignore[attr-defined]


def settle(database: Database) -> int:
    """End the journeys of campaigns that are over; return how many."""
    with database.across_programs() as session:
        over = (
            select(Journey.id)
            .join(Campaign, Campaign.id == Journey.campaign_id)
            .where(Journey.ended_at.is_(None), Campaign.status.in_(OVER), Journey.due_at <= clock.now())
            .limit(BATCH)
            .with_for_update(of=Journey, skip_locked=True)
            .cte("over")
        )
        result = session.execute(
            update(Journey).where(Journey.id == over.c.id).values(ended_at=clock.now(), reason="campaign_over"),
            execution_options=QUIETLY,
        )
        return int(result.rowcount)  # type: ignore[attr-defined]


def _why_leave(campaign: Campaign, context: Context, step: int) -> list[tuple[ColumnElement[bool], ColumnElement[str]]]:
    """Return conditions over Member and Journey under which a step's message is due no more, each with its reason."""
    found: list[tuple[ColumnElement[bool], ColumnElement[str]]] = []
    listener = listening.of_campaign(campaign)
    if listener is not None and listener.kind.holds is not None:
        found.append((not_(listener.kind.holds(listener.moment(context))), literal("no_longer_true")))
    steps = campaign.definition.get("steps") or []
    exit_if = steps[step - 1].get("exit_if") if 0 < step <= len(steps) else None
    if exit_if:
        found.append((where_clause(exit_if, context=context), literal("exited")))
    return found


def _end(session: Session, journeys: Sequence[UUID], reason: str, condition: ColumnElement[bool] | None = None) -> None:
    if journeys:
        session.execute(
            update(Journey)
            .where(Journey.id.in_(journeys), Journey.ended_at.is_(None), condition if condition is not None else true())
            .values(ended_at=clock.now(), reason=reason),
            execution_options=QUIETLY,
        )


def _leave_alone(database: Database, campaign_id: UUID, step: int) -> None:
    now = clock.now()
    with database.across_programs() as session:
        session.execute(
            update(Journey)
            .where(Journey.campaign_id == campaign_id, Journey.step == step, _due(now))
            .values(lease_until=now + LEASE),
            execution_options=QUIETLY,
        )


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(Journey.lease_until.is_(None), Journey.lease_until <= now)
    return and_(Journey.ended_at.is_(None), Journey.due_at <= now, free)


def _of_journey() -> ColumnElement[bool]:
    return and_(Member.program_id == Journey.program_id, Member.id == Journey.member_id)


def _of_delivery() -> Any:
    return and_(
        Journey.campaign_id == CampaignDelivery.campaign_id,
        Journey.member_id == CampaignDelivery.member_id,
        Journey.round == CampaignDelivery.round,
    )
