"""Taking due marks: of one programme at a time, under a lease, what people wait for before what a redesign brings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Uuid,
    case,
    column,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from app import clock, ids
from app.db import Session
from app.db.base import UtcInstant
from app.models import PassUpdate
from app.services.pass_updates import ALL

LEASE = timedelta(seconds=60)
"""Longer than telling a batch takes; who overstays it is fenced out by `owner`."""
PROGRAMS_MAX = 1000
"""How many programmes with marks are looked at in one round."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A pass that is to be looked at: how often it was marked until then, and which try this is."""

    pass_id: UUID
    marks: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Marks of one programme and platform that are ours until the lease ends; `owner` is the fencing token."""

    program_id: UUID
    platform: str
    owner: UUID
    until: datetime
    marks: Mapping[UUID, Mark]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a mark becomes: `done`, or tried again at `due_at`, which is also when it is due if it was made anew."""

    pass_id: UUID
    due_at: datetime
    done: bool = True


def due_programs(session: Session, platform: str, priority: int | None = None) -> list[UUID]:
    """Return the programmes that have due marks (of a priority) for a platform, in the order of their ids.

    A loose index scan (PostgreSQL has none of its own): a step for each programme, not for each mark.
    """
    first = (
        select(PassUpdate.program_id)
        .where(PassUpdate.platform == platform)
        .order_by(PassUpdate.program_id)
        .limit(1)
        .cte("known", recursive=True)
    )
    following = aliased(PassUpdate)
    step = (
        select(following.program_id)
        .where(following.platform == platform, following.program_id > first.c.program_id)
        .order_by(following.program_id)
        .limit(1)
        .scalar_subquery()
    )
    known = first.union_all(select(step).where(first.c.program_id.is_not(None)))
    row = aliased(PassUpdate)
    is_due = select(row.pass_id).where(*_due(row, platform, known.c.program_id, priority)).limit(1).exists()
    query = select(known.c.program_id).where(known.c.program_id.is_not(None), is_due).limit(PROGRAMS_MAX)
    return list(session.scalars(query))


def claim(
    session: Session, platform: str, program_id: UUID, *, limit: int, priority: int | None = None
) -> Claimed | None:
    """Take up to `limit` due marks (of a priority) of a programme, what people wait for first.

    None when others took them. The worker role's session.
    """
    now, owner = clock.now(), ids.new_id()
    due = (
        select(PassUpdate.pass_id)
        .where(*_due(PassUpdate, platform, program_id, priority))
        .order_by(PassUpdate.priority, PassUpdate.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = session.execute(
        update(PassUpdate)
        .where(PassUpdate.pass_id == due.c.pass_id)
        .values(lease_owner=owner, due_at=now + LEASE, attempts=PassUpdate.attempts + 1)
        .returning(PassUpdate.pass_id, PassUpdate.marks, PassUpdate.attempts),
        execution_options={"synchronize_session": False},
    ).all()
    if not rows:
        return None
    marks = {row.pass_id: Mark(row.pass_id, row.marks, row.attempts) for row in rows}
    return Claimed(program_id, platform, owner, now + LEASE, marks)


def settle(session: Session, claimed: Claimed, settled: Sequence[Settled]) -> None:
    """Take finished marks away and put the others back, as far as they are still ours; the caller commits.

    A mark that was made meanwhile stays, whatever became of the one that was claimed.
    """
    held = [one for one in settled if one.pass_id in claimed.marks]
    if not held:
        return
    # In the order in which marks are made: who marks many at once never waits for us while we wait for them.
    ids_ = [one.pass_id for one in held]
    session.execute(
        select(PassUpdate.pass_id).where(PassUpdate.pass_id.in_(ids_)).order_by(PassUpdate.pass_id).with_for_update()
    )
    as_claimed = _unnested(claimed, held)
    mine = (PassUpdate.pass_id == as_claimed.c.pass_id, PassUpdate.lease_owner == claimed.owner)
    session.execute(
        delete(PassUpdate).where(*mine, as_claimed.c.done, PassUpdate.marks == as_claimed.c.marks),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(PassUpdate)
        .where(*mine)
        .values(
            lease_owner=None,
            due_at=as_claimed.c.due_at,
            attempts=case((as_claimed.c.done, 0), else_=PassUpdate.attempts),
        ),
        execution_options={"synchronize_session": False},
    )


def waiting(session: Session, program_id: UUID, *, limit: int) -> int:
    """Return how many marks of a redesign a programme has, at most `limit`."""
    some = (
        select(PassUpdate.pass_id).where(PassUpdate.program_id == program_id, PassUpdate.priority == ALL).limit(limit)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def earliest(session: Session, platform: str, *, but: Collection[tuple[UUID, int]] = ()) -> datetime | None:
    """Return when the next mark is due for a platform; what is in hand, by programme and priority, is left out."""
    query = select(func.min(PassUpdate.due_at)).where(PassUpdate.platform == platform)
    if but:
        query = query.where(tuple_(PassUpdate.program_id, PassUpdate.priority).not_in(list(but)))
    return session.scalar(query)


def _due(row: Any, platform: str, program_id: Any, priority: int | None) -> list[ColumnElement[bool]]:
    conditions = [row.platform == platform, row.program_id == program_id, row.due_at <= clock.now()]
    return conditions if priority is None else [*conditions, row.priority == priority]


def _unnested(claimed: Claimed, held: Sequence[Settled]) -> Any:
    return (
        func.unnest(
            literal([one.pass_id for one in held], ARRAY(Uuid)),
            literal([claimed.marks[one.pass_id].marks for one in held], ARRAY(BigInteger)),
            literal([one.due_at for one in held], ARRAY(UtcInstant)),
            literal([one.done for one in held], ARRAY(Boolean)),
        )
        .table_valued(
            column("pass_id", Uuid),
            column("marks", BigInteger),
            column("due_at", UtcInstant),
            column("done", Boolean),
            name="as_claimed",
        )
        .render_derived()
    )
