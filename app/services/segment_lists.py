"""Static lists: filled from a CSV file that is checked whole before a row is written, shown, and written out as CSV.

The file's header names the column that says who: `member_id`, `external_id`, `email` or `phone`; other columns are let
be. Comma or semicolon, UTF-8.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from app import clock, ids
from app.db import Session
from app.errors import AssiduError, ConflictError, InvalidError, NotFoundError, invalid_field
from app.models import Member, Segment, SegmentMember
from app.services import contacts, segments

LINES_MAX = 200_000
BATCH = 1000
REFUSALS_SHOWN = 100
QUICK_MS = "500"
"""How long a page is looked for member by member."""

EXPORT_HEADER = ("member_id", "external_id", "email", "phone", "first_name", "last_name", "joined_at")

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_FIELD_MAX = 320


class NotAListError(ConflictError):
    """Members are imported into a segment of the kind `list` only; another's are found by its question."""

    slug = "not-a-list"
    title = "The segment is not a static list"


@dataclass(slots=True)
class Import:
    """What an import did: lines with somebody on them, members put on the list, and lines let be."""

    lines: int = 0
    added: int = 0
    removed: int = 0
    skipped: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """What is known of a file so far."""

    members: dict[UUID, None] = field(default_factory=dict)
    lines: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)


def hold(session: Session, segment_id: UUID) -> Segment:
    """Return a list that nobody else imports into until the transaction ends; raise NotFoundError, NotAListError."""
    query = select(Segment).where(Segment.id == segment_id, Segment.archived_at.is_(None)).with_for_update()
    segment = session.scalars(query).one_or_none()
    if segment is None:
        raise NotFoundError("No such segment in this programme.", segment=ids.show("segment", segment_id))
    if segment.kind != "list":
        raise NotAListError("Import members into a segment of the kind `list`.")
    return segment


def import_csv(session: Session, segment: Segment, file: BinaryIO, *, mode: str = "add", skip: bool = False) -> Import:
    """Put the members that a file names on a held list: `add` them, or `replace` all, or `remove` them.

    Every line is checked before anything is written. A line that names nobody refuses the file, or is let be with
    `skip`. Raises InvalidError with a pointer `#/<line>/<column>` for each of the first lines refused.
    """
    reading = _Reading()
    column = _read(session, file, reading)
    reading.refusals.sort()
    if reading.refusals and not skip:
        raise InvalidError(
            f"{len(reading.refusals)} of {reading.lines} lines name no member; nothing was imported.",
            errors=[
                {"pointer": f"#/{line}/{column}", "detail": detail}
                for line, detail in reading.refusals[:REFUSALS_SHOWN]
            ],
            refused=len(reading.refusals),
        )
    result = Import(lines=reading.lines)
    result.skipped = [{"line": line, "detail": detail} for line, detail in reading.refusals[:REFUSALS_SHOWN]]
    _write(session, segment, list(reading.members), mode, result)
    segment.version += 1
    segment.updated_at = clock.now()
    session.flush()
    return result


def _read(session: Session, file: BinaryIO, reading: _Reading) -> str:
    """Read the file to its end, batch by batch, and return the name of its column."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        header = text.readline(10_000)
        rows = csv.reader(text, delimiter=";" if ";" in header and "," not in header else ",", strict=True)
        names = next(csv.reader([header], delimiter=";" if ";" in header and "," not in header else ","), [])
        column, place = _column(names)
        numbered = ((rows.line_num + 1, row[place].strip() if place < len(row) else "") for row in rows if any(row))
        while batch := list(islice(numbered, BATCH)):
            reading.lines += len(batch)
            if reading.lines > LINES_MAX:
                raise InvalidError(f"A file has at most {LINES_MAX:,} lines: split it.")
            _find(session, column, batch, reading)
    except UnicodeDecodeError:
        raise InvalidError("The file is not UTF-8: save it as “CSV UTF-8”.") from None
    except csv.Error as error:
        raise InvalidError(f"The file is not CSV (RFC 4180): {error}.") from None
    finally:
        text.detach()
    return column


def _column(names: list[str]) -> tuple[str, int]:
    cleaned = [name.strip().lower() for name in names]
    known = [name for name in cleaned if name in _COLUMNS]
    if len(known) != 1:
        wanted = ", ".join(_COLUMNS)
        raise invalid_field("#/1", f"The first line names the columns; exactly one of them is one of: {wanted}.")
    return known[0], cleaned.index(known[0])


def _find(session: Session, column: str, batch: Iterable[tuple[int, str]], reading: _Reading) -> None:
    """Look a batch's people up by one statement."""
    attribute, normal = _COLUMNS[column]
    wanted: list[tuple[int, str, Any]] = []
    for line, text in batch:
        # An apostrophe before a formula's sign is how spreadsheets, and our own export, keep a text a text.
        bare = text[1:] if text.startswith("'") and text[1:2] in _FORMULAS else text
        try:
            if not bare or len(bare) > _FIELD_MAX or "\0" in bare:
                raise InvalidError("Names nobody." if not bare else "Is no such thing.")
            wanted.append((line, bare, normal(bare)))
        except AssiduError as error:
            reading.refusals.append((line, error.detail))
    if not wanted:
        return
    rows = session.execute(select(attribute, Member.id).where(attribute.in_({key for _, _, key in wanted})))
    known: dict[Any, UUID] = dict(iter(rows))
    for line, text, key in wanted:
        member_id = known.get(key)
        if member_id is None:
            reading.refusals.append((line, f"No member of this programme: `{text[:80]}`."))
        else:
            reading.members[member_id] = None


