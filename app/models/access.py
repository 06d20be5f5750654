"""Who may call: staff, their sessions, API keys, and what they did."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, column
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class Staff(Identified, Recorded, Tenant, Base, kw_only=True):
    """A person who works in the console or at a till. An address signs in to one program only."""

    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        # An address that left can come back, here or in another program.
        Index("uq_staff_email", "email", unique=True, postgresql_where=column("archived_at").is_(None)),
        CheckConstraint("role IN ('owner', 'marketer', 'cashier')", name="role"),
    )

    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    totp_key_sealed: Mapped[bytes | None] = mapped_column(default=None)
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    totp_last_period: Mapped[int | None] = mapped_column(default=None)
    locale: Mapped[str | None] = mapped_column(default=None)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class StaffStore(Tenant, Base, kw_only=True):
    """A store that a cashier works in; without any, a cashier works in all."""

    __tablename__ = "staff_store"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "staff_id"], ["staff.program_id", "staff.id"]),
        ForeignKeyConstraint(["program_id", "store_id"], ["store.program_id", "store.id"]),
    )

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(primary_key=True)


class RotatingTokens(MappedAsDataclass, kw_only=True):
    """One sign-in: an access token and a refresh token that rotates in place (one row is one family)."""

    access_hash: Mapped[bytes] = mapped_column(kw_only=True)
    access_expires_at: Mapped[datetime] = mapped_column(kw_only=True)
    refresh_hash: Mapped[bytes] = mapped_column(kw_only=True)
    expires_at: Mapped[datetime] = mapped_column(kw_only=True)
    previous_refresh_hash: Mapped[bytes | None] = mapped_column(default=None, kw_only=True)
    rotated_at: Mapped[datetime | None] = mapped_column(default=None, kw_only=True)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None, kw_only=True)


class StaffSession(Identified, Recorded, RotatingTokens, Tenant, Base, kw_only=True):
    """A staff member's sign-in."""

    __tablename__ = "staff_session"
    __table_args__ = (
        UniqueConstraint("access_hash"),
        UniqueConstraint("refresh_hash"),
        Index(None, "program_id", "staff_id"),
        ForeignKeyConstraint(["program_id", "staff_id"], ["staff.program_id", "staff.id"]),
    )

    staff_id: Mapped[UUID]


class ApiKey(Identified, Recorded, Tenant, Base, kw_only=True):
    """A till's or a server's key: stored as a hash, with its scopes and perhaps its store."""

    __tablename__ = "api_key"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("key_hash"),
        ForeignKeyConstraint(["program_id", "store_id"], ["store.program_id", "store.id"]),
    )

    name: Mapped[str]
    key_hash: Mapped[bytes]
    hint: Mapped[str]
    scopes: Mapped[list[str]]
    store_id: Mapped[UUID | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class AuditEntry(Identified, Recorded, Tenant, Base, kw_only=True):
    """Who did what to whom; append-only."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "program_id", "id"),)

    action: Mapped[str]
    subject: Mapped[str]
    staff_id: Mapped[UUID | None] = mapped_column(default=None)
    api_key_id: Mapped[UUID | None] = mapped_column(default=None)
    data: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)


class Attempt(Base, kw_only=True):
    """How often something guessable was tried in a window: sign-ins, one-time codes, code look-ups."""

    __tablename__ = "attempt"

    bucket: Mapped[bytes] = mapped_column(primary_key=True)
    window_starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
