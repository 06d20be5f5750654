"""What earns and what it buys: rules and their versions, usage under caps, rewards, vouchers."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class Rule(Identified, Recorded, Tenant, Base, kw_only=True):
    """When this activity under these conditions, then these effects. `version_id` names the published version."""

    __tablename__ = "rule"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        CheckConstraint("status IN ('draft', 'live', 'paused', 'archived')", name="status"),
    )

    name: Mapped[str]
    status: Mapped[str]
    definition: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=0)
    version_id: Mapped[UUID | None] = mapped_column(default=None)
    updated_at: Mapped[datetime | None] = mapped_column(default=None)


class RuleVersion(Identified, Recorded, Tenant, Base, kw_only=True):
    """A rule as it was published; entries name theirs, the past never changes."""

    __tablename__ = "rule_version"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "rule_id", "number"),
        ForeignKeyConstraint(["program_id", "rule_id"], ["rule.program_id", "rule.id"]),
    )

    rule_id: Mapped[UUID]
    number: Mapped[int]
    definition: Mapped[dict[str, Any]]
    staff_id: Mapped[UUID | None] = mapped_column(default=None)


class RuleSetVersion(Identified, Recorded, Tenant, Base, kw_only=True):
    """The rule versions that were live together; activities name theirs, so that a refund asks the very same."""

    __tablename__ = "rule_set_version"

    version_ids: Mapped[list[str]]


class RuleUsage(Tenant, Base, kw_only=True):
    """What a capped rule gave: to a member in all, to a member on a day, or in total (the nil member, day 1)."""

    __tablename__ = "rule_usage"
    __table_args__ = (ForeignKeyConstraint(["program_id", "rule_id"], ["rule.program_id", "rule.id"]),)

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(default=0)


class Reward(Identified, Recorded, Tenant, Base, kw_only=True):
    """An offer in the catalogue, with a price in a purse. `stock` counts what is left; absent, it never ends."""

    __tablename__ = "reward"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        ForeignKeyConstraint(["program_id", "purse_id"], ["purse.program_id", "purse.id"]),
        ForeignKeyConstraint(["program_id", "partner_id"], ["partner.program_id", "partner.id"]),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("stock IS NULL OR stock >= 0", name="stock"),
        CheckConstraint("status IN ('live', 'paused', 'archived')", name="status"),
    )

    name: Mapped[str]
    kind: Mapped[str]
    purse_id: Mapped[UUID | None] = mapped_column(default=None)
    price: Mapped[int] = mapped_column(default=0)
    value: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    stock: Mapped[int | None] = mapped_column(default=None)
    per_member: Mapped[int | None] = mapped_column(default=None)
    valid_days: Mapped[int | None] = mapped_column(default=None)
    min_tier: Mapped[str | None] = mapped_column(default=None)
    partner_id: Mapped[UUID | None] = mapped_column(default=None)
    locales: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    status: Mapped[str] = mapped_column(default="live")
    updated_at: Mapped[datetime | None] = mapped_column(default=None)


class Voucher(Identified, Tenant, Base, kw_only=True):
    """What a member received and a till honours once."""

    __tablename__ = "voucher"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "code_hash"),
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        ForeignKeyConstraint(["program_id", "reward_id"], ["reward.program_id", "reward.id"]),
        Index(None, "program_id", "member_id", "id"),
        Index("ix_voucher_activity_id", "activity_id", postgresql_where="activity_id IS NOT NULL"),
        Index("ix_voucher_due", "valid_until", postgresql_where="status = 'issued'"),
        CheckConstraint("status IN ('issued', 'used', 'expired', 'void')", name="status"),
    )

    member_id: Mapped[UUID]
    reward_id: Mapped[UUID]
    name: Mapped[str]
    code_hash: Mapped[bytes]
    code_sealed: Mapped[bytes]
    issued_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(default="issued")
    valid_until: Mapped[datetime | None] = mapped_column(default=None)
    activity_id: Mapped[UUID | None] = mapped_column(default=None)
    entry_id: Mapped[UUID | None] = mapped_column(default=None)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    used_store_id: Mapped[UUID | None] = mapped_column(default=None)
    used_staff_id: Mapped[UUID | None] = mapped_column(default=None)
    used_api_key_id: Mapped[UUID | None] = mapped_column(default=None)
    void_reason: Mapped[str | None] = mapped_column(default=None)
