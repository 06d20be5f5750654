"""Reports that were counted and kept, since counting millions of rows takes seconds."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Tenant


class KeptReport(Tenant, Base, kw_only=True):
    """What a campaign's report said at `counted_at`; `subject_id` is the campaign, or the one run that was asked for.

    Good until `stale_at`, and counted anew by the worker as long as somebody asks for it. No personal data.
    """

    __tablename__ = "campaign_report"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "campaign_id"], ["campaign.program_id", "campaign.id"]),
        Index(None, "stale_at"),
    )

    program_id: Mapped[UUID] = mapped_column(ForeignKey("program.id"), init=False, primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID]
    counted_at: Mapped[datetime]
    asked_at: Mapped[datetime]
    stale_at: Mapped[datetime]
    document: Mapped[dict[str, Any]]
