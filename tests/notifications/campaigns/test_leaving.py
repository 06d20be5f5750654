"""Leaving: what ends journeys and their campaigns, and how many may work on them at once."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app import clock
from app.models import Campaign, CampaignDelivery, CampaignRun, Event, Member
from notifications.campaigns import beginning, journeys, leaving
from tests.world import World
from tests.world_engine import make_audience
from tests.world_journeys import hear, journeys_of, make_triggered, messages_of, publish, words
from tests.world_notifications import make_member_without_app

NOON = datetime(2027, 5, 10, 11, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.held(NOON):
        yield


def test_a_triggered_campaign_finishes_after_its_end_when_nobody_is_on_the_way(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(
        world, "reward.redeemed", schedule={"ends_at": (NOON + 2 * DAY).isoformat()},
        steps=[{"wait_seconds": 172_800, "variants": words("2")}],
    )  # fmt: skip
    endless = make_triggered(world, "reward.redeemed")
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    seen = []
    for _ in range(3):
        journeys.tick(world.database)
        seen.append(status_of(world, campaign))
        settle_rows(world, campaign)
        clock.advance(DAY)
    assert seen == ["running"] * 3
    journeys.tick(world.database)
    assert (status_of(world, campaign), status_of(world, endless)) == ("finished", "running")
    journeys.tick(world.database)
    assert finished_events(world) == 1
    with world.database.transaction(world.program_id) as session:
        query = select(CampaignRun.state).where(CampaignRun.campaign_id == campaign)
        assert set(session.scalars(query)) == {"finished"}


def test_many_workers_at_once_tell_each_member_once(world: World) -> None:
    members = make_audience(world, 300)
    campaign = make_triggered(world, "birthday", steps=[{"wait_seconds": 60, "variants": words("2")}])
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Member).where(Member.id.in_(members)).values(birth_on=date(1990, 5, 10)))
    together(lambda: beginning.begin_timed(world.database, hourly=True))
    assert Counter(one.member_id for one in journeys_of(world, campaign)) == dict.fromkeys(members, 1)
    together(lambda: walk_in_small_batches(world, campaign, 0))
    clock.advance(timedelta(minutes=1))
    together(lambda: walk_in_small_batches(world, campaign, 1))
    rows = messages_of(world, campaign)
    assert Counter(row[:2] for row in rows) == {(one, step): 1 for one in members for step in (0, 1)}
    assert {one.reason for one in journeys_of(world, campaign)} == {"finished"}


def test_a_worker_that_dies_before_its_commit_has_done_nothing(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed")
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    with pytest.raises(KeyboardInterrupt):
        die_after_a_step(world, campaign)
    assert messages_of(world, campaign) == []
    journeys.tick(world.database)
    assert [row[0] for row in messages_of(world, campaign)] == [member]


def together(work: Callable[[], object]) -> None:
    """Do the same in three threads; raise what one raised."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def walk_in_small_batches(world: World, campaign: UUID, step: int) -> None:
    while True:
        with world.database.across_programs() as session:
            if not journeys.take_step(session, campaign, step, limit=17):
                return


def die_after_a_step(world: World, campaign: UUID) -> None:
    with world.database.across_programs() as session:
        assert journeys.take_step(session, campaign, 0) == 1
        raise KeyboardInterrupt


def status_of(world: World, campaign: UUID) -> str:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Campaign.status).where(Campaign.id == campaign)).one()


def settle_rows(world: World, campaign: UUID) -> None:
    """Let all be sent."""
    with world.database.transaction(world.program_id) as session:
        for row in session.scalars(select(CampaignDelivery).where(CampaignDelivery.campaign_id == campaign)):
            row.state = "sent"


def finished_events(world: World) -> int:
    with world.database.transaction(world.program_id) as session:
        return len(list(session.scalars(select(Event).where(Event.kind == "campaign.finished"))))


def test_a_campaign_with_a_message_that_waits_is_not_finished(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed", schedule={"ends_at": (NOON + 2 * DAY).isoformat()})
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    journeys.tick(world.database)
    clock.advance(2 * DAY)
    leaving.finish(world.database)
    assert status_of(world, campaign) == "running"
