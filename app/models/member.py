"""Enrolment: members, their consents, and the cards that tills recognise."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class Member(Identified, Recorded, Tenant, Base, kw_only=True):
    """A customer's enrolment in one program; may exist before the person has the app."""

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "email"),
        UniqueConstraint("program_id", "phone"),
        UniqueConstraint("program_id", "external_id"),
        UniqueConstraint("program_id", "customer_id"),
        Index(None, "program_id", "first_name_folded"),
        Index(None, "program_id", "last_name_folded"),
        Index(None, "program_id", "first_name_plain"),
        Index(None, "program_id", "last_name_plain"),
    )

    joined_at: Mapped[datetime]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), index=True, default=None)
    email: Mapped[str | None] = mapped_column(default=None)
    phone: Mapped[str | None] = mapped_column(default=None)
    first_name: Mapped[str | None] = mapped_column(default=None)
    last_name: Mapped[str | None] = mapped_column(default=None)
    birth_on: Mapped[date | None] = mapped_column(default=None)
    locale: Mapped[str | None] = mapped_column(default=None)
    external_id: Mapped[str | None] = mapped_column(default=None)
    # The programme's own words about the member, which segments may ask for.
    tags: Mapped[list[str]] = mapped_column(default_factory=list, server_default="[]")
    fields: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")
    email_gone_at: Mapped[datetime | None] = mapped_column(default=None)
    # Names as they are searched, kept by a trigger. Columns of their own, not indexed expressions: behind row-level
    # security PostgreSQL uses an index only for comparisons that cannot leak, and few functions are among them.
    first_name_plain: Mapped[str | None] = mapped_column(Text(collation="C"), init=False)
    last_name_plain: Mapped[str | None] = mapped_column(Text(collation="C"), init=False)
    # What an earlier release searches by.
    first_name_folded: Mapped[str | None] = mapped_column(
        Text(collation="C"), Computed("lower(first_name)", persisted=True), init=False
    )
    last_name_folded: Mapped[str | None] = mapped_column(
        Text(collation="C"), Computed("lower(last_name)", persisted=True), init=False
    )


class Consent(Identified, Recorded, Tenant, Base, kw_only=True):
    """One statement about one channel and purpose; the latest counts, the earlier ones are the proof."""

    __tablename__ = "consent"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        Index(None, "program_id", "member_id", "channel", "purpose", "id"),
        CheckConstraint("channel IN ('push', 'email', 'sms', 'wallet')", name="channel"),
        CheckConstraint("purpose IN ('offers', 'profiling', 'partners')", name="purpose"),
    )

    member_id: Mapped[UUID]
    channel: Mapped[str]
    purpose: Mapped[str]
    granted: Mapped[bool]
    source: Mapped[str]
    text_version: Mapped[str | None] = mapped_column(default=None)
    staff_id: Mapped[UUID | None] = mapped_column(default=None)


class Card(Identified, Recorded, Tenant, Base, kw_only=True):
    """What identifies a member at a till. The token is looked up by its hash and shown by unsealing."""

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("program_id", "token_hash"),
        UniqueConstraint("program_id", "number"),
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        Index(None, "program_id", "member_id"),
        CheckConstraint("status IN ('active', 'blocked', 'replaced')", name="status"),
    )

    member_id: Mapped[UUID]
    number: Mapped[str]
    token_hash: Mapped[bytes]
    token_sealed: Mapped[bytes]
    totp_key_sealed: Mapped[bytes]
    status: Mapped[str] = mapped_column(default="active")
    replaced_by_id: Mapped[UUID | None] = mapped_column(default=None)
    blocked_reason: Mapped[str | None] = mapped_column(default=None)
    # Made at a poster under a contact that nobody had proved, and not claimed since: see app/services/claims.py.
    unproved: Mapped[bool] = mapped_column(server_default=false(), default=False)


class CodeUse(Tenant, Base, kw_only=True):
    """A rotating code's period that a card has spent: each is accepted once."""

    __tablename__ = "code_use"

    card_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
