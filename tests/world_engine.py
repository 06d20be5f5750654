"""Builders for campaigns: members by the hundred with phones and consents, a campaign that is due, its rows."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Campaign, CampaignDelivery, CampaignRun, Consent, Customer, Device, Member
from notifications.campaigns import making, ticking
from notifications.campaigns.draining import Drainer
from notifications.channels.opening import Channels
from notifications.channels.protocol import Channel
from tests.world import World

CONTENT = {
    "fr": {"title": "Bonjour {{ first_name }}", "body": "Un café offert"},
    "en": {"title": "Hello", "body": "Hi"},
}


def make_audience(
    world: World,
    count: int,
    *,
    consented: bool = True,
    phones: int = 1,
    timezone: str | None = None,
    prefix: str = "phone",
) -> list[UUID]:
    """Make members with the app; return their ids. The phones' addresses are `prefix-<member id>-<number>`."""
    now = clock.now()
    rows = [(ids.new_id(), ids.new_id()) for _ in range(count)]
    with world.database.owner.begin() as connection:
        connection.execute(
            insert(Customer),
            [{"id": who, "created_at": now, "first_name": "Zoé", "locale": "fr", "email": f"{who.hex}@mail.example"}
             for who, _ in rows],
        )  # fmt: skip
        if phones:
            connection.execute(
                insert(Device),
                [
                    {"id": ids.new_id(), "created_at": now, "customer_id": who, "address_kind": "token",
                     "address": f"{prefix}-{member.hex}-{number}", "platform": "android", "last_contact_at": now,
                     "timezone": timezone}
                    for who, member in rows for number in range(phones)
                ],
            )  # fmt: skip
        connection.exec_driver_sql(f"SET LOCAL assidu.program_id = '{world.program_id}'")
        connection.execute(
            insert(Member),
            [{"id": member, "created_at": now, "joined_at": now, "program_id": world.program_id, "customer_id": who,
              "first_name": "Zoé", "locale": "fr"} for who, member in rows],
        )  # fmt: skip
        connection.execute(
            insert(Consent),
            [
                {"id": ids.new_id(), "created_at": now, "program_id": world.program_id, "member_id": member,
                 "channel": channel, "purpose": "offers", "granted": consented, "source": "app"}
                for _, member in rows for channel in ("push", "email")
            ],
        )  # fmt: skip
    return [member for _, member in rows]


def withdraw(world: World, member_id: UUID, *, channel: str = "push") -> None:
    """Take a consent back."""
    with world.database.transaction(world.program_id) as session:
        session.add(Consent(member_id=member_id, channel=channel, purpose="offers", granted=False, source="app"))


def make_campaign(
    world: World, *, kind: str = "once", status: str = "scheduled", priority: int = 0, **definition: Any
) -> UUID:
    """Make a campaign that is due now; return its id."""
    said: dict[str, Any] = {"channels": ["push"], "variants": [{"name": "A", "weight": 1, "content": CONTENT}]}
    with world.database.transaction(world.program_id) as session:
        campaign = Campaign(
            name="Avent", kind=kind, definition=said | definition, status=status, next_run_at=clock.now(),
            priority=priority,
        )  # fmt: skip
        session.add(campaign)
    return campaign.id


def begin(world: World, **definition: Any) -> UUID:
    """Make a campaign whose time has come, and its deliveries; return its run."""
    campaign_id = make_campaign(world, **definition)
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    making.make(world.database, run_id)
    return run_id


def run_of(world: World, campaign_id: UUID) -> CampaignRun:
    return runs_of(world, campaign_id)[-1]


def runs_of(world: World, campaign_id: UUID) -> list[CampaignRun]:
    with world.database.transaction(world.program_id) as session:
        query = select(CampaignRun).where(CampaignRun.campaign_id == campaign_id).order_by(CampaignRun.starts_at)
        return list(session.scalars(query))


def run_now(world: World, run_id: UUID) -> CampaignRun:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(CampaignRun).where(CampaignRun.id == run_id)).one()


def campaign_now(world: World, campaign_id: UUID) -> Campaign:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Campaign).where(Campaign.id == campaign_id)).one()


def set_run(world: World, run_id: UUID, state: str) -> None:
    """Pause, resume or cancel, as the service does: the campaign and its run in one transaction."""
    with world.database.transaction(world.program_id) as session:
        run = session.scalars(select(CampaignRun).where(CampaignRun.id == run_id).with_for_update()).one()
        run.state = state
        campaign = session.scalars(select(Campaign).where(Campaign.id == run.campaign_id)).one()
        campaign.status = state if state in {"paused", "cancelled"} else "running"


def rows_of(world: World, run_id: UUID) -> list[CampaignDelivery]:
    with world.database.transaction(world.program_id) as session:
        query = select(CampaignDelivery).where(CampaignDelivery.run_id == run_id).order_by(CampaignDelivery.id)
        return list(session.scalars(query))


def states_of(world: World, run_id: UUID) -> dict[str, int]:
    """Count the run's rows by state, or `state/reason` where there is one."""
    return dict(Counter("/".join(filter(None, [row.state, row.reason])) for row in rows_of(world, run_id)))


def drainer_of(
    database: Database,
    channel: Channel,
    *,
    settings: Settings,
    batch: int = 500,
    kinds: Sequence[str] = ("push", "email", "console"),
) -> Drainer:
    """Return a drainer whose channels are all `channel`."""
    return Drainer(database, Channels(settings, dict.fromkeys(kinds, channel)), batch=batch)
