"""Messages on passes: what a campaign says on the card in a member's phone, where it stays until the next one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Session
from app.models import Member, Pass, PassMessage, PassRegistration
from app.services import pass_updates

Texts = Mapping[str, Mapping[str, str]]
"""`{"fr": {"title": …, "body": …}}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What one member is told; told twice under one `delivery_id`, it stands on each pass once."""

    delivery_id: UUID
    member_id: UUID
    text: Texts


def write(session: Session, notes: Sequence[Note]) -> set[UUID]:
    """Write each note on its member's cards in wallets, and mark them; return the deliveries that reached a pass.

    Coupons are not written on: they are of one voucher. The caller commits.
    """
    by_member: dict[UUID, list[UUID]] = {}
    members = {note.member_id for note in notes}
    held = select(Pass.id, Pass.member_id).where(Pass.member_id.in_(members), Pass.voucher_id.is_(None), is_held())
    for row in session.execute(held.order_by(Pass.id)):
        by_member.setdefault(row.member_id, []).append(row.id)
    now = clock.now()
    rows = [
        {
            "id": ids.new_id(), "created_at": now, "program_id": session.program, "pass_id": pass_id,
            "text": dict(note.text), "delivery_id": note.delivery_id,
        }
        for note in notes
        for pass_id in by_member.get(note.member_id, ())
    ]  # fmt: skip
    if not rows:
        return set()
    session.execute(insert(PassMessage).on_conflict_do_nothing(), rows)
    pass_updates.mark_passes(session, [pass_id for one in by_member.values() for pass_id in one], reason="message")
    return {note.delivery_id for note in notes if note.member_id in by_member}


def newest(session: Session, pass_ids: Collection[UUID]) -> dict[UUID, PassMessage]:
    """Return the newest message of each pass that has one."""
    query = (
        select(PassMessage)
        .where(PassMessage.pass_id.in_(pass_ids))
        .order_by(PassMessage.pass_id, PassMessage.id.desc())
        .distinct(PassMessage.pass_id)
    )
    return {row.pass_id: row for row in session.scalars(query)}


def untold(session: Session, pass_ids: Collection[UUID]) -> dict[UUID, list[PassMessage]]:
    """Return the messages that the platforms of passes were not told yet, the oldest first."""
    query = select(PassMessage).where(PassMessage.pass_id.in_(pass_ids), PassMessage.told_at.is_(None))
    found: dict[UUID, list[PassMessage]] = {}
    for row in session.scalars(query.order_by(PassMessage.id)):
        found.setdefault(row.pass_id, []).append(row)
    return found


def reaches(program_id: UUID) -> ColumnElement[bool]:
    """Tell, of an outer query of Member, whether a message on the card would be in a phone of theirs."""
    one = (
        select(Pass.id)
        .where(Pass.program_id == program_id, Pass.member_id == Member.id, Pass.voucher_id.is_(None), is_held())
        .limit(1)
    )
    return one.correlate(Member).scalar_subquery().is_not(None)


def is_held() -> ColumnElement[bool]:
    """Tell, of an outer query of Pass, whether somebody has it in a phone, as far as the platform tells us."""
    registered = exists().where(PassRegistration.program_id == Pass.program_id, PassRegistration.pass_id == Pass.id)
    kept = or_(Pass.removed_at.is_(None), Pass.removed_at < Pass.saved_at)
    saved = and_(Pass.platform != "apple", Pass.saved_at.is_not(None), kept)
    return and_(Pass.state == "active", or_(saved, registered))
