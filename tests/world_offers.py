"""Offers that stand in a programme: a segment, a campaign with a run and its rows, a webhook with a delivery."""

from uuid import UUID

from app import clock, ids
from app.db import Session
from app.models import (
    Campaign,
    CampaignDelivery,
    CampaignRun,
    Journey,
    KeptReport,
    MemberContact,
    PushCredential,
    Segment,
    SegmentMember,
    Webhook,
    WebhookDelivery,
)


def make_offers(session: Session, member_id: UUID) -> dict[str, UUID]:
    """Make one row of each table of offers; return their ids by kind. What they say is nothing that engines act on."""
    now = clock.now()
    segment = Segment(name="Habitués", kind="list")
    session.add(segment)
    session.flush()
    campaign = Campaign(name="Avent", kind="once", definition={}, status="finished", segment_id=segment.id)
    webhook = Webhook(url="https://shop.example/hooks", kinds=["voucher.used"], secrets_sealed=b"x", status="disabled")
    session.add_all([campaign, webhook])
    session.flush()
    run = CampaignRun(campaign_id=campaign.id, starts_at=now, definition={}, state="finished")
    session.add(run)
    session.flush()
    delivery = CampaignDelivery(
        run_id=run.id, campaign_id=campaign.id, member_id=member_id, channel="push", due_at=now, state="sent",
        sent_at=now,
    )  # fmt: skip
    journey = Journey(campaign_id=campaign.id, member_id=member_id, cause="test", due_at=now, ended_at=now)
    telling = WebhookDelivery(
        webhook_id=webhook.id, event_id=ids.new_id(), kind="voucher.used", body="{}", due_at=now, state="delivered"
    )
    session.add_all([
        delivery, journey, telling,
        SegmentMember(segment_id=segment.id, member_id=member_id),
        MemberContact(member_id=member_id, channel="push", times=[]),
        KeptReport(
            subject_id=campaign.id, campaign_id=campaign.id, counted_at=now, asked_at=now, stale_at=now, document={}
        ),
        PushCredential(project="cafe", client_email="push@cafe.example", sealed=b"x", updated_at=now),
    ])  # fmt: skip
    return {
        "segment": segment.id, "campaign": campaign.id, "campaign_run": run.id, "journey": journey.id,
        "webhook": webhook.id, "webhook_delivery": telling.id,
    }  # fmt: skip
