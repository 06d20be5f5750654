"""Offers: segments, campaigns, their runs and deliveries, journeys, and the credentials of push projects."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, BulkTenant, Identified, Recorded, Tenant


class Segment(Identified, Recorded, Tenant, Base, kw_only=True):
    """A saved question whose answer is a set of members (`rule`, asked by `where`), or a static `list` of them."""

    __tablename__ = "segment"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        CheckConstraint("kind IN ('rule', 'list')", name="kind"),
    )

    name: Mapped[str]
    kind: Mapped[str]
    where: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime | None] = mapped_column(default=None)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class SegmentMember(Tenant, Base, kw_only=True):
    """One member on a static list."""

    __tablename__ = "segment_member"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "segment_id"], ["segment.program_id", "segment.id"]),
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        Index(None, "program_id", "member_id"),
    )

    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)


class Campaign(Identified, Recorded, Tenant, Base, kw_only=True):
    """Who gets what, when, by which channels. `definition` is what the marketer wrote, checked when it was saved.

    `version` grows with each change of the definition; an approval is of one version (`approved_version`).
    `authors` are all who made, changed or scheduled it: none of them approves it. `next_run_at` is when the engine has
    to make the next run.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        ForeignKeyConstraint(["program_id", "segment_id"], ["segment.program_id", "segment.id"]),
        CheckConstraint(
            "status IN ('draft', 'awaiting_approval', 'scheduled', 'running', 'paused', 'finished', 'cancelled',"
            " 'archived')",
            name="status",
        ),
        CheckConstraint("kind IN ('once', 'recurring', 'triggered')", name="kind"),
        Index(
            "ix_campaign_next_run_at", "next_run_at",
            postgresql_where="status IN ('scheduled', 'running') AND next_run_at IS NOT NULL",
        ),
        Index(None, "program_id", "id"),
        Index("ix_campaign_listening", "id", postgresql_where="kind = 'triggered' AND status = 'running'"),
    )  # fmt: skip

    name: Mapped[str]
    kind: Mapped[str]
    definition: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(default="draft")
    version: Mapped[int] = mapped_column(default=1)
    priority: Mapped[int] = mapped_column(default=0)
    segment_id: Mapped[UUID | None] = mapped_column(default=None)
    next_run_at: Mapped[datetime | None] = mapped_column(default=None)
    created_by: Mapped[UUID | None] = mapped_column(default=None)
    scheduled_by: Mapped[UUID | None] = mapped_column(default=None)
    approved_by: Mapped[UUID | None] = mapped_column(default=None)
    approved_version: Mapped[int | None] = mapped_column(default=None)
    authors: Mapped[list[str]] = mapped_column(default_factory=list, server_default="[]")
    updated_at: Mapped[datetime | None] = mapped_column(default=None)


class CampaignRun(Identified, Recorded, Tenant, Base, kw_only=True):
    """One sending of a campaign, with the definition as it was. Of a triggered one, each step has a run, which stays.

    `cursor` is the last member whose deliveries are made; `made_at` says that all are. Nothing of it begins before
    `paced_until`: up to then the sends that were begun use up its rate, or its variants are not compared yet.
    """

    __tablename__ = "campaign_run"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("campaign_id", "starts_at"),
        ForeignKeyConstraint(["program_id", "campaign_id"], ["campaign.program_id", "campaign.id"]),
        CheckConstraint("state IN ('making', 'running', 'paused', 'finished', 'cancelled')", name="state"),
        Index(
            "ix_campaign_run_open", "state", "starts_at", postgresql_where="state IN ('making', 'running', 'paused')"
        ),
    )

    campaign_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    definition: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="making")
    cursor: Mapped[UUID | None] = mapped_column(default=None)
    made_at: Mapped[datetime | None] = mapped_column(default=None)
    lease_owner: Mapped[UUID | None] = mapped_column(default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    paced_until: Mapped[datetime | None] = mapped_column(default=None)
    winner: Mapped[str | None] = mapped_column(default=None)
    problem: Mapped[str | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class CampaignDelivery(BulkTenant, Base, kw_only=True):
    """One message of a run to one member by one channel; also who was held out, so that a report adds up.

    A row that a worker has in its hand stays `queued`, with a lease: claiming it touches no index, and the row stays
    on its page. `round` counts how often the member went through a triggered campaign before.
    Made by the million in SQL, so without foreign keys: `assidu verify` looks for orphans.
    """

    __tablename__ = "campaign_delivery"
    __table_args__ = (
        UniqueConstraint("run_id", "member_id", "channel", "round"),
        CheckConstraint(
            "state IN ('queued', 'sent', 'opened', 'failed', 'skipped', 'unknown', 'held_out', 'cancelled')",
            name="state",
        ),
        Index(
            "ix_campaign_delivery_due", "run_id", "channel", "due_at", "id",
            postgresql_where="state = 'queued'",
        ),
        Index(None, "program_id", "member_id", "id"),
        Index(None, "campaign_id", "state", "id"),
        {"postgresql_with": {"fillfactor": 80}},
    )  # fmt: skip

    run_id: Mapped[UUID]
    campaign_id: Mapped[UUID]
    member_id: Mapped[UUID]
    channel: Mapped[str]
    due_at: Mapped[datetime]
    variant: Mapped[str | None] = mapped_column(default=None)
    state: Mapped[str] = mapped_column(default="queued")
    reason: Mapped[str | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    round: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    lease_owner: Mapped[UUID | None] = mapped_column(default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    event_id: Mapped[UUID | None] = mapped_column(default=None)
    provider_id: Mapped[str | None] = mapped_column(default=None)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    opened_at: Mapped[datetime | None] = mapped_column(default=None)


class MemberContact(Tenant, Base, kw_only=True):
    """When a member was last written to by a channel: instants as text, the newest last, as many as caps need."""

    __tablename__ = "member_contact"

    program_id: Mapped[UUID] = mapped_column(ForeignKey("program.id"), init=False, primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[list[str]]


class Journey(Identified, Recorded, Tenant, Base, kw_only=True):
    """A member on the way through a triggered campaign. `cause` is what began it, so that it begins once.

    `round` counts the member's journeys through the campaign before this one, and ties it to its deliveries.
    """

    __tablename__ = "journey"
    __table_args__ = (
        UniqueConstraint("campaign_id", "member_id", "cause"),
        ForeignKeyConstraint(["program_id", "campaign_id"], ["campaign.program_id", "campaign.id"]),
        Index("ix_journey_due", "due_at", postgresql_where="ended_at IS NULL"),
        Index("uq_journey_open", "campaign_id", "member_id", unique=True, postgresql_where="ended_at IS NULL"),
        Index(None, "program_id", "member_id"),
    )

    campaign_id: Mapped[UUID]
    member_id: Mapped[UUID]
    cause: Mapped[str]
    due_at: Mapped[datetime]
    step: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(SmallInteger, default=0)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)


class PushCredential(Tenant, Base, kw_only=True):
    """A programme's own Firebase project; the service account is sealed and never comes back."""

    __tablename__ = "push_credential"

    program_id: Mapped[UUID] = mapped_column(ForeignKey("program.id"), init=False, primary_key=True)
    project: Mapped[str]
    client_email: Mapped[str]
    sealed: Mapped[bytes]
    updated_at: Mapped[datetime]
