"""Segments and what they ask about, for a test's world."""

from typing import Any
from uuid import UUID

from app import clock, ids
from app.models import Activity, Campaign, CampaignDelivery, CampaignRun, Consent, Device, Segment
from tests.world import World


def make_segment(world: World, **fields: Any) -> UUID:
    """Save a segment, a list unless `fields` say otherwise."""
    with world.database.transaction(world.program_id) as session:
        segment = Segment(**{"name": "Habitués", "kind": "list", **fields})
        session.add(segment)
        session.flush()
        return segment.id


def make_consent(world: World, member_id: UUID, channel: str, *, granted: bool = True) -> None:
    """Let a member say something about offers by a channel."""
    with world.database.transaction(world.program_id) as session:
        session.add(Consent(member_id=member_id, channel=channel, purpose="offers", granted=granted, source="test"))


def make_device(world: World, customer_id: UUID, **fields: Any) -> None:
    """Register a phone for a customer."""
    values = {"platform": "ios", "address": ids.new_id().hex, "last_contact_at": clock.now(), **fields}
    with world.database.transaction(customer_id=customer_id) as session:
        session.add(Device(customer_id=customer_id, **values))


def make_activity(world: World, member_id: UUID, **fields: Any) -> UUID:
    """Record a purchase as it was, without what it would earn."""
    now = clock.now()
    values = {"kind": "purchase", "occurred_at": now, "recorded_at": now, **fields}
    with world.database.transaction(world.program_id) as session:
        activity = Activity(member_id=member_id, **values)
        session.add(activity)
        session.flush()
        return activity.id


def make_campaign(world: World, **fields: Any) -> UUID:
    """Write a campaign that no engine acts on."""
    with world.database.transaction(world.program_id) as session:
        campaign = Campaign(**{"name": "Avent", "kind": "once", "definition": {}, "status": "draft", **fields})
        session.add(campaign)
        session.flush()
        return campaign.id


def make_delivery(world: World, campaign_id: UUID, member_id: UUID, state: str, *, test: bool = False) -> None:
    """Let a campaign have written to a member, perhaps as a test."""
    now = clock.now()
    with world.database.transaction(world.program_id) as session:
        run = CampaignRun(
            campaign_id=campaign_id, starts_at=now, definition={"test": True} if test else {}, state="finished"
        )
        session.add(run)
        session.flush()
        session.add(
            CampaignDelivery(
                run_id=run.id, campaign_id=campaign_id, member_id=member_id, channel="push", due_at=now, state=state
            )
        )
