"""Use cases of segments: saved questions about members, static lists of them, and the audience of a campaign."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select, true

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError
from app.models import Program, Segment
from app.segments.kinds import CONDITIONS, Context
from app.segments.trees import where_clause


def context_of(session: Session, *, program_id: UUID | None = None, at: datetime | None = None) -> Context:
    """Return what clauses are made for; `program_id` is needed where the session was opened for no programme.

    `at` is the instant that windows of days are counted from (now). Raises NotFoundError.
    """
    asked = program_id or session.program
    row = session.execute(select(Program.timezone, Program.locale).where(Program.id == asked)).one_or_none()
    if row is None:
        raise NotFoundError("No such programme.")
    return Context(
        program_id=asked, now=at or clock.now(), zone=ZoneInfo(row.timezone), locale=row.locale,
        across=session.program_id is None,
    )  # fmt: skip


def audience(
    session: Session, definition: Mapping[str, Any], *, program_id: UUID | None = None, at: datetime | None = None
) -> ColumnElement[bool]:
    """Return `{segment_id} | {where} | {}` as a condition on `Member`; an empty one is everybody.

    Name the programme beside it: `select(Member.id).where(Member.program_id == …, audience(…))`. The worker's
    session, which sees all programmes, gives `program_id`. Raises InvalidError, and NotFoundError for a segment that
    the programme has not.
    """
    context = context_of(session, program_id=program_id, at=at)
    if definition.get("segment_id") is not None:
        return segment_clause(session, ids.parse("segment", definition["segment_id"]), context)
    if definition.get("where") is not None:
        return where_clause(definition["where"], context=context)
    return true()


def segment_clause(session: Session, segment_id: UUID, context: Context) -> ColumnElement[bool]:
    """Return a saved segment as a condition on `Member`, also one that is archived; raise NotFoundError."""
    query = select(Segment).where(Segment.program_id == context.program_id, Segment.id == segment_id)
    segment = session.scalars(query).one_or_none()
    if segment is None:
        raise NotFoundError("No such segment in this programme.", segment=ids.show("segment", segment_id))
    if segment.kind == "list":
        return CONDITIONS["list"](segment_id=ids.show("segment", segment.id)).clause(context)  # type: ignore[call-arg]
    return where_clause(segment.where or {"all": []}, context=context)
