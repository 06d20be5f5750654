"""Webhooks: whom we tell of events, and every telling."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class Webhook(Identified, Recorded, Tenant, Base, kw_only=True):
    """An address of the programme's own that is told of events of these `kinds`; its signing secrets are sealed."""

    __tablename__ = "webhook"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        CheckConstraint("status IN ('live', 'disabled', 'archived')", name="status"),
    )

    url: Mapped[str]
    kinds: Mapped[list[str]]
    secrets_sealed: Mapped[bytes]
    status: Mapped[str] = mapped_column(default="live")
    description: Mapped[str | None] = mapped_column(default=None)
    disabled_reason: Mapped[str | None] = mapped_column(default=None)
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    updated_at: Mapped[datetime | None] = mapped_column(default=None)


class WebhookDelivery(Identified, Recorded, Tenant, Base, kw_only=True):
    """One event to one webhook; `attempts_log` has an entry for each attempt."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        ForeignKeyConstraint(["program_id", "webhook_id"], ["webhook.program_id", "webhook.id"]),
        CheckConstraint("state IN ('queued', 'sending', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_delivery_due", "webhook_id", "due_at", postgresql_where="state IN ('queued', 'sending')"),
        Index(None, "program_id", "webhook_id", "id"),
    )

    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    kind: Mapped[str]
    body: Mapped[str]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    attempts_log: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list)
    lease_owner: Mapped[UUID | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
