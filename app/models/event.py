"""What we publish: events in the outbox, and the deliveries that they become."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, HotTenant, Identified, Recorded, Tenant


class Event(HotTenant, Base, kw_only=True):
    """A fact, past tense, written with the work it tells of. The relay claims it under a lease and marks it handled."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_due", "lease_until", "id", postgresql_where="handled_at IS NULL"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    kind: Mapped[str]
    recorded_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    member_id: Mapped[UUID | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    handled_at: Mapped[datetime | None] = mapped_column(default=None)
    problem: Mapped[str | None] = mapped_column(default=None)


class Delivery(Identified, Recorded, Tenant, Base, kw_only=True):
    """One message to one member by one channel, with its state. One of each event, channel and address."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "event_id", "channel", "address"),
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        Index(None, "program_id", "member_id", "id"),
        Index("ix_delivery_due", "due_at", postgresql_where="state IN ('queued', 'sending')"),
        CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'opened', 'failed', 'skipped', 'unknown')", name="state"
        ),
    )

    member_id: Mapped[UUID]
    event_id: Mapped[UUID]
    channel: Mapped[str]
    address: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="queued")
    data: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    device_id: Mapped[UUID | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[UUID | None] = mapped_column(default=None)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    opened_at: Mapped[datetime | None] = mapped_column(default=None)
    provider_id: Mapped[str | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
