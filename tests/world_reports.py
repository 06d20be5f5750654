"""Campaigns that were sent, for tests of their reports: rows as the engine leaves them, and what members did then."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app import clock, ids
from app.db import Session
from app.models import Activity, Campaign, CampaignDelivery, CampaignRun, Member


def make_campaign(session: Session, **definition: Any) -> Campaign:
    """Make a campaign that runs."""
    campaign = Campaign(name="Avent", kind="once", status="running", definition=definition)
    session.add(campaign)
    session.flush()
    return campaign


def make_run(session: Session, campaign: Campaign, *, starts_at: datetime | None = None, **values: Any) -> CampaignRun:
    """Make a run whose rows are all made."""
    starts_at = starts_at or clock.now()
    filled: dict[str, Any] = {"state": "running", "made_at": starts_at, **values}
    run = CampaignRun(campaign_id=campaign.id, starts_at=starts_at, definition=campaign.definition, **filled)
    session.add(run)
    session.flush()
    return run


def make_people(session: Session, count: int) -> list[UUID]:
    """Make members."""
    members = [Member(joined_at=clock.now()) for _ in range(count)]
    session.add_all(members)
    session.flush()
    return [member.id for member in members]


def make_row(run: CampaignRun, member_id: UUID, state: str = "sent", **values: Any) -> CampaignDelivery:
    """Return a row of a run; one that was sent was sent when it was due."""
    due_at = values.pop("due_at", run.starts_at)
    filled: dict[str, Any] = {"channel": "push", "variant": None if state == "held_out" else "A"}
    if state in {"sent", "opened"}:
        filled["sent_at"] = due_at
    if state == "opened":
        filled["opened_at"] = due_at + timedelta(minutes=5)
    return CampaignDelivery(
        run_id=run.id, campaign_id=run.campaign_id, member_id=member_id, due_at=due_at, state=state, **(filled | values)
    )


def make_purchase(member_id: UUID, at: datetime, amount: int | None = 1000, **values: Any) -> Activity:
    """Return a purchase."""
    return Activity(
        id=ids.new_id(), member_id=member_id, kind=values.pop("kind", "purchase"), occurred_at=at, recorded_at=at,
        amount=amount, **values,
    )  # fmt: skip
