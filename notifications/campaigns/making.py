"""Making: a run's deliveries, in SQL, by ranges of members; whoever is killed on the way is taken over where he was."""

import threading
import zoneinfo
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, literal, or_, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import CampaignRun, Member, Program
from app.offers import schedules
from app.services import segments
from notifications.campaigns import inserting, plans
from notifications.campaigns.plans import Plan

log = structlog.get_logger(__name__)

CHUNK = inserting.PLACES
FIRST_CHUNK = 2_000
"""The first is small, so that sending starts at once."""
LEASE = timedelta(seconds=60)
MAKING_STATES = ("making", "running")


class LeaseLostError(Exception):
    """The run is paused, cancelled, or another's: what this chunk made is rolled back."""


def make(
    database: Database,
    run_id: UUID,
    stop: threading.Event | None = None,
    *,
    chunk: int = CHUNK,
    made_some: Callable[[Plan], Any] = lambda _: None,
) -> int:
    """Make a run's deliveries until all exist, `stop` is set, or the run is paused; return how many were made.

    Does nothing when another worker makes them. A problem with the audience is kept in the run, and tried again a
    minute later. `made_some` is told after each chunk that stands.
    """
    owner = ids.new_id()
    with database.across_programs() as session:
        plan = _take(session, run_id, owner)
    if plan is None:
        return 0
    made, size = 0, min(FIRST_CHUNK, chunk)
    dues = due_instants(plan)
    while not (stop is not None and stop.is_set()):
        try:
            with database.across_programs() as session:
                count, done = make_chunk(session, plan, owner, dues, size=size)
        except LeaseLostError:
            # Paused, perhaps: who resumes it needs not wait until the lease ends.
            _let_go(database, run_id, owner)
            break
        made, size = made + count, chunk
        if count:
            made_some(plan)
        if done:
            break
    else:
        _let_go(database, run_id, owner)
    log.info("deliveries_made", run_id=ids.show("campaign_run", run_id), deliveries=made)
    return made


def make_chunk(session: Session, plan: Plan, owner: UUID, dues: dict[str, datetime], *, size: int) -> tuple[int, bool]:
    """Make the deliveries of the next `size` members; return how many, and whether these were the last members.

    The caller commits. Raises LeaseLostError when the run is no longer this maker's to go on with.
    """
    after = session.scalar(select(CampaignRun.cursor).where(CampaignRun.id == plan.run_id))
    next_members = select(Member.id).where(Member.program_id == plan.program_id)
    if after is not None:
        next_members = next_members.where(Member.id > after)
    page = next_members.order_by(Member.id).limit(size).subquery()
    # There is no max(uuid) before PostgreSQL 18.
    last = session.scalar(select(page.c.id).order_by(page.c.id.desc()).limit(1))
    made = _insert(session, plan, dues, after=after, last=last) if last is not None else 0
    _advance(session, plan, owner, last)
    return made, last is None


def due_instants(plan: Plan) -> dict[str, datetime]:
    """Return when members in each zone get it, or nothing where all get it at once.

    Worked out here for every zone there is, so that a zone that nobody knows is no error in SQL, and a time that
    clocks skip or repeat has one answer.
    """
    local_at, window = plan.local_at, plan.window
    if local_at is None and window.always:
        return {}
    earliest = max(plan.starts_at, clock.now())
    zones = zoneinfo.available_timezones() | {plan.program_timezone}
    dues = {}
    for zone in zones:
        at = max(schedules.in_zone(local_at, zone), earliest) if local_at else earliest
        dues[zone] = window.next_allowed(at, zone) or at
    return dues


def _take(session: Session, run_id: UUID, owner: UUID) -> Plan | None:
    """Take the lease on making a run; None when there is nothing to make or another makes it."""
    now = clock.now()
    run = session.scalars(
        update(CampaignRun)
        .where(
            CampaignRun.id == run_id,
            CampaignRun.made_at.is_(None),
            CampaignRun.state.in_(MAKING_STATES),
            or_(CampaignRun.lease_until.is_(None), CampaignRun.lease_until <= now),
        )
        .values(lease_owner=owner, lease_until=now + LEASE)
        .returning(CampaignRun),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if run is None:
        return None
    if run.cursor is None:
        _keep_question(session, run)
    program = session.scalars(select(Program).where(Program.id == run.program_id)).one()
    return plans.read(run, program)


def _keep_question(session: Session, run: CampaignRun) -> None:
    """Keep the segment's question in the run: rows of one run all answer one question, whoever edits it meanwhile."""
    was = run.definition.get("audience") or {}
    audience = segments.as_it_is(session, was, program_id=run.program_id)
    if audience != was:
        run.definition = run.definition | {"audience": audience}
        session.flush()


def _let_go(database: Database, run_id: UUID, owner: UUID) -> None:
    with database.across_programs() as session:
        session.execute(
            update(CampaignRun)
            .where(CampaignRun.id == run_id, CampaignRun.lease_owner == owner)
            .values(lease_owner=None, lease_until=None)
        )


def _advance(session: Session, plan: Plan, owner: UUID, last: UUID | None) -> None:
    """Move the cursor, last in the transaction: the run's row is locked for a moment only, so that a pause is quick."""
    now = clock.now()
    values: dict[str, Any] = {"cursor": last, "lease_until": now + LEASE, "problem": None}
    if last is None:
        values = {"made_at": now, "state": "running", "lease_owner": None, "lease_until": None, "problem": None}
    moved = session.scalar(
        update(CampaignRun)
        .where(
            CampaignRun.id == plan.run_id, CampaignRun.lease_owner == owner, CampaignRun.state.in_(MAKING_STATES),
            CampaignRun.made_at.is_(None),
        )
        .values(**values)
        .returning(CampaignRun.id),
        execution_options={"synchronize_session": False},
    )  # fmt: skip
    if moved is None:
        raise LeaseLostError


def make_for(session: Session, plan: Plan, chosen: Select[Any], *, rounds: ColumnElement[int]) -> int:
    """Make the deliveries of a few members who were chosen elsewhere; return how many. The caller commits.

    `chosen` gives `Member.id`, and joins whatever `rounds` tells a member's round from.
    """
    return inserting.insert(session, plan, due_instants(plan), chosen, rounds)


def _insert(session: Session, plan: Plan, dues: dict[str, datetime], *, after: UUID | None, last: UUID) -> int:
    audience = segments.audience(
        session, plan.definition.get("audience") or {}, program_id=plan.program_id, at=plan.starts_at
    )
    chosen = select(Member.id).where(Member.program_id == plan.program_id, Member.id <= last, audience)
    if after is not None:
        chosen = chosen.where(Member.id > after)
    return inserting.insert(session, plan, dues, chosen, literal(0))
