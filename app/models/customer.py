"""People across programs: the customer, one-time codes, sign-ins, devices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded
from app.models.access import RotatingTokens


class Customer(Identified, Recorded, Base, kw_only=True):
    """A person with the companion app: a verified e-mail address or phone number."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("email"), UniqueConstraint("phone"))

    email: Mapped[str | None] = mapped_column(default=None)
    phone: Mapped[str | None] = mapped_column(default=None)
    first_name: Mapped[str | None] = mapped_column(default=None)
    last_name: Mapped[str | None] = mapped_column(default=None)
    locale: Mapped[str | None] = mapped_column(default=None)
    timezone: Mapped[str | None] = mapped_column(default=None)
    erased_at: Mapped[datetime | None] = mapped_column(default=None)


class CustomerCode(Identified, Recorded, Base, kw_only=True):
    """A one-time code that was sent: its hash, five tries, ten minutes (OWASP ASVS 5.0, 6.5 and 6.6)."""

    __tablename__ = "customer_code"
    __table_args__ = (Index(None, "contact_hash", "id"),)

    contact_hash: Mapped[bytes]
    code_hash: Mapped[str]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class CustomerSession(Identified, Recorded, RotatingTokens, Base, kw_only=True):
    """A customer's sign-in on one device."""

    __tablename__ = "customer_session"
    __table_args__ = (
        UniqueConstraint("access_hash"),
        UniqueConstraint("refresh_hash"),
    )

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"), index=True)


class Device(Identified, Recorded, Base, kw_only=True):
    """Where a customer's pushes go. An address belongs to the person who signed in last."""

    __tablename__ = "device"
    __table_args__ = (
        UniqueConstraint("address"),
        CheckConstraint("address_kind IN ('fid', 'token')", name="address_kind"),
        CheckConstraint("platform IN ('ios', 'android', 'web')", name="platform"),
    )

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"), index=True)
    address: Mapped[str]
    platform: Mapped[str]
    last_contact_at: Mapped[datetime]
    address_kind: Mapped[str] = mapped_column(default="token")
    session_id: Mapped[UUID | None] = mapped_column(default=None)
    app_version: Mapped[str | None] = mapped_column(default=None)
    locale: Mapped[str | None] = mapped_column(default=None)
    timezone: Mapped[str | None] = mapped_column(default=None)
