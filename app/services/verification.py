"""Re-adding the books: every account, lot, debit and reference, of one programme or all, each law in one statement.

`verify` reads as the worker role and changes nothing. The database compares, so that only what differs comes back. The
laws are in `app.services.laws`.
"""

from dataclasses import dataclass
from uuid import UUID

from structlog import get_logger

from app import ids
from app.db import Database, Session
from app.services.laws import LAWS, Law

log = get_logger(__name__)

NAMED_MAX = 100
"""How many differences of one law are named; there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One place where the books do not add up: what the law expects there, and what was found."""

    program: str
    table: str
    id: str
    law: str
    expected: str
    found: str


class DriftError(Exception):
    """The books do not add up; the log names where."""


def verify(database: Database, *, program_id: UUID | None = None, limit: int = NAMED_MAX) -> list[Drift]:
    """Re-add the books, of one programme where `program_id` says so; return what differs, at most `limit` a law."""
    found: list[Drift] = []
    with database.across_programs() as session:
        # One snapshot for all the sums, so that what is posted meanwhile is no difference.
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        for law, build in LAWS.items():
            found += _broken(session, law, build, program_id, limit)
    return found


def run(database: Database) -> int:
    """Verify all programmes, log each difference, and raise DriftError when there is one; else return 0."""
    drifts = verify(database)
    for drift in drifts:
        log.error(
            "ledger_drift", program=drift.program, table=drift.table, id=drift.id, law=drift.law,
            expected=drift.expected, found=drift.found,
        )  # fmt: skip
    if drifts:
        raise DriftError(f"{len(drifts)} differences")
    return 0


def _broken(session: Session, law: str, build: Law, program_id: UUID | None, limit: int) -> list[Drift]:
    found = build(program_id)
    return [
        Drift(
            program=ids.show("program", row.program_id), table=found.table, id=ids.show(found.kind, row.id), law=law,
            expected=row.expected, found=row.found,
        )
        for row in session.execute(found.query.limit(limit))
    ]  # fmt: skip
