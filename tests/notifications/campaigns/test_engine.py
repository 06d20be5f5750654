"""A campaign from due to finished, on the real database."""

from typing import Any

from app.config import Settings
from notifications.campaigns import ticking
from tests.world import World
from tests.world_engine import (
    begin,
    campaign_now,
    drainer_of,
    make_audience,
    run_now,
    states_of,
)
from tests.world_notifications import ScriptedChannel


def phones_of(members: list[Any]) -> list[str]:
    return [f"phone-{member.hex}-0" for member in members]


def test_a_campaign_reaches_each_phone_once_and_finishes(world: World, settings: Settings) -> None:
    members = make_audience(world, 30)
    run_id = begin(world)
    assert states_of(world, run_id) == {"queued": 30}
    channel = ScriptedChannel(phones_of(members))
    drainer = drainer_of(world.database, channel, settings=settings, batch=7)
    assert drainer.drain(run_id, "push") == (30, False)
    assert sorted(message.address for message in channel.sent) == sorted(phones_of(members))
    assert {message.title for message in channel.sent} == {"Bonjour Zoé"}
    assert states_of(world, run_id) == {"sent": 30}
    ticking.finish_done(world.database)
    run = run_now(world, run_id)
    assert (run.state, campaign_now(world, run.campaign_id).status) == ("finished", "finished")
