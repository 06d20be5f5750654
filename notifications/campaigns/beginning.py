"""Beginning: what happens to members, or the time that has come for them, starts their journeys through campaigns."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Text, Uuid, exists, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Database, Session
from app.db.base import UtcInstant
from app.models import Journey, Member
from app.segments.trees import where_clause
from app.services import segments
from notifications.campaigns import listening
from notifications.campaigns.listening import Listener
from notifications.campaigns.triggers import Candidates, Moment
from notifications.subscribers import PublishedEvent
from wire import faults

log = structlog.get_logger(__name__)

CHUNK = 5_000
COLUMNS = ["id", "created_at", "program_id", "campaign_id", "member_id", "cause", "step", "round", "due_at"]


def hear(database: Database, event: PublishedEvent) -> int:
    """Begin what an event begins for its member; return how many journeys. Again does nothing."""
    if event.member_id is None:
        return 0
    listeners = listening.of_program(database, event.program_id, event=event.kind)
    return sum(_hear(database, one, event, event.member_id) for one in listeners)


def _hear(database: Database, listener: Listener, event: PublishedEvent, member_id: UUID) -> int:
    if not listener.is_open(event.recorded_at) or not listener.kind.concerns(event, listener.trigger):
        return 0
    with database.across_programs() as session:
        context = segments.context_of(session, program_id=listener.program_id, at=clock.now())
        moment, kind = listener.moment(context), listener.kind
        candidates = (
            kind.candidates(moment, member_id)
            if kind.candidates is not None
            else select(
                literal(member_id, Uuid).label("member_id"), literal(kind.cause(event, moment), Text).label("cause")
            )
        )
        return begin(session, listener, moment, candidates, due_at=event.recorded_at + listener.delay)


def begin_timed(database: Database, *, hourly: bool) -> int:
    """Begin for every member whose time has come, of the kinds that are asked by the hour or of the others.

    Restartable at any instant: who has begun is no candidate any more. A campaign that fails keeps no other waiting;
    the errors are raised together, at the end.
    """
    with database.across_programs() as session:
        found = [one for one in listening.read(session) if one.kind.due is not None and one.kind.hourly == hourly]
    total = 0
    failed: list[Exception] = []
    for listener in found:
        try:
            total += _begin_due(database, listener)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other campaigns go on
            campaign_id = ids.show("campaign", listener.id)
            log.error("journeys_not_begun", campaign_id=campaign_id, **faults.describe(error))  # noqa: TRY400
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(found)} campaigns failed", failed)
    return total


def _begin_due(database: Database, listener: Listener) -> int:
    total = 0
    while listener.is_open(now := clock.now()):
        with database.across_programs() as session:
            if not listening.read(session, listener.id):
                break
            context = segments.context_of(session, program_id=listener.program_id, at=now)
            moment = listener.moment(context)
            assert listener.kind.due is not None
            begun = begin(session, listener, moment, listener.kind.due(moment), due_at=now + listener.delay)
        total += begun
        if begun < CHUNK:
            break
    return total


def begin(session: Session, listener: Listener, moment: Moment, candidates: Candidates, *, due_at: datetime) -> int:
    """Begin a journey for each candidate of the audience who meets the conditions, a chunk at most; return how many.

    Not for who is on the way already, was begun for by the same cause, or too short a time ago. The worker role's
    session; the caller commits.
    """
    now = clock.now()
    # Evaluated by itself: the planner keeps what only a few candidates are asked behind it.
    wanted = candidates.cte("candidates").prefix_with("MATERIALIZED")
    audience = segments.audience(session, listener.audience, program_id=listener.program_id, at=now)
    conditions: ColumnElement[bool] = true()
    if listener.trigger.get("conditions"):
        conditions = where_clause(listener.trigger["conditions"], context=moment.context)
    chosen = (
        select(Member.id.label("member_id"), func.min(wanted.c.cause).label("cause"))
        .join(wanted, wanted.c.member_id == Member.id)
        .where(
            Member.program_id == listener.program_id, audience, conditions, ~_kept_from(listener, wanted.c.cause, now)
        )
        # By the primary key, so that conditions may name any column.
        .group_by(Member.id)
        .order_by(Member.id)
        .limit(CHUNK)
        .subquery("chosen")
    )
    before = select(func.count()).where(Journey.campaign_id == listener.id, Journey.member_id == chosen.c.member_id)
    place = func.row_number().over(order_by=chosen.c.member_id)
    seed = func.concat(str(listener.id), chosen.c.member_id, chosen.c.cause)
    rows = select(
        func.delivery_id(literal(now, UtcInstant), place, seed), literal(now, UtcInstant),
        literal(listener.program_id, Uuid), literal(listener.id, Uuid), chosen.c.member_id, chosen.c.cause, literal(0),
        before.scalar_subquery(), literal(due_at, UtcInstant),
    )  # fmt: skip
    # Whichever of its unique keys: begun by the same cause, or by another a moment ago.
    made = insert(Journey).from_select(COLUMNS, rows, include_defaults=False).on_conflict_do_nothing()
    return len(session.scalars(made.returning(Journey.id)).all())


def _kept_from(listener: Listener, cause: Any, now: datetime) -> ColumnElement[bool]:
    reasons = [Journey.ended_at.is_(None), Journey.cause == cause]
    if listener.again_after is not None:
        reasons.append(Journey.created_at > now - listener.again_after)
    return exists().where(Journey.campaign_id == listener.id, Journey.member_id == Member.id, or_(*reasons))
