"""Leaving: journeys end when their reason is gone, their campaign is over, or nothing is left to say.

A message that still waits, for quiet hours to end perhaps, is taken back when its journey has nothing to wait for.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, exists, false, literal, not_, or_, select, true, update

from app import clock, ids
from app.db import Database, Session
from app.models import Campaign, CampaignDelivery, CampaignRun, Journey, Member
from app.parameters import instant
from app.segments.kinds import Context
from app.segments.trees import where_clause
from app.services import events, segments
from notifications.campaigns import listening, rows

log = structlog.get_logger(__name__)

BATCH = 1_000
AT_ONCE = 200
LOOK_AHEAD = timedelta(seconds=60)
"""Several times the pause between two looks, so that one that comes late misses nothing."""
OVER = ("finished", "cancelled", "archived")
OPEN_RUNS = ("making", "running", "paused")
QUIETLY = {"synchronize_session": False}


def withdraw(database: Database) -> int:
    """Take back messages that waited, for quiet hours to end perhaps, and whose reason is gone; return how many.

    Looked at when their time has almost come, or has: not again and again all night.
    """
    with database.across_programs() as session:
        waiting = rows.any_of(CampaignRun.id, _about_to_go(), from_end=False)
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
        reasons = [condition for condition, _ in why_leave(campaign, context, step)]
        if not reasons:
            return 0
        gone = (
            select(CampaignDelivery.id)
            .join(Journey, _of_delivery())
            .join(Member, of_journey())
            .where(
                CampaignDelivery.run_id == run_id,
                _about_to_go(),
                or_(*reasons),
            )
            .limit(BATCH)
            .with_for_update(of=CampaignDelivery, skip_locked=True)
            .cte("gone")
        )
        result = session.execute(
            update(CampaignDelivery)
            .where(CampaignDelivery.id == gone.c.id)
            .values(rows.settled_as("skipped", "exited")),
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


def finish(database: Database) -> int:
    """Finish triggered campaigns whose end has come and who have nobody on the way; return how many."""
    now = clock.now()
    with database.across_programs() as session:
        ends_at = Campaign.definition[("schedule", "ends_at")].astext
        found = session.execute(
            # Constants, so that the partial index is found.
            select(Campaign.program_id, Campaign.id, ends_at).where(
                Campaign.kind == literal("triggered", literal_execute=True),
                Campaign.status == literal("running", literal_execute=True),
                ends_at.is_not(None),
                Campaign.next_run_at.is_(None),
                ~exists().where(Journey.campaign_id == Campaign.id, Journey.ended_at.is_(None)),
            )
        ).all()
    return sum(_finish(database, *row[:2]) for row in found if (instant(row[2]) or now) <= now)


def _finish(database: Database, program_id: UUID, campaign_id: UUID) -> bool:
    with database.transaction(program_id) as session:
        # The campaign's row first, as those do who pause and cancel.
        campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update()).one()
        runs = session.scalars(
            select(CampaignRun).where(CampaignRun.campaign_id == campaign_id, CampaignRun.state.in_(OPEN_RUNS))
        ).all()
        waiting = or_(false(), *(rows.any_of(run.id) for run in runs))
        if campaign.status != "running" or session.scalar(select(waiting)):
            return False
        for run in runs:
            run.state, run.finished_at = "finished", clock.now()
        campaign.status = "finished"
        events.publish(session, kind="campaign.finished", data={"campaign": ids.show("campaign", campaign.id)})
    return True


def why_leave(campaign: Campaign, context: Context, step: int) -> list[tuple[ColumnElement[bool], ColumnElement[str]]]:
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


def end(session: Session, journeys: Sequence[UUID], reason: str, condition: ColumnElement[bool] | None = None) -> None:
    """End those of the journeys that are on the way, and meet the condition if there is one."""
    if journeys:
        session.execute(
            update(Journey)
            .where(Journey.id.in_(journeys), Journey.ended_at.is_(None), condition if condition is not None else true())
            .values(ended_at=clock.now(), reason=reason),
            execution_options=QUIETLY,
        )


def _about_to_go() -> ColumnElement[bool]:
    return and_(rows.untouched(), CampaignDelivery.due_at <= clock.now() + LOOK_AHEAD)


def of_journey() -> ColumnElement[bool]:
    """Return what ties Member to Journey."""
    return and_(Member.program_id == Journey.program_id, Member.id == Journey.member_id)


def _of_delivery() -> Any:
    return and_(
        Journey.campaign_id == CampaignDelivery.campaign_id,
        Journey.member_id == CampaignDelivery.member_id,
        Journey.round == CampaignDelivery.round,
    )
