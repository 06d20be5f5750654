"""What triggers cost where nobody waits for anything, and what they miss: a second at most."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event

from app import clock
from app.db import Database
from notifications.campaigns import listening
from tests.world import World, make_world
from tests.world_journeys import hear, journeys_of, make_triggered, publish, set_status
from tests.world_notifications import make_member_without_app

NOON = datetime(2027, 4, 10, 11, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.held(NOON):
        yield


def test_an_event_costs_no_query_where_no_campaign_waits_for_it(world: World) -> None:
    member = make_member_without_app(world)
    other = make_world(world.database)
    make_triggered(other, "reward.redeemed")
    make_triggered(world, "voucher.used")
    recorded = [publish(world, "reward.redeemed", member) for _ in range(20)]
    hear(world, recorded[0])
    with statements(world.database) as said:
        assert sum(hear(world, one) for one in recorded) == 0
    assert said == []


def test_all_processes_events_of_a_second_ask_once(world: World) -> None:
    member = make_member_without_app(world)
    listening.forget(world.database)
    recorded = [publish(world, "reward.redeemed", member) for _ in range(5)]
    with statements(world.database) as said:
        for one in recorded:
            hear(world, one)
    assert len(said) == 1


def test_a_campaign_hears_of_events_a_second_after_it_starts(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed", status="paused")
    hear(world, publish(world, "reward.redeemed", member))
    set_status(world, campaign, "running")
    clock.advance(timedelta(seconds=1))
    hear(world, publish(world, "reward.redeemed", member))
    assert len(journeys_of(world, campaign)) == 1


def test_a_campaign_with_a_trigger_of_tomorrows_version_is_left_alone(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "moon.full")
    sound = make_triggered(world, "reward.redeemed")
    hear(world, publish(world, "reward.redeemed", member))
    assert (len(journeys_of(world, campaign)), len(journeys_of(world, sound))) == (0, 1)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect what is asked of the database, by either role."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    for engine in (database.worker, database.web):
        sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        for engine in (database.worker, database.web):
            sqlalchemy_event.remove(engine, "before_cursor_execute", note)
