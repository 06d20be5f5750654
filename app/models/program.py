"""The tenant and its places: program, partner, store."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class Program(Identified, Recorded, Base, kw_only=True):
    """One loyalty programme: brand, currency, zone, languages. `config_version` grows with each change of set-up."""

    __tablename__ = "program"
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint("redeem_with IN ('rotating', 'any')", name="redeem_with"),
    )

    name: Mapped[str]
    slug: Mapped[str]
    currency: Mapped[str]
    timezone: Mapped[str]
    locale: Mapped[str]
    locales: Mapped[list[str]] = mapped_column(default_factory=list)
    brand: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    card_design: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    campaign_settings: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")
    redeem_with: Mapped[str] = mapped_column(default="any")
    redemptions_frozen_at: Mapped[datetime | None] = mapped_column(default=None)
    config_version: Mapped[int] = mapped_column(default=1)


class Partner(Identified, Recorded, Tenant, Base, kw_only=True):
    """A merchant taking part in a program."""

    __tablename__ = "partner"
    __table_args__ = (UniqueConstraint("program_id", "id"),)

    name: Mapped[str]
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class Store(Identified, Recorded, Tenant, Base, kw_only=True):
    """A place of a partner, or its web shop."""

    __tablename__ = "store"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        ForeignKeyConstraint(["program_id", "partner_id"], ["partner.program_id", "partner.id"]),
        CheckConstraint("kind IN ('shop', 'web')", name="kind"),
    )

    name: Mapped[str]
    partner_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(default="shop")
    address: Mapped[str | None] = mapped_column(default=None)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)
