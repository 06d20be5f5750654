"""Use cases of segments: saved questions about members and static lists of them, and the audience of a campaign."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.errors import QueryCanceled
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.exc import OperationalError

from app import clock, ids
from app.db import Session
from app.errors import InvalidError, NotFoundError, invalid_field
from app.models import Program, Segment
from app.segments import trees
from app.segments.conditions.on_list import OnList
from app.segments.kinds import Context
from app.services import config_versions, references


class SegmentTooSlowError(InvalidError):
    """The database gave the question up: it would have read too much."""

    slug = "segment-too-slow"
    title = "The question takes too long"


@contextmanager
def in_time() -> Iterator[None]:
    """Say SegmentTooSlowError when the statement inside ran into its time limit."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.orig, QueryCanceled):
            raise SegmentTooSlowError(
                "Counting this would take too long: give windows of days, or put a narrow condition beside it."
            ) from None
        raise


def context_of(
    session: Session, *, program_id: UUID | None = None, at: datetime | None = None, whole: bool = False
) -> Context:
    """Return what clauses are made for; `program_id` is needed where the session was opened for no programme.

    `at` is the instant that windows of days are counted from (now); `whole` says that all members will be asked at
    once, not page by page. Raises NotFoundError.
    """
    asked = program_id or session.program
    row = session.execute(select(Program.timezone, Program.locale).where(Program.id == asked)).one_or_none()
    if row is None:
        raise NotFoundError("No such programme.")
    return Context(
        program_id=asked, now=at or clock.now(), zone=ZoneInfo(row.timezone), locale=row.locale,
        across=session.program_id is None, whole=whole,
    )  # fmt: skip


def audience(
    session: Session,
    definition: Mapping[str, Any],
    *,
    program_id: UUID | None = None,
    at: datetime | None = None,
    context: Context | None = None,
) -> ColumnElement[bool]:
    """Return `{segment_id} | {where} | {}` as a condition on `Member`; an empty one is everybody.

    Name the programme beside it: `select(Member.id).where(Member.program_id == …, audience(…))`. The worker's
    session, which sees all programmes, gives `program_id`, unless there is a `context` already. Raises InvalidError,
    and NotFoundError for a segment that the programme has not.
    """
    context = context or context_of(session, program_id=program_id, at=at)
    if definition.get("segment_id") is not None:
        asked = ids.parse("segment", definition["segment_id"])
        query = select(Segment).where(Segment.program_id == context.program_id, Segment.id == asked)
        segment = session.scalars(query).one_or_none()
        if segment is None:
            raise NotFoundError("No such segment in this programme.", segment=ids.show("segment", asked))
        return clause_of(segment, context)
    if definition.get("where") is not None:
        return trees.where_clause(definition["where"], context=context)
    return true()


def clause_of(segment: Segment, context: Context) -> ColumnElement[bool]:
    """Return a saved segment as a condition on `Member`, also one that is archived."""
    if segment.where is None:
        return OnList(segment_id=ids.show("segment", segment.id)).clause(context)
    return trees.where_clause(segment.where, context=context)


def as_it_is(session: Session, definition: Mapping[str, Any], *, program_id: UUID) -> dict[str, Any]:
    """Return an audience that no later change of its segment changes: the question that the segment asks now.

    `segment` then says which it was, in which version; `audience` does not look at it. A static list stays what it is:
    who is on it is looked up when it is asked. So does a segment that there is not: `audience` says so.
    """
    if definition.get("segment_id") is None:
        return dict(definition)
    asked = ids.parse("segment", definition["segment_id"])
    query = select(Segment.where, Segment.version).where(Segment.program_id == program_id, Segment.id == asked)
    found = session.execute(query).one_or_none()
    if found is None or found.where is None:
        return dict(definition)
    return {"where": found.where, "segment": {"id": definition["segment_id"], "version": found.version}}


