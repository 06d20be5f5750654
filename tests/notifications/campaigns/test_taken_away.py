"""What becomes of messages that wait when their step or their channel is taken out of a triggered campaign."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from app import clock
from app.config import Settings
from app.models import CampaignDelivery
from app.services import campaigns
from notifications.campaigns import dispatching, journeys
from tests.world import World
from tests.world_engine import drainer_of, make_audience, run_of
from tests.world_journeys import hear, journeys_of, make_triggered, messages_of, publish, set_status, words
from tests.world_notifications import ScriptedChannel

NOON = datetime(2027, 3, 10, 11, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NIGHT = {"from": "21:00", "to": "08:00"}


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.held(NOON):
        yield


@pytest.mark.parametrize("left", [0, 1])
def test_who_waits_for_a_step_that_is_taken_away_gets_no_message_again(
    world: World, settings: Settings, left: int
) -> None:
    (member,) = make_audience(world, 1)
    steps = [{"wait_seconds": 3600, "variants": words(text)} for text in ("Deuxième", "Troisième")]
    campaign = make_triggered(world, "reward.redeemed", steps=steps)
    hear(world, publish(world, "reward.redeemed", member))
    for _ in range(left + 1):
        journeys.walk(world.database)
        send_all(world, settings)
        clock.advance(HOUR)
    change(world, campaign, {"steps": steps[:left] or None})
    for _ in range(3):
        journeys.walk(world.database)
        send_all(world, settings)
        clock.advance(HOUR)
    assert [(row[1], row[3]) for row in messages_of(world, campaign)] == [(step, "sent") for step in range(left + 1)]
    assert [one.reason for one in journeys_of(world, campaign)] == ["finished"]


@pytest.mark.parametrize("left", [0, 1])
def test_a_message_of_a_step_that_is_taken_away_while_it_waits_for_the_morning_is_not_sent(
    world: World, settings: Settings, left: int
) -> None:
    (member,) = make_audience(world, 1)
    steps = [{"wait_seconds": 3600, "variants": words("Deuxième")}, {"wait_seconds": 36_000, "variants": words("Nuit")}]
    steps = steps[1 - left :]
    campaign = make_triggered(world, "reward.redeemed", steps=steps, quiet_hours=NIGHT)
    hear(world, publish(world, "reward.redeemed", member))
    for _ in range(13):
        journeys.walk(world.database)
        send_all(world, settings)
        clock.advance(HOUR)
    assert [row[3] for row in messages_of(world, campaign)] == ["sent"] * (left + 1) + ["queued"]
    change(world, campaign, {"steps": steps[:left] or None})
    clock.advance(12 * HOUR)
    send_all(world, settings)
    assert [row[3:] for row in messages_of(world, campaign)] == [("sent", None)] * (left + 1) + [
        ("skipped", "taken_away")
    ]


def test_a_message_by_a_channel_that_is_taken_away_waits_no_longer_than_it_would_have(
    world: World, settings: Settings
) -> None:
    (member,) = make_audience(world, 1)
    campaign = make_triggered(world, "reward.redeemed", channels=["email", "console"], quiet_hours=NIGHT)
    clock.advance(12 * HOUR)
    hear(world, publish(world, "reward.redeemed", member))
    journeys.walk(world.database)
    change(world, campaign, {"channels": ["console"]})
    # As long as anybody remembers: what is changed again forgets nothing.
    change(world, campaign, {"holdout_percent": 5})
    clock.advance(12 * HOUR)
    send_all(world, settings)
    with world.database.transaction(world.program_id) as session:
        query = select(CampaignDelivery).where(CampaignDelivery.campaign_id == campaign)
        rows = {row.channel: (row.state, row.reason) for row in session.scalars(query)}
    assert rows == {"email": ("skipped", "taken_away"), "console": ("sent", None)}


def test_a_channel_that_comes_back_sends_what_waits(world: World, settings: Settings) -> None:
    (member,) = make_audience(world, 1)
    campaign = make_triggered(world, "reward.redeemed", channels=["inbox", "console"], quiet_hours=NIGHT)
    clock.advance(12 * HOUR)
    hear(world, publish(world, "reward.redeemed", member))
    journeys.walk(world.database)
    for channels in (["console"], ["console", "inbox"]):
        change(world, campaign, {"channels": channels})
    assert "channels_before" not in run_of(world, campaign).definition
    clock.advance(12 * HOUR)
    send_all(world, settings)
    assert [row[3] for row in messages_of(world, campaign)] == ["sent", "sent"]


def change(world: World, campaign: UUID, values: dict[str, object]) -> None:
    """Pause the campaign, change it as a marketer does, and let it go on."""
    set_status(world, campaign, "paused")
    with world.database.transaction(world.program_id) as session:
        campaigns.change(session, campaigns.hold(session, campaign), values=values)
    set_status(world, campaign, "running")


def send_all(world: World, settings: Settings) -> None:
    """Do what the tasks do that a tick would queue."""
    drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
    for _ in range(10):
        with world.database.across_programs() as session:
            due = dispatching.runs_to_drain(session)
        if not due:
            return
        for one in due:
            drainer.drain(one.run_id, one.channel)
    raise AssertionError("it never ends")
