"""What happened (activity), and the keys that keep it from happening twice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, HotTenant, Tenant


class Activity(HotTenant, Base, kw_only=True):
    """Something that may earn: a purchase, a visit, any kind; or the reversal of one. Never changed."""

    __tablename__ = "activity"
    __table_args__ = (
        Index(None, "member_id", "id"),
        Index(
            "ix_activity_reverses_activity_id",
            "reverses_activity_id",
            postgresql_where="reverses_activity_id IS NOT NULL",
        ),
        CheckConstraint("amount IS NULL OR amount >= 0", name="amount"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    member_id: Mapped[UUID]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    amount: Mapped[int | None] = mapped_column(default=None)
    items: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    receipt: Mapped[str | None] = mapped_column(default=None)
    card_id: Mapped[UUID | None] = mapped_column(default=None)
    store_id: Mapped[UUID | None] = mapped_column(default=None)
    partner_id: Mapped[UUID | None] = mapped_column(default=None)
    staff_id: Mapped[UUID | None] = mapped_column(default=None)
    api_key_id: Mapped[UUID | None] = mapped_column(default=None)
    offline: Mapped[bool] = mapped_column(default=False)
    external_id: Mapped[str | None] = mapped_column(default=None)
    reverses_activity_id: Mapped[UUID | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    rule_set_id: Mapped[UUID | None] = mapped_column(default=None)


class IdempotencyKey(Tenant, Base, kw_only=True):
    """The first answer to an unsafe request, written with its work.

    `scope` says what the key is unique within (an operation and its caller, or a store for scans). The row of a
    request that moved value stays for ever, so that a till that syncs next month cannot double; its `answer` is
    dropped after 30 days. Others are deleted then.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (Index(None, "recorded_at", postgresql_where="answer IS NOT NULL"),)

    program_id: Mapped[UUID] = mapped_column(primary_key=True, init=False)
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    recorded_at: Mapped[datetime]
    status: Mapped[int]
    answer: Mapped[str | None]
    permanent: Mapped[bool] = mapped_column(default=False)
