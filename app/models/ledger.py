"""The ledger: entries that are never changed, the lots they fill, and what ties the two."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, HotTenant, Identified, Recorded, Tenant

PARTITIONED = {"postgresql_partition_by": "RANGE (id)"}


class Entry(HotTenant, Base, kw_only=True):
    """One movement on an account. Append-only: the web role may not UPDATE or DELETE, and a trigger says so too."""

    __tablename__ = "entry"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "account_id"], ["account.program_id", "account.id"]),
        Index(None, "account_id", "sequence"),
        Index("ix_entry_activity_id", "activity_id", postgresql_where="activity_id IS NOT NULL"),
        CheckConstraint("kind IN ('earn', 'burn', 'expire', 'adjust', 'transfer', 'reverse')", name="kind"),
        CheckConstraint("amount <> 0", name="amount"),
        PARTITIONED,
    )

    account_id: Mapped[UUID]
    sequence: Mapped[int]
    kind: Mapped[str]
    amount: Mapped[int]
    balance_after: Mapped[int]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    activity_id: Mapped[UUID | None] = mapped_column(default=None)
    rule_id: Mapped[UUID | None] = mapped_column(default=None)
    rule_version_id: Mapped[UUID | None] = mapped_column(default=None)
    partner_id: Mapped[UUID | None] = mapped_column(default=None)
    store_id: Mapped[UUID | None] = mapped_column(default=None)
    staff_id: Mapped[UUID | None] = mapped_column(default=None)
    api_key_id: Mapped[UUID | None] = mapped_column(default=None)
    reverses_entry_id: Mapped[UUID | None] = mapped_column(default=None)
    transfer_id: Mapped[UUID | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    steps: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)


class Lot(HotTenant, Base, kw_only=True):
    """What is left of one credit, so that the oldest expires and burns first."""

    __tablename__ = "lot"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "account_id"], ["account.program_id", "account.id"]),
        Index("ix_lot_account_id_open", "account_id", "expires_at", "id", postgresql_where="remaining > 0"),
        Index("ix_lot_entry_id", "entry_id"),
        CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
        {**PARTITIONED},
    )

    account_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    amount: Mapped[int]
    remaining: Mapped[int]
    available_from: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    partner_id: Mapped[UUID | None] = mapped_column(default=None)
    funded_cost: Mapped[int | None] = mapped_column(default=None)


class Allocation(Tenant, Base, kw_only=True):
    """How much of a debit a lot paid (positive), or got back when the debit was reversed (negative).

    `lot.remaining = lot.amount - sum(amount)`. A debit that found too little leaves the rest as the account's debt;
    the value that pays it later adds the missing allocation, as another `part` where the same lot paid before.
    """

    __tablename__ = "allocation"
    __table_args__ = (Index(None, "lot_id"),)

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True, default=0)
    amount: Mapped[int]


class Debt(Tenant, Base, kw_only=True):
    """What a debit could not find in any lot; later credits pay it, or a reversal forgives it."""

    __tablename__ = "debt"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "account_id"], ["account.program_id", "account.id"]),
        Index("ix_debt_account_id_open", "account_id", "entry_id", postgresql_where="remaining > 0"),
        CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
    )

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    amount: Mapped[int]
    remaining: Mapped[int]


class PendingGrant(Identified, Recorded, Tenant, Base, kw_only=True):
    """A credit that waits for a date, unless somebody confirms it before or a reversal cancels it."""

    __tablename__ = "pending_grant"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "account_id"], ["account.program_id", "account.id"]),
        Index(None, "account_id"),
        Index(None, "activity_id"),
        Index("ix_pending_grant_due", "confirms_at", postgresql_where="state = 'pending'"),
        CheckConstraint("state IN ('pending', 'confirmed', 'cancelled')", name="state"),
        CheckConstraint("cancelled >= 0 AND cancelled <= amount", name="cancelled"),
    )

    account_id: Mapped[UUID]
    activity_id: Mapped[UUID]
    amount: Mapped[int]
    occurred_at: Mapped[datetime]
    confirms_at: Mapped[datetime | None] = mapped_column(default=None)
    state: Mapped[str] = mapped_column(default="pending")
    cancelled: Mapped[int] = mapped_column(default=0)
    entry_id: Mapped[UUID | None] = mapped_column(default=None)
    rule_id: Mapped[UUID | None] = mapped_column(default=None)
    rule_version_id: Mapped[UUID | None] = mapped_column(default=None)
    partner_id: Mapped[UUID | None] = mapped_column(default=None)
    store_id: Mapped[UUID | None] = mapped_column(default=None)
    steps: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)


class Hold(Identified, Recorded, Tenant, Base, kw_only=True):
    """Value reserved for a till until it is captured, voided or too old."""

    __tablename__ = "hold"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        ForeignKeyConstraint(["program_id", "account_id"], ["account.program_id", "account.id"]),
        Index(None, "account_id"),
        Index("ix_hold_due", "expires_at", postgresql_where="state = 'held'"),
        CheckConstraint("state IN ('held', 'captured', 'voided', 'expired')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
    )

    account_id: Mapped[UUID]
    amount: Mapped[int]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="held")
    store_id: Mapped[UUID | None] = mapped_column(default=None)
    entry_id: Mapped[UUID | None] = mapped_column(default=None)
