"""What phones complain of: the lines that Wallet sends of its own accord when a pass gives it trouble.

Anybody may send them, so that they are few, short, and shorn of what Wallet puts into them: tokens and its own id.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from app import clock
from app.db import Database, Session
from app.models import PassLog

LINES_MAX = 20
"""Lines taken of one request."""
LINE_MAX = 500
KEPT = 2000
"""Lines kept of those that are no programme's, and lines of a programme that are looked through."""
SHOWN_MAX = 5
_NAMED = re.compile(r"pass type ([A-Za-z0-9.-]{1,200}),? (?:with )?serial number ([A-Za-z0-9_-]{1,64})")
_SECRET = re.compile(r"[A-Za-z0-9+=_-]{20,}")
_HIDDEN = "…"


def note(database: Database, lines: Sequence[str]) -> int:
    """Keep the lines; return how many. One that names a pass of ours becomes its programme's, and shows its serial."""
    taken = [line[: 4 * LINE_MAX] for line in lines if line.strip()][:LINES_MAX]
    nobodys = []
    for line in taken:
        named = _NAMED.search(line)
        owner = None
        if named is not None:
            door = func.wallet_pass(named[1], named[2]).table_valued("program_id", "id", "token_hash", "platform")
            with database.transaction() as session:
                owner = session.execute(select(door)).one_or_none()
        if owner is None or named is None:
            nobodys.append(clean(line))
            continue
        with database.transaction(owner.program_id) as session:
            session.add(PassLog(program_id=owner.program_id, line=clean(line, shown=(named[1], named[2]))))
    if nobodys:
        with database.transaction() as session:
            session.execute(select(func.note_pass_lines(nobodys, clock.now(), KEPT)))
    return len(taken)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a phone complained of, and when."""

    at: datetime
    line: str


def of_passes(session: Session, serials: Collection[str]) -> dict[str, list[Complaint]]:
    """Return the newest complaints about each of the programme's passes, by serial number; none for most."""
    if not serials:
        return {}
    newest = (
        select(PassLog.id, PassLog.created_at, PassLog.line)
        .where(PassLog.program_id == session.program)
        .order_by(PassLog.id.desc())
        .limit(KEPT)
        .subquery()
    )
    about = or_(*(newest.c.line.contains(serial, autoescape=True) for serial in serials))
    found: dict[str, list[Complaint]] = {}
    for at, line in session.execute(
        select(newest.c.created_at, newest.c.line).where(about).order_by(newest.c.id.desc())
    ):
        for serial in serials:
            if serial in line and len(found.setdefault(serial, [])) < SHOWN_MAX:
                found[serial].append(Complaint(at, line))
    return found


def clean(line: str, *, shown: Sequence[str] = ()) -> str:
    """Return a line as it may be kept: on one line, without whatever is long enough to be a secret.

    `shown` is what may stay: it is ours, and no secret.
    """
    flat = "".join(letter if letter.isprintable() else " " for letter in line)
    cut = _SECRET.sub(lambda found: found[0] if found[0] in shown else _HIDDEN, flat)
    return " ".join(cut.split())[:LINE_MAX]
