"""Marks on passes: "this face may have changed". The engine in `wallet.updates` looks, and tells who must know.

A mark costs one statement, says nothing of what changed, and may be made for nothing: the engine compares faces. Marks
of one pass fall together until the engine takes them.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, case, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import Session
from app.db.base import UtcInstant
from app.models import Pass, PassRegistration, PassUpdate

SETTLE = timedelta(milliseconds=150)
"""How long a mark waits for others of the same pass, anew after each: what happens at one till at once is one push."""
BURST_MAX = 20
"""After so many the first of them has waited long enough, whatever follows."""
REST = timedelta(seconds=1)
"""How long a pass whose platform was just told is left alone, so that a busy hour is not a push for each stamp."""
ONE, ALL = 0, 1
"""Priorities: what one person waits for, and what changes all the programme's passes."""


def mark_member(session: Session, member_id: UUID, *, reason: str) -> int:
    """Mark all passes of a member, of vouchers too; return how many. `reason` is a slug for whoever looks at them."""
    return mark(session, session.program, Pass.member_id == member_id, reason=reason)


def mark_card(session: Session, card_id: UUID, *, reason: str) -> int:
    """Mark all passes of a card; return how many."""
    return mark(session, session.program, Pass.card_id == card_id, reason=reason)


def mark_passes(session: Session, pass_ids: Sequence[UUID], *, reason: str) -> int:
    """Mark passes by id; return how many."""
    return mark(session, session.program, Pass.id.in_(pass_ids), reason=reason)


def note_registered(session: Session, pass_id: UUID) -> None:
    """Note, before the transaction that registers a new device for the pass commits, that there is somebody to tell.

    The device may hold a face that has changed since it was handed out, and knew of later revisions by another pass: so
    the face counts as not shown yet, and gets a revision of its own. The pass is locked, so that a change comes wholly
    before or wholly after; not against other registrations, which refer to the pass before they come here.
    """
    held = select(Pass.revision, Pass.handed_revision).where(Pass.id == pass_id).with_for_update(key_share=True)
    row = session.execute(held).one_or_none()
    if row is None:
        return
    if row.handed_revision < row.revision:
        session.execute(
            update(Pass).where(Pass.id == pass_id).values(face_hash=None),
            execution_options={"synchronize_session": False},
        )
    mark_passes(session, [pass_id], reason="registered")


def mark(
    session: Session, program_id: UUID, which: ColumnElement[bool], *, reason: str, priority: int = ONE,
    settle: timedelta = SETTLE,
) -> int:  # fmt: skip
    """Mark the programme's passes that are `which` and not removed; return how many. The caller commits.

    A pass that waits already keeps its place, or gets a better one, but for a burst, which is waited out; one that
    failed keeps waiting out its backoff; one that is in hand is looked at once more afterwards.
    """
    now = clock.now()
    soon = literal(now + settle, UtcInstant)
    rested = case(
        (Pass.last_push_at.is_(None), soon), else_=func.greatest(soon, Pass.last_push_at + literal(REST, Interval))
    )
    rows = select(
        Pass.id, Pass.program_id, Pass.platform, literal(priority), rested, literal(reason), literal(now, UtcInstant)
    ).where(Pass.program_id == program_id, which, Pass.state != "removed")
    statement = insert(PassUpdate).from_select(
        ["pass_id", "program_id", "platform", "priority", "due_at", "reason", "marked_at"], rows.order_by(Pass.id)
    )
    new = statement.excluded
    waits = and_(PassUpdate.lease_owner.is_(None), PassUpdate.attempts == 0)
    bursts = and_(literal(priority == ONE and settle == SETTLE), PassUpdate.marks < BURST_MAX)
    place = case((bursts, new.due_at), else_=func.least(PassUpdate.due_at, new.due_at))
    result = session.execute(
        statement.on_conflict_do_update(
            index_elements=["pass_id"],
            set_={
                "marks": PassUpdate.marks + 1,
                "marked_at": new.marked_at,
                "reason": new.reason,
                "priority": func.least(PassUpdate.priority, new.priority),
                "due_at": case((waits, place), else_=PassUpdate.due_at),
            },
        ),
        execution_options={"preserve_rowcount": True},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def is_told() -> ColumnElement[bool]:
    """Tell, of an outer query of Pass, whether anybody would be told of a change.

    A pass at Google is told of from when it exists there, saved or not: whoever saves it later gets it as it is then.
    One at Apple is told of while a device is registered for it; registering marks it.
    """
    registered = exists().where(PassRegistration.program_id == Pass.program_id, PassRegistration.pass_id == Pass.id)
    return or_(Pass.google_inserted_at.is_not(None), and_(Pass.platform == "apple", registered))
