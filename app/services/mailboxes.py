"""Mailboxes that lead nowhere: a mail server said so for good, so campaigns leave the member alone for a while.

A server may be wrong (a domain moved, a rule too strict), so the word counts for 90 days, and ends with the address.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, update

from app import clock
from app.db import Session
from app.models import Member

GONE_FOR = timedelta(days=90)


def is_gone() -> ColumnElement[bool]:
    """Tell of a member in a query whether the mailbox was said to be none, not long ago."""
    return func.coalesce(Member.email_gone_at > clock.now() - GONE_FOR, False)


def note_gone(session: Session, member_id: UUID) -> None:
    """Note that a mail server knows no such mailbox."""
    session.execute(update(Member).where(Member.id == member_id).values(email_gone_at=clock.now()))
