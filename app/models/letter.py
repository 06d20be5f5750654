"""Mails of the installation itself, which belong to no programme: one-time codes, for example."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded


class Letter(Identified, Recorded, Base, kw_only=True):
    """A mail to one person: sealed while it waits, emptied once it went. Not sent after `expires_at`."""

    __tablename__ = "letter"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'unknown')", name="state"),
        Index("ix_letter_due", "due_at", postgresql_where="state IN ('queued', 'sending')"),
    )

    kind: Mapped[str]
    sealed: Mapped[bytes]
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[UUID | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
