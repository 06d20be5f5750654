"""Events reach their webhooks: signed, at least once, on a schedule, and no webhook holds up another."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Verifier

from app import clock, ids
from app.models import Event, WebhookDelivery
from app.services import webhook_deliveries, webhooks
from app.services.webhook_deliveries import DELAYS, DISABLE_AFTER, Attempt
from notifications.relay import Relay
from notifications.subscribers import SUBSCRIBERS
from notifications.webhooks.claiming import LANES, LEASE, InHand, claim
from notifications.webhooks.courier import Courier
from tests import world_workers
from tests.world import World, make_world
from tests.world_receiver import (
    PATIENCE_SECONDS,
    Receiver,
    Reply,
    deliveries_now,
    make_webhook,
    publish,
    tell,
    webhook_now,
)


def wait_for(happened: Callable[[], bool]) -> None:
    world_workers.wait_for(happened, PATIENCE_SECONDS / 2)


def relay_all(world: World) -> None:
    relay = Relay(world.database, SUBSCRIBERS)
    while relay.run_once():
        pass


@contextmanager
def thinking(receiver: Receiver, courier: Courier, *, status: int = 200) -> Iterator[None]:
    """Run the courier beside the block; what comes is answered at its end, and the run is over then."""
    release = threading.Event()
    receiver.always = Reply(status, until=release)
    running = threading.Thread(target=courier.drain)
    running.start()
    try:
        yield
    finally:
        release.set()
        running.join()


def logged(delivery: WebhookDelivery) -> list[tuple[int | None, str | None]]:
    return [(attempt.get("status"), attempt.get("reason")) for attempt in delivery.attempts_log]


def test_an_event_reaches_the_webhook_signed_as_the_standard_says(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    _, secret = make_webhook(world, receiver.url)
    event = publish(world, data={"voucher": "vch_1", "name": "Café crème"})
    relay_all(world)
    courier.drain()
    [told] = receiver.told
    Verifier(secret).verify(told.body, told.headers)
    body = json.loads(told.body)
    assert (body["type"], body["data"]["voucher"], body["data"]["name"]) == ("voucher.used", "vch_1", "Café crème")
    assert body["data"]["program"] == ids.show("program", world.program_id)
    assert told.headers["webhook-id"] == ids.show("event", event.id)
    assert told.headers["content-type"] == "application/json"
    [delivery] = deliveries_now(world)
    assert (delivery.state, logged(delivery)) == ("delivered", [(204, None)])


def test_a_webhook_hears_the_kinds_that_it_asked_for(world: World, receiver: Receiver, courier: Courier) -> None:
    make_webhook(world, f"{receiver.url}/some", kinds=["member.joined"])
    make_webhook(world, f"{receiver.url}/all", kinds=["*"])
    foreign = make_world(world.database)
    make_webhook(foreign, f"{receiver.url}/foreign", kinds=["*"])
    publish(world)
    publish(world, kind="member.joined")
    relay_all(world)
    courier.drain()
    assert len(receiver.to("/hooks/some")) == 1
    assert len(receiver.to("/hooks/all")) == 2
    assert receiver.to("/hooks/foreign") == []


def test_an_event_that_is_handed_out_twice_is_delivered_once(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    webhook_id, _ = make_webhook(world, receiver.url)
    event = publish(world)
    with world.database.transaction(world.program_id) as session:
        fact = webhook_deliveries.fact_of(event)
        assert len(webhook_deliveries.make(session, fact, [webhook_id])) == 1
        assert webhook_deliveries.make(session, fact, [webhook_id]) == []
    relay_all(world)
    courier.drain()
    assert len(receiver.told) == 1


def test_a_webhook_that_is_made_between_two_events_hears_the_second(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    publish(world)
    relay_all(world)
    make_webhook(world, receiver.url)
    second = publish(world)
    relay_all(world)
    courier.drain()
    assert [one.headers["webhook-id"] for one in receiver.told] == [ids.show("event", second.id)]


def test_a_test_goes_to_the_tested_webhook_alone(world: World, receiver: Receiver, courier: Courier) -> None:
    webhook_id, secret = make_webhook(world, f"{receiver.url}/one")
    make_webhook(world, f"{receiver.url}/other", kinds=["*"])
    with world.database.transaction(world.program_id) as session:
        webhooks.ping(session, webhooks.live(session, webhook_id))
    relay_all(world)
    courier.drain()
    [told] = receiver.told
    assert told.path == "/hooks/one"
    assert Verifier(secret).verify(told.body, told.headers)["type"] == "webhook.ping"


def test_attempts_follow_the_schedule_under_one_id_until_given_up(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    receiver.always = Reply(500, body=b"out of order")
    with clock.held(clock.now()):
        began = clock.now()
        webhook_id, secret = make_webhook(world, receiver.url)
        tell(world, webhook_id)
        waits = []
        for _ in range(12):
            courier.drain()
            [delivery] = deliveries_now(world)
            if delivery.state == "failed":
                break
            waits.append(delivery.due_at - clock.now())
            clock.advance(waits[-1] - timedelta(milliseconds=1))
            courier.drain()
            clock.advance(timedelta(milliseconds=1))
        assert clock.now() - began == sum(DELAYS, timedelta())
    assert tuple(waits) == DELAYS
    assert len(receiver.told) == 10
    assert len({told.headers["webhook-id"] for told in receiver.told}) == 1
    assert len({told.headers["webhook-timestamp"] for told in receiver.told}) == 10
    assert len({told.body for told in receiver.told}) == 1
    Verifier(secret).verify(receiver.told[0].body, receiver.told[0].headers)
    assert logged(delivery) == [(500, "status_500")] * 10
    assert delivery.attempts_log[0]["answer"] == "out of order"


def test_a_receiver_may_ask_for_more_patience(world: World, receiver: Receiver, courier: Courier) -> None:
    receiver.replies = [Reply(429, {"Retry-After": "120"})]
    with clock.held(clock.now()):
        tell(world, make_webhook(world, receiver.url)[0])
        courier.drain()
        [delivery] = deliveries_now(world)
        assert delivery.due_at == clock.now() + timedelta(seconds=120)


def test_410_disables_the_webhook_and_the_others_are_told(world: World, receiver: Receiver, courier: Courier) -> None:
    gone, _ = make_webhook(world, receiver.url)
    make_webhook(world, f"{receiver.url}/watch", kinds=["webhook.disabled"])
    receiver.replies = [Reply(410)]
    tell(world, gone)
    courier.drain()
    found = webhook_now(world, gone)
    assert (found.status, found.disabled_reason) == ("disabled", "The receiver answered 410: it wants no more.")
    assert [one.state for one in deliveries_now(world)] == ["failed"]
    relay_all(world)
    courier.drain()
    [told] = receiver.to("/hooks/watch")
    assert json.loads(told.body)["data"]["webhook"] == ids.show("webhook", gone)


def test_attempts_that_fail_together_tell_once_that_the_webhook_was_disabled(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    webhook_id, _ = make_webhook(world, receiver.url)
    tell(world, webhook_id, count=LANES)
    with thinking(receiver, courier, status=410):
        wait_for(lambda: len(receiver.told) == LANES)
    with world.database.transaction(world.program_id) as session:
        told = session.scalars(select(Event).where(Event.kind == "webhook.disabled")).all()
    assert len(told) == 1


def test_days_of_failure_disable_and_enabling_sends_what_waited(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    webhook_id, _ = make_webhook(world, receiver.url)
    receiver.always = Reply(503)
    with clock.held(clock.now()):
        tell(world, webhook_id)
        courier.drain()
        clock.advance(DISABLE_AFTER)
        tell(world, webhook_id, count=2)
        courier.drain()
        assert webhook_now(world, webhook_id).status == "disabled"
        clock.advance(timedelta(days=1))
        before = len(receiver.told)
        courier.drain()
        assert len(receiver.told) == before
        receiver.always = Reply(200)
        with world.database.transaction(world.program_id) as session:
            webhooks.enable(webhooks.hold(session, webhook_id))
        courier.drain()
    assert [one.state for one in deliveries_now(world)] == ["delivered"] * 3
    assert webhook_now(world, webhook_id).failing_since is None


def test_one_success_ends_the_count_of_days(world: World, receiver: Receiver, courier: Courier) -> None:
    webhook_id, _ = make_webhook(world, receiver.url)
    with clock.held(clock.now()):
        for reply in (Reply(500), Reply(200), Reply(500)):
            receiver.replies = [reply]
            tell(world, webhook_id)
            courier.drain()
            clock.advance(DISABLE_AFTER)
    assert webhook_now(world, webhook_id).status == "live"


def test_a_replaced_secret_signs_for_a_day_beside_the_new_one(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    webhook_id, old = make_webhook(world, receiver.url)
    with world.database.transaction(world.program_id) as session:
        new = webhooks.rotate_secret(world.database.keyring, webhooks.hold(session, webhook_id))
    tell(world, webhook_id)
    courier.drain()
    [told] = receiver.told
    Verifier(old).verify(told.body, told.headers)
    Verifier(new).verify(told.body, told.headers)
    with clock.held(clock.now() + timedelta(hours=24, seconds=1)):
        tell(world, webhook_id)
        courier.drain()
    assert len(receiver.told[0].headers["webhook-signature"].split()) == 2
    assert len(receiver.told[1].headers["webhook-signature"].split()) == 1


def test_what_a_receiver_repeats_of_our_secrets_is_not_logged(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    webhook_id, secret = make_webhook(world, receiver.url)
    receiver.replies = [Reply(400, body=f"bad {secret} \0 ".encode() + b"x" * 5000)]
    tell(world, webhook_id)
    courier.drain()
    [attempt] = deliveries_now(world)[0].attempts_log
    assert secret not in attempt["answer"]
    assert attempt["answer"].startswith("bad [removed]")
    assert len(attempt["answer"]) <= 1024


def test_a_long_fact_is_shortened_to_its_id(world: World, receiver: Receiver, courier: Courier) -> None:
    make_webhook(world, receiver.url)
    event = publish(world, data={"lines": ["x" * 100] * 300})
    relay_all(world)
    courier.drain()
    [told] = receiver.told
    assert len(told.body) < 20_000
    data = json.loads(told.body)["data"]
    assert (data["event"], data["shortened"]) == (ids.show("event", event.id), True)


def test_no_transaction_is_open_while_a_receiver_thinks(world: World, receiver: Receiver, courier: Courier) -> None:
    def open_now() -> int:
        with world.database.owner.connect() as connection:
            count: int = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'"
            ).scalar_one()
        return count

    tell(world, make_webhook(world, receiver.url)[0])
    with thinking(receiver, courier):
        wait_for(lambda: receiver.told != [])
        # A run looks for more meanwhile, in moments.
        wait_for(lambda: open_now() == 0)


def test_a_worker_that_slept_through_its_lease_records_nothing(world: World, receiver: Receiver) -> None:
    webhook_id, _ = make_webhook(world, receiver.url)
    [delivery_id] = tell(world, webhook_id)
    with clock.held(clock.now()):
        mine, others = take(world, delivery_id), None
        assert take(world, delivery_id) is None
        clock.advance(LEASE)
        others = take(world, delivery_id)
        attempt = Attempt(at=clock.now(), ms=1, status=500, reason="status_500")
        with world.database.transaction(world.program_id) as session:
            assert mine is not None
            assert others is not None
            assert not webhook_deliveries.record(session, delivery_id, mine, attempt)
            assert webhook_deliveries.record(session, delivery_id, others, Attempt(at=clock.now(), ms=1, status=200))
    [delivery] = deliveries_now(world)
    assert (delivery.state, delivery.attempts, logged(delivery)) == ("delivered", 2, [(200, None)])


def take(world: World, delivery_id: UUID) -> UUID | None:
    with world.database.across_programs() as session:
        return next((one.owner for one in claim(session, InHand()) if one.id == delivery_id), None)


def test_a_slow_webhook_takes_few_seats_and_the_others_go_on(
    world: World, receiver: Receiver, courier: Courier
) -> None:
    slow, _ = make_webhook(world, f"{receiver.url}/slow")
    quick, _ = make_webhook(world, f"{receiver.url}/quick")
    tell(world, slow, count=20)
    with thinking(receiver, courier):
        wait_for(lambda: len(receiver.to("/hooks/slow")) == LANES)
        receiver.always = Reply(200)
        tell(world, quick, count=20)
        wait_for(lambda: len(receiver.to("/hooks/quick")) == 20)
    order = [told.path for told in receiver.told]
    assert order[:LANES] == ["/hooks/slow"] * LANES
    assert order[LANES : LANES + 20] == ["/hooks/quick"] * 20
    assert len(receiver.told) == 40
    assert {one.state for one in deliveries_now(world)} == {"delivered"}


def test_many_webhooks_that_hang_for_the_first_time_hold_up_nobody(world: World, receiver: Receiver) -> None:
    courier = Courier(world.database, receiver.client, seats=4, slow_seconds=0.2)
    for place in range(3):
        tell(world, make_webhook(world, f"{receiver.url}/slow{place}")[0], count=2)
    with thinking(receiver, courier):
        wait_for(lambda: len(receiver.told) >= 4)
        quick, _ = make_webhook(world, f"{receiver.url}/quick")
        tell(world, quick)
        wait_for(lambda: receiver.to("/hooks/quick") != [])
        waiting = [one for one in deliveries_now(world) if one.state == "sending"]
    assert len(waiting) >= 4
    assert {one.state for one in deliveries_now(world)} == {"delivered"}


def test_two_runs_at_once_in_one_process_are_one(world: World, receiver: Receiver, courier: Courier) -> None:
    tell(world, make_webhook(world, receiver.url)[0], count=3)
    with thinking(receiver, courier):
        wait_for(lambda: receiver.told != [])
        assert courier.drain() == 0
    assert len(receiver.told) == 3


def test_two_workers_share_the_work_without_doubling(world: World, receiver: Receiver) -> None:
    for name in ("a", "b", "c"):
        tell(world, make_webhook(world, f"{receiver.url}/{name}")[0], count=15)
    couriers = [Courier(world.database, receiver.client) for _ in range(2)]
    threads = [threading.Thread(target=one.drain) for one in couriers]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    couriers[0].drain()
    keys = [(told.path, told.headers["webhook-id"]) for told in receiver.told]
    assert len(keys) == len(set(keys)) == 45


def test_what_waits_for_an_archived_webhook_is_never_sent(world: World, receiver: Receiver, courier: Courier) -> None:
    webhook_id, _ = make_webhook(world, receiver.url)
    tell(world, webhook_id)
    with world.database.transaction(world.program_id) as session:
        webhooks.archive(webhooks.hold(session, webhook_id))
    courier.drain()
    assert receiver.told == []


@pytest.fixture(autouse=True)
def _loaded() -> None:
    SUBSCRIBERS.load("notifications.subscribers")