def check_where(session: Session, where: object, *, pointer: str = "#/where") -> dict[str, Any]:
    """Return a tree as it is kept; raise InvalidError that points at every fault, and at what the programme has not."""
    tree = trees.load(where, pointer=pointer)
    named = list(trees.references(tree))
    references.check(session, named)
    lists = {place: id_ for place, kind, id_ in named if kind == "segment"}
    known = set(session.scalars(select(Segment.id).where(Segment.id.in_(lists.values()), Segment.kind == "list")))
    for place, id_ in lists.items():
        if id_ not in known:
            raise invalid_field(place, "Not a static list: write the segment's own conditions here.")
    return trees.dump(tree)


def check_audience(session: Session, definition: object, *, pointer: str = "#/audience") -> dict[str, Any]:
    """Return a campaign's audience as it is kept: `{segment_id}`, `{where}` or `{}`; raise InvalidError."""
    if not isinstance(definition, Mapping) or not set(definition) <= {"segment_id", "where"}:
        raise invalid_field(pointer, "Say `segment_id`, or `where`, or neither for all members.")
    given = {name: value for name, value in definition.items() if value is not None}
    if len(given) > 1:
        raise invalid_field(pointer, "Say `segment_id` or `where`, not both.")
    if "where" in given:
        return {"where": check_where(session, given["where"], pointer=f"{pointer}/where")}
    if "segment_id" in given:
        try:
            segment_id = ids.parse("segment", str(given["segment_id"]))
        except NotFoundError as error:
            raise invalid_field(f"{pointer}/segment_id", error.detail) from None
        references.check(session, [(f"{pointer}/segment_id", "segment", segment_id)])
    return given


def create(session: Session, *, name: str, kind: str = "rule", where: object = None) -> Segment:
    """Save a question (`rule`) or begin a static `list`; raise InvalidError."""
    config_versions.grow(session)
    if kind == "list":
        if where is not None:
            raise invalid_field("#/where", "A static list asks nothing: its members are imported.")
        segment = Segment(name=name, kind=kind)
    else:
        if where is None:
            raise invalid_field("#/where", "Is required.")
        segment = Segment(name=name, kind=kind, where=check_where(session, where))
    session.add(segment)
    session.flush()
    return segment


def get(session: Session, segment_id: UUID) -> Segment:
    """Return the segment, also one that is archived; raise NotFoundError."""
    query = select(Segment).where(Segment.id == segment_id).execution_options(populate_existing=True)
    segment = session.scalars(query).one_or_none()
    if segment is None:
        raise NotFoundError("No such segment in this programme.", segment=ids.show("segment", segment_id))
    return segment


def hold(session: Session, segment_id: UUID) -> Segment:
    """Return a segment, to be changed by nobody else until the transaction ends; raise NotFoundError if archived."""
    config_versions.grow(session)
    segment = get(session, segment_id)
    if segment.archived_at is not None:
        raise NotFoundError("This segment is archived.", segment=ids.show("segment", segment_id))
    return segment


def page(session: Session, *, limit: int, after: UUID | None = None, kind: str | None = None) -> list[Segment]:
    """Return up to `limit` + 1 segments that are not archived, oldest first, behind `after`."""
    query = select(Segment).where(Segment.archived_at.is_(None)).order_by(Segment.id).limit(limit + 1)
    if kind is not None:
        query = query.where(Segment.kind == kind)
    if after is not None:
        query = query.where(Segment.id > after)
    return list(session.scalars(query))


def change(session: Session, segment: Segment, *, values: Mapping[str, Any]) -> Segment:
    """Change a held segment's name or question, which campaigns ask from their next run on; raise InvalidError."""
    if "where" in values:
        if segment.kind == "list":
            raise invalid_field("#/where", "A static list asks nothing: its members are imported.")
        where = check_where(session, values["where"])
        if where != segment.where:
            segment.where = where
            segment.version += 1
    segment.name = values.get("name", segment.name)
    segment.updated_at = clock.now()
    session.flush()
    return segment


def archive(session: Session, segment: Segment) -> None:
    """End a held segment; raise StillUsedError while a live campaign or another segment asks it."""
    references.refuse_if_used(session, "segment", segment.id)
    segment.archived_at = clock.now()