def _write(session: Session, segment: Segment, members: list[UUID], mode: str, result: Import) -> None:
    own = SegmentMember.segment_id == segment.id
    if mode == "replace":
        keep = set(members)
        listed = session.scalars(select(SegmentMember.member_id).where(own))
        result.removed = _remove(session, segment, [one for one in listed if one not in keep])
    if mode == "remove":
        result.removed = _remove(session, segment, members)
        return
    for start in range(0, len(members), BATCH):
        rows = [
            {"program_id": session.program, "segment_id": segment.id, "member_id": member_id}
            for member_id in members[start : start + BATCH]
        ]
        statement = insert(SegmentMember).values(rows).on_conflict_do_nothing().returning(SegmentMember.member_id)
        result.added += len(session.scalars(statement).all())


def _remove(session: Session, segment: Segment, members: list[UUID]) -> int:
    removed = 0
    for start in range(0, len(members), BATCH):
        statement = delete(SegmentMember).where(
            SegmentMember.segment_id == segment.id, SegmentMember.member_id.in_(members[start : start + BATCH])
        )
        gone = session.scalars(
            statement.returning(SegmentMember.member_id).execution_options(synchronize_session=False)
        )
        removed += len(gone.all())
    return removed


def members_page(session: Session, segment: Segment, *, limit: int, after: UUID | None = None) -> list[Member]:
    """Return up to `limit` + 1 members of a segment, newest first; raise SegmentTooSlowError.

    Looking at one member after the other fills a page at once where many satisfy the question; where few do, what it
    compares is read once for all members instead.
    """
    try:
        with session.begin_nested() as attempt:
            session.execute(select(func.set_config("statement_timeout", QUICK_MS, True)))
            found = _ids(session, segment, limit, after, whole=False)
            attempt.rollback()  # of the time limit
    except segments.SegmentTooSlowError:
        found = _ids(session, segment, limit, after, whole=True)
    return list(session.scalars(select(Member).where(Member.id.in_(found)).order_by(Member.id.desc())))


def _ids(session: Session, segment: Segment, limit: int, after: UUID | None, *, whole: bool) -> list[UUID]:
    context = segments.context_of(session, whole=whole)
    clause = segments.clause_of(segment, context)
    query = select(Member.id).where(Member.program_id == context.program_id, clause).order_by(Member.id.desc())
    if after is not None:
        query = query.where(Member.id < after)
    with segments.in_time():
        return list(session.scalars(query.limit(limit + 1)))


def export_lines(rows: Iterable[Member]) -> Iterator[str]:
    """Yield a CSV line (RFC 4180) for each member, each cell a text to every spreadsheet."""
    for row in rows:
        yield csv_line(
            (
                ids.show("member", row.id), row.external_id, row.email, row.phone, row.first_name, row.last_name,
                row.joined_at.isoformat(timespec="seconds"),
            )
        )  # fmt: skip


def csv_line(cells: Iterable[str | None]) -> str:
    """Return one line, formulas made harmless by a leading apostrophe (OWASP, CSV injection)."""
    line = io.StringIO()
    csv.writer(line).writerow([_plain(cell or "") for cell in cells])
    return line.getvalue()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _member_id(text: str) -> UUID:
    return ids.parse("member", text)


def _phone(text: str) -> str:
    compact = text.replace(" ", "")
    plain = compact.startswith("+") and compact[1:].isascii() and compact[1:].isdigit()
    return compact if plain else contacts.phone(text)


def _email(text: str) -> str:
    # Most addresses are written as they are kept; only others are worth the price of reading them in full.
    return text.lower() if text.isascii() and text.count("@") == 1 and " " not in text else contacts.email(text)


_COLUMNS: dict[str, tuple[InstrumentedAttribute[Any], Callable[[str], Any]]] = {
    "member_id": (Member.id, _member_id),
    "external_id": (Member.external_id, str),
    "email": (Member.email, _email),
    "phone": (Member.phone, _phone),
}


def size(session: Session, segment: Segment) -> int:
    """Return how many members are on a list."""
    query = select(func.count()).select_from(SegmentMember).where(SegmentMember.segment_id == segment.id)
    return session.scalar(query) or 0
