"""Builders of triggered campaigns that run, and of what begins their journeys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.models import Activity, Campaign, CampaignDelivery, CampaignRun, Event, Journey, Reward, Voucher
from app.services import events
from notifications.campaigns import beginning, listening
from notifications.subscribers import PublishedEvent
from tests.world import World


def words(text: str) -> list[dict[str, Any]]:
    """Return one variant that says `text`, and is called so: no two of a campaign share a name."""
    said = {"title": text, "body": text}
    return [{"name": text, "weight": 1, "content": {"fr": said, "en": said}}]


def make_triggered(world: World, event: str, *, status: str = "running", **parts: Any) -> UUID:
    """Make a triggered campaign that runs, for everybody by the console; `trigger` adds to its trigger."""
    trigger = {"event": event, **parts.pop("trigger", {})}
    definition = {"audience": {}, "channels": ["console"], "variants": words("Premier"), "trigger": trigger, **parts}
    with world.database.transaction(world.program_id) as session:
        campaign = Campaign(name=event, kind="triggered", definition=definition, status=status)
        session.add(campaign)
        session.flush()
        state = "running" if status == "running" else status
        session.add(
            CampaignRun(
                campaign_id=campaign.id, starts_at=clock.now(), made_at=clock.now(), state=state, definition=definition
            )
        )
    listening.forget(world.database)
    return campaign.id


def publish(world: World, kind: str, member_id: UUID, /, **data: Any) -> Event:
    """Publish a fact about a member."""
    with world.database.transaction(world.program_id) as session:
        return events.publish(session, kind=kind, data=data, member_id=member_id)


def hear(world: World, event: Event) -> int:
    """Hand the event to the campaigns; return how many journeys it began."""
    return beginning.hear(world.database, published(event))


def published(event: Event) -> PublishedEvent:
    return PublishedEvent(
        id=event.id, program_id=event.program_id, kind=event.kind, data=event.data, member_id=event.member_id,
        recorded_at=event.recorded_at,
    )  # fmt: skip


def hear_all(world: World, *kinds: str) -> int:
    """Hand every event of the programme to the campaigns, those heard before too."""
    with world.database.transaction(world.program_id) as session:
        query = select(Event).order_by(Event.id)
        found = list(session.scalars(query.where(Event.kind.in_(kinds)) if kinds else query))
    return sum(hear(world, event) for event in found)


def give_voucher(world: World, member_id: UUID, *, valid_until: datetime | None = None) -> UUID:
    """Give the member a voucher, without telling."""
    with world.database.transaction(world.program_id) as session:
        reward = Reward(name="Café offert", kind="free_item")
        session.add(reward)
        session.flush()
        voucher = Voucher(
            member_id=member_id, reward_id=reward.id, name="Café offert", code_hash=ids.secret_bytes(32),
            code_sealed=b"x", issued_at=clock.now(), valid_until=valid_until,
        )  # fmt: skip
        session.add(voucher)
    return voucher.id


def use_voucher(world: World, voucher_id: UUID) -> None:
    with world.database.transaction(world.program_id) as session:
        voucher = session.scalars(select(Voucher).where(Voucher.id == voucher_id)).one()
        voucher.status, voucher.used_at = "used", clock.now()


def visit(world: World, member_id: UUID, *, at: datetime | None = None) -> None:
    """Note a visit, without a scan."""
    occurred_at = at or clock.now()
    with world.database.transaction(world.program_id) as session:
        session.add(Activity(member_id=member_id, kind="visit", occurred_at=occurred_at, recorded_at=clock.now()))


def journeys_of(world: World, campaign_id: UUID) -> list[Journey]:
    with world.database.transaction(world.program_id) as session:
        query = select(Journey).where(Journey.campaign_id == campaign_id).order_by(Journey.created_at, Journey.id)
        return list(session.scalars(query))


def messages_of(world: World, campaign_id: UUID) -> list[tuple[UUID, int, int, str, str | None]]:
    """Return the campaign's rows: member, step, round, state, reason."""
    with world.database.transaction(world.program_id) as session:
        rows = session.execute(
            select(CampaignDelivery, CampaignRun.definition)
            .join(CampaignRun, CampaignRun.id == CampaignDelivery.run_id)
            .where(CampaignDelivery.campaign_id == campaign_id)
            .order_by(CampaignRun.starts_at, CampaignDelivery.round, CampaignDelivery.id)
        ).all()
    return [(row.member_id, definition.get("step", 0), row.round, row.state, row.reason) for row, definition in rows]


def set_status(world: World, campaign_id: UUID, status: str) -> None:
    """Pause, resume or end a campaign with its runs."""
    with world.database.transaction(world.program_id) as session:
        session.scalars(select(Campaign).where(Campaign.id == campaign_id)).one().status = status
        for run in session.scalars(select(CampaignRun).where(CampaignRun.campaign_id == campaign_id)):
            run.state = status
    listening.forget(world.database)
