"""What a program keeps for its members (purse) and what one member holds (account)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class Purse(Identified, Recorded, Tenant, Base, kw_only=True):
    """A kind of balance: points, stamps or money; program-wide or one partner's."""

    __tablename__ = "purse"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "code"),
        ForeignKeyConstraint(["program_id", "partner_id"], ["partner.program_id", "partner.id"]),
        ForeignKeyConstraint(["program_id", "reward_id"], ["reward.program_id", "reward.id"], use_alter=True),
        CheckConstraint("kind IN ('points', 'stamps', 'money')", name="kind"),
        CheckConstraint("goal IS NULL OR goal BETWEEN 1 AND 1000", name="goal"),
        CheckConstraint("on_clawback IN ('debt', 'clamp', 'refuse')", name="on_clawback"),
        CheckConstraint("rounding IN ('floor', 'half_even', 'ceil')", name="rounding"),
        CheckConstraint("hold_days BETWEEN 0 AND 366", name="hold_days"),
    )

    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    goal: Mapped[int | None] = mapped_column(default=None)
    reward_id: Mapped[UUID | None] = mapped_column(default=None)
    partner_id: Mapped[UUID | None] = mapped_column(default=None)
    rounding: Mapped[str] = mapped_column(default="floor")
    expiry: Mapped[dict[str, Any]] = mapped_column(default_factory=lambda: {"policy": "never"})
    on_clawback: Mapped[str] = mapped_column(default="debt")
    hold_days: Mapped[int] = mapped_column(default=0)
    locales: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class Account(Identified, Tenant, Base, kw_only=True):
    """One member's holding in one purse.

    `balance` = sum of its entries = what remains in its lots - `debt`. Only `app.services.ledger` and the hot path
    beside it write these columns. `sequence` numbers the entries; `next_expiry_at` is not later than the first
    expiry of a lot that has something left, so that most scans need not look at the lots at all.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "member_id", "purse_id"),
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        ForeignKeyConstraint(["program_id", "purse_id"], ["purse.program_id", "purse.id"]),
        CheckConstraint("balance + debt >= held", name="balance"),
        CheckConstraint("debt >= 0", name="debt"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("pending >= 0", name="pending"),
        Index("ix_account_next_expiry_at", "next_expiry_at", postgresql_where="next_expiry_at IS NOT NULL"),
        # Room for a new version of the row on its own page: no index is touched when a balance moves.
        {"postgresql_with": {"fillfactor": 60}},
    )

    member_id: Mapped[UUID]
    purse_id: Mapped[UUID]
    balance: Mapped[int] = mapped_column(default=0)
    pending: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    debt: Mapped[int] = mapped_column(default=0)
    earned_total: Mapped[int] = mapped_column(default=0)
    burnt_total: Mapped[int] = mapped_column(default=0)
    sequence: Mapped[int] = mapped_column(default=0)
    next_expiry_at: Mapped[datetime | None] = mapped_column(default=None)
