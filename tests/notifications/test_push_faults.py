"""F4 of the fault tests: a campaign through the real transport while FCM misbehaves in every way that we can script.

Nothing is posted twice inside one attempt; a 429 stops its lane; only what was certainly not taken, or what a second
copy replaces on the screen, is tried again; a dead address is forgotten; the database is not held while FCM is silent.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.config import Settings
from app.models import CampaignDelivery, Customer, Device, Member
from notifications.channels.push import PushChannel
from notifications.stand_in import StandIn
from tests.notifications.conftest import open_channel
from tests.world import World
from tests.world_engine import begin, drainer_of, make_audience, rows_of, states_of

AFTER_ONE_ATTEMPT = {
    "well": "sent",
    "goaway": "sent",
    "unregistered": "failed/unregistered",
    "invalid": "failed/address_invalid",
    "mismatch": "failed/sender_id_mismatch",
    "thirdparty": "failed/third_party_auth_error",
    "internal": "queued/internal",
    "unavailable": "queued/unavailable",
    "proxypage": "queued/http_502",
    "refuse": "queued/stream_refused",
    "reset": "queued/stream_reset",
    "midbody": "queued/stream_reset",
    "hang": "queued/timeout",
    "slow5": "queued/timeout",
    "wrongjson": "queued/answer_not_understood",
}
"""What a delivery is after its first attempt; a cut connection and a quota have tests of their own."""


@pytest.fixture
def push(stand_in: StandIn) -> Iterator[PushChannel]:
    opened = open_channel(stand_in)
    yield opened
    opened.close()


def phones_left(world: World) -> Counter[str]:
    """Count the phones that we still know, by the fault in their address."""
    with world.database.across_programs() as session:
        addresses = session.scalars(
            select(Device.address)
            .join(Customer, Customer.id == Device.customer_id)
            .join(Member, (Member.customer_id == Customer.id) & (Member.program_id == world.program_id))
        )
        return Counter(address.split("-")[1] for address in addresses)


def test_each_fault_is_posted_once_and_leaves_the_truth_in_its_row(
    world: World, settings: Settings, stand_in: StandIn, push: PushChannel
) -> None:
    for fault in AFTER_ONE_ATTEMPT:
        make_audience(world, 2, prefix=f"phone-{fault}")
    run_id = begin(world)
    drainer_of(world.database, push, settings=settings).drain(run_id, "push")
    assert states_of(world, run_id) == dict(Counter(2 * [*AFTER_ONE_ATTEMPT.values()]))
    posts = Counter(stand_in.posts)
    assert set(posts.values()) == {1}
    assert len(posts) == 2 * len(AFTER_ONE_ATTEMPT)
    left = phones_left(world)
    assert {fault for fault in AFTER_ONE_ATTEMPT if not left[fault]} == {"unregistered", "invalid"}


def test_what_was_perhaps_shown_is_shown_once_when_it_is_tried_again(
    world: World, settings: Settings, stand_in: StandIn, push: PushChannel
) -> None:
    with clock.held(clock.now()):
        addresses = [f"phone-{member.hex}-0" for member in make_audience(world, 6)]
        for address, fault in zip(addresses, ["hang", "cut", "midbody", "wrongjson", "reset", "internal"], strict=True):
            stand_in.script(address, [fault])
        run_id = begin(world)
        drainer = drainer_of(world.database, push, settings=settings)
        for _attempt in range(3):
            drainer.drain(run_id, "push")
            clock.advance(timedelta(minutes=2))
    assert states_of(world, run_id) == {"sent": 6}
    assert [len(stand_in.phones.screen(address)) for address in addresses] == [1] * 6


def test_a_quota_stops_the_whole_lane_for_as_long_as_it_says(
    world: World, settings: Settings, stand_in: StandIn, push: PushChannel
) -> None:
    with clock.held(clock.now()):
        make_audience(world, 30)
        make_audience(world, 1, prefix="phone-quota120")
        run_id = begin(world)
        drainer = drainer_of(world.database, push, settings=settings, batch=40)
        drainer.drain(run_id, "push")
        begun = len(stand_in.posts)
        later = begin(world)
        clock.advance(timedelta(seconds=119))
        assert drainer.drain(later, "push") == (0, False)
        assert len(stand_in.posts) == begun
        clock.advance(timedelta(seconds=1))
        stand_in.script(next(address for address in stand_in.posts if "quota" in address), ["sent", "sent"])
        drainer.drain(later, "push")
    assert states_of(world, later) == {"sent": 31}


def test_the_database_is_not_held_while_fcm_is_silent(world: World, settings: Settings, stand_in: StandIn) -> None:
    make_audience(world, 20, prefix="phone-hang")
    run_id = begin(world)
    push = open_channel(stand_in)
    drainer = drainer_of(world.database, push, settings=settings)
    pool = world.database.worker.pool
    before = pool.checkedout()  # type: ignore[attr-defined]
    draining = threading.Thread(target=drainer.drain, args=(run_id, "push"))
    draining.start()
    while len(stand_in.posts) < 20:
        time.sleep(0.01)
    assert pool.checkedout() - before <= 2  # type: ignore[attr-defined]
    draining.join()
    push.close()
    assert {row.state for row in rows_of(world, run_id)} == {"queued"}


def test_a_token_that_ends_in_mid_campaign_costs_another_attempt_and_nothing_else(
    world: World, settings: Settings, stand_in: StandIn, push: PushChannel
) -> None:
    with clock.held(clock.now()):
        make_audience(world, 40)
        run_id = begin(world)
        drainer = drainer_of(world.database, push, settings=settings, batch=20)
        push.access_token()
        stand_in.tokens.revoke_all()
        for _attempt in range(3):
            drainer.drain(run_id, "push")
            clock.advance(timedelta(minutes=2))
    assert states_of(world, run_id) == {"sent": 40}
    assert stand_in.phones.arrivals == 40
    assert stand_in.token_requests == 2


def test_a_whole_outage_loses_nothing_and_ends_with_everything_sent(
    world: World, settings: Settings, stand_in: StandIn, push: PushChannel
) -> None:
    with clock.held(clock.now()):
        addresses = [f"phone-{member.hex}-0" for member in make_audience(world, 50)]
        for address in addresses:
            stand_in.script(address, ["unavailable", "internal", "cut"])
        run_id = begin(world)
        drainer = drainer_of(world.database, push, settings=settings)
        for _attempt in range(12):
            drainer.drain(run_id, "push")
            clock.advance(timedelta(minutes=5))
        with world.database.transaction(world.program_id) as session:
            attempts = set(session.scalars(select(CampaignDelivery.attempts)))
    assert states_of(world, run_id) == {"sent": 50}
    assert stand_in.phones.counts()["distinct"] == 50
    assert min(attempts) >= 4
