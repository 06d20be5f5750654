"""Sweeping: when a programme's set-up changes (design, names, rewards), all its passes are marked, a page at a time.

So they are when the last of a reward is taken. However many passes there are, a sweep is one row of the programme and
at most a few thousand marks: the next page is marked when the lanes have worked off most of the last ones. Marks of a
sweep stand behind those that people wait for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import Pass, PassRevision, Program
from app.services import pass_updates
from app.services.pass_updates import ALL
from wallet.updates import claiming

log = structlog.get_logger(__name__)

PAGE = 500
WAITING_MAX = 1000
"""Marks of a sweep that wait at a time: enough for every lane to be busy, few enough to weigh nothing."""
LOOK_AGAIN = timedelta(milliseconds=200)
PROGRAMS_MAX = 20


@dataclass(frozen=True, slots=True)
class _Sweep:
    """A sweep under way, as it was taken in this transaction; the row of the programme is held."""

    program_id: UUID
    version: int
    cursor: UUID | None


def sweep(database: Database, *, page: int = PAGE, waiting_max: int = WAITING_MAX) -> int:
    """Take every sweep that is due one page further; return how many passes were marked."""
    marked = 0
    with database.across_programs() as session:
        for one in _due(session):
            marked += _step(session, one, page, waiting_max)
    return marked


def begin(session: Session, program_id: UUID) -> None:
    """Have all of a programme's passes looked at, from the first, though no set-up changed.

    The worker role's session.
    """
    values = {"swept_version": 0, "sweep_version": None, "sweep_cursor": None, "sweep_due_at": None}
    session.execute(
        update(PassRevision).where(PassRevision.program_id == program_id).values(**values),
        execution_options={"synchronize_session": False},
    )


def _due(session: Session) -> list[_Sweep]:
    changed = Program.config_version != PassRevision.swept_version
    due = or_(PassRevision.sweep_due_at.is_(None), PassRevision.sweep_due_at <= clock.now())
    rows = session.execute(
        select(PassRevision.program_id, PassRevision.sweep_version, PassRevision.sweep_cursor, Program.config_version)
        .join(Program, Program.id == PassRevision.program_id)
        .where(changed, due)
        .order_by(PassRevision.sweep_due_at.nulls_first())
        .limit(PROGRAMS_MAX)
        .with_for_update(of=PassRevision, skip_locked=True)
    )
    return [
        _Sweep(row.program_id, row.sweep_version or row.config_version, row.sweep_cursor if row.sweep_version else None)
        for row in rows
    ]


def _step(session: Session, one: _Sweep, page: int, waiting_max: int) -> int:
    if claiming.waiting(session, one.program_id, limit=waiting_max) > waiting_max - page:
        _write(session, one, {"sweep_due_at": clock.now() + LOOK_AGAIN})
        return 0
    told = [Pass.program_id == one.program_id, Pass.state != "removed", pass_updates.is_told()]
    if one.cursor is not None:
        told.append(Pass.id > one.cursor)
    found = list(session.scalars(select(Pass.id).where(*told).order_by(Pass.id).limit(page)))
    if found:
        those = Pass.id.in_(found)
        pass_updates.mark(session, one.program_id, those, reason="set_up", priority=ALL, settle=timedelta())
        _write(session, one, {"sweep_version": one.version, "sweep_cursor": found[-1], "sweep_due_at": clock.now()})
    if len(found) < page:
        done = {"swept_version": one.version, "sweep_version": None, "sweep_cursor": None, "sweep_due_at": None}
        _write(session, one, done)
        log.info("passes_swept", program_id=ids.show("program", one.program_id))
    return len(found)


def _write(session: Session, one: _Sweep, values: Mapping[str, object]) -> None:
    session.execute(
        update(PassRevision).where(PassRevision.program_id == one.program_id).values(**values),
        execution_options={"synchronize_session": False},
    )
