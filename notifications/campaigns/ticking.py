"""Ticking: due campaigns become runs, and runs and campaigns with nothing left to do are finished."""

import time
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import exists, literal, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import Campaign, CampaignDelivery, CampaignRun, Program
from app.offers import schedules
from app.services import campaign_states, events
from notifications.campaigns import rows, winners
from notifications.campaigns.claiming import PLACE
from wire import faults

log = structlog.get_logger(__name__)

AT_ONCE = 100
CANCEL_BATCH = 10_000
SETTLE_SECONDS = 2.0
OPEN_STATES = ("making", "running", "paused")


def tick(database: Database) -> int:
    """Begin what is due, settle what was cancelled, choose winners, finish what is done; return how many moved."""
    moved = start_due(database) + settle_cancelled(database) + winners.decide(database) + finish_done(database)
    return moved + winners.release(database)


def start_due(database: Database) -> int:
    """Make a run of each campaign whose time has come; return how many."""
    now = clock.now()
    with database.across_programs() as session:
        due = session.execute(
            select(Campaign.program_id, Campaign.id)
            # Written out, so that the partial index is found.
            .where(_in(Campaign.status, ("scheduled", "running")), Campaign.next_run_at <= now)
            .order_by(Campaign.next_run_at)
            .limit(AT_ONCE)
        ).all()
    started = 0
    for row in due:
        try:
            with database.transaction(row.program_id) as session:
                started += _start(session, row.id)
        except Exception as error:  # noqa: BLE001 - one that cannot begin must not keep the others
            log.error("campaign_not_started", campaign_id=ids.show("campaign", row.id), **faults.describe(error))  # noqa: TRY400
    return started


def _start(session: Session, campaign_id: UUID) -> bool:
    """Begin the campaign's due run, if nobody did meanwhile: of two schedulers, the second finds it begun."""
    now = clock.now()
    campaign = session.scalars(
        select(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status.in_(("scheduled", "running")), Campaign.next_run_at <= now)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if campaign is None or campaign.next_run_at is None:
        return False
    if campaign_states.hold_back(session, campaign):
        log.warning("campaign_held_back", campaign_id=ids.show("campaign", campaign.id))
        return False
    starts_at = campaign.next_run_at
    run = CampaignRun(campaign_id=campaign.id, starts_at=starts_at, definition=campaign.definition)
    if campaign.kind == "triggered":
        run.state, run.made_at = "running", now
    session.add(run)
    campaign.next_run_at = _following(session, campaign)
    if campaign.status == "scheduled":
        campaign.status = "running"
        _publish(session, campaign, "campaign.started")
    log.info("run_begun", campaign_id=ids.show("campaign", campaign.id), run_id=ids.show("campaign_run", run.id))
    return True


def _following(session: Session, campaign: Campaign) -> datetime | None:
    """Return when a recurring campaign runs next, from now on: runs that were missed are not made up for."""
    if campaign.kind != "recurring":
        return None
    zone = session.scalars(select(Program.timezone).where(Program.id == campaign.program_id)).one()
    return schedules.next_run(campaign.definition.get("schedule") or {}, after=clock.now(), zone=zone)


def settle_cancelled(database: Database) -> int:
    """Turn what cancelled runs had not sent into `cancelled`, for a few seconds; return how many rows.

    The rest of a million is left to the next tick: other campaigns must begin meanwhile.
    """
    ends = time.monotonic() + SETTLE_SECONDS
    with database.across_programs() as session:
        runs = session.scalars(
            select(CampaignRun.id)
            .where(CampaignRun.state == "cancelled", CampaignRun.finished_at.is_(None))
            .limit(AT_ONCE)
        ).all()
    return sum(_settle(database, run_id, ends) for run_id in runs)


def _settle(database: Database, run_id: UUID, ends: float) -> int:
    total = 0
    while time.monotonic() < ends:
        with database.across_programs() as session:
            waiting = (
                select(PLACE.label("place"), CampaignDelivery.run_id)
                .where(CampaignDelivery.run_id == run_id, rows.untouched())
                # From the end: at the front stands what was sent, until it is vacuumed.
                .order_by(CampaignDelivery.channel.desc(), CampaignDelivery.due_at.desc(), CampaignDelivery.id.desc())
                .limit(CANCEL_BATCH)
                .with_for_update(skip_locked=True)
                .cte("waiting")
            )
            result = session.execute(
                update(CampaignDelivery)
                .where(waiting.c.place == PLACE, CampaignDelivery.run_id == waiting.c.run_id)
                .values(rows.settled_as("cancelled", None)),
                execution_options={"synchronize_session": False},
            )
            touched = int(result.rowcount)  # type: ignore[attr-defined]
            total += touched
            if not touched:
                # Those in hand are their worker's to record; a lease that ends unrecorded is looked at by `_open`.
                _close_cancelled(session, run_id)
                break
    return total


def _close_cancelled(session: Session, run_id: UUID) -> None:
    now = clock.now()
    abandoned = update(CampaignDelivery).where(CampaignDelivery.run_id == run_id, rows.abandoned(now))
    session.execute(
        abandoned.values(state="unknown", reason="worker_lost", lease_owner=None, lease_until=None),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(CampaignRun).where(CampaignRun.id == run_id, ~_open_rows()).values(finished_at=now),
        execution_options={"synchronize_session": False},
    )


def finish_done(database: Database) -> int:
    """Finish runs all of whose rows are settled, and campaigns all of whose runs are; return how many runs."""
    total = 0
    while count := _finish_some(database):
        total += count
        if count < AT_ONCE:
            break
    return total


def _finish_some(database: Database) -> int:
    with database.across_programs() as session:
        done = session.execute(
            select(CampaignRun.program_id, CampaignRun.campaign_id, CampaignRun.id)
            .join(Campaign, Campaign.id == CampaignRun.campaign_id)
            .where(
                _in(CampaignRun.state, ("making", "running")), CampaignRun.made_at.is_not(None),
                Campaign.kind != "triggered", ~_open_rows(),
            )
            .limit(AT_ONCE)
        ).all()  # fmt: skip
    for row in done:
        with database.transaction(row.program_id) as session:
            _finish(session, row.campaign_id, row.id)
    return len(done)


def _finish(session: Session, campaign_id: UUID, run_id: UUID) -> None:
    # The campaign's row first, as those do who pause and cancel.
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update()).one()
    run = session.scalars(select(CampaignRun).where(CampaignRun.id == run_id).with_for_update()).one()
    if run.state not in {"making", "running"}:
        return
    run.state, run.finished_at = "finished", clock.now()
    session.flush()
    others = exists().where(CampaignRun.campaign_id == campaign_id, CampaignRun.state.in_(OPEN_STATES))
    if campaign.status == "running" and campaign.next_run_at is None and not session.scalar(select(others)):
        campaign.status = "finished"
        _publish(session, campaign, "campaign.finished")


def _open_rows() -> Any:
    return rows.any_of(CampaignRun.id)


def _publish(session: Session, campaign: Campaign, kind: str) -> None:
    events.publish(session, kind=kind, data={"campaign": ids.show("campaign", campaign.id)})


def _in(of: Any, states: tuple[str, ...]) -> Any:
    """Compare with constants: a partial index is found for nothing else."""
    return of.in_([literal(state, literal_execute=True) for state in states])
