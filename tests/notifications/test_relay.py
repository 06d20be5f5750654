"""The outbox reaches its subscribers, whatever dies on the way."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from app import clock
from app.db import Database
from app.models import Event
from app.registry import Registry
from app.services import events
from notifications import relay
from notifications.relay import ATTEMPTS_MAX, LEASE, Relay, backoff, claim
from notifications.subscribers import PublishedEvent, Subscriber
from tests.world import World
from tests.world_notifications import event_now

KIND = "test.happened"


@dataclass
class Listener:
    """Counts what it hears; breaks for the events it is told to."""

    poison: set[UUID] = field(default_factory=set)
    heard: Counter[UUID] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, _: Database, event: PublishedEvent) -> None:
        with self._lock:
            self.heard[event.id] += 1
        if event.id in self.poison:
            raise ValueError("zoe@mail.example is in this sentence")


def subscribers(listener: Listener) -> Registry[Subscriber]:
    registry: Registry[Subscriber] = Registry("subscribers")
    registry.register("listener")(Subscriber(kinds=frozenset({KIND}), handle=listener.handle))
    return registry


def publish(world: World, *, kind: str = KIND, count: int = 1) -> list[Event]:
    with world.database.transaction(world.program_id) as session:
        return [events.publish(session, kind=kind, data={}) for _ in range(count)]


def drain(database: Database, listener: Listener) -> None:
    worker = Relay(database, subscribers(listener))
    while worker.run_once():
        pass


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_an_event_reaches_its_subscriber_once_and_is_marked(world: World, listener: Listener) -> None:
    [event] = publish(world)
    drain(world.database, listener)
    drain(world.database, listener)
    assert listener.heard[event.id] == 1
    assert event_now(world, event).handled_at is not None


def test_an_event_that_nobody_listens_to_is_marked_too(world: World, listener: Listener) -> None:
    [event] = publish(world, kind="test.unheard")
    drain(world.database, listener)
    assert event_now(world, event).handled_at is not None
    assert event.id not in listener.heard


def test_an_event_of_a_transaction_that_rolls_back_is_never_heard(world: World, listener: Listener) -> None:
    with world.database.transaction(world.program_id) as session:
        event = events.publish(session, kind=KIND, data={})
        session.flush()
        session.rollback()
    drain(world.database, listener)
    assert event.id not in listener.heard


def test_parallel_relays_share_the_outbox_without_doubling(world: World, listener: Listener) -> None:
    published = publish(world, count=120)
    registry = subscribers(listener)

    def work(_: int) -> None:
        worker = Relay(world.database, registry, batch=7)
        while worker.run_once():
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert [listener.heard[event.id] for event in published] == [1] * 120


def test_another_relay_takes_over_what_a_killed_one_had_claimed(world: World, listener: Listener) -> None:
    with clock.held(clock.now()):
        [event] = publish(world)
        with world.database.across_programs() as session:
            assert [held.event.id for held in claim(session)] == [event.id]
        drain(world.database, listener)
        assert listener.heard[event.id] == 0  # the dead relay's lease still holds it
        clock.advance(LEASE)
        drain(world.database, listener)
    assert listener.heard[event.id] == 1
    assert event_now(world, event).attempts == 2


def test_a_relay_that_slept_through_its_lease_hands_out_nothing_more(world: World) -> None:
    with clock.held(clock.now()):
        publish(world, count=2)
        heard: list[UUID] = []

        def slow(_: Database, event: PublishedEvent) -> None:
            heard.append(event.id)
            clock.advance(LEASE)

        registry: Registry[Subscriber] = Registry("subscribers")
        registry.register("slow")(Subscriber(kinds=frozenset({KIND}), handle=slow))
        Relay(world.database, registry).run_once()
    assert len(heard) == 1


def test_a_poisoned_event_waits_longer_each_time_and_holds_up_nobody(world: World, listener: Listener) -> None:
    with clock.held(clock.now()):
        bad, good = publish(world, count=2)
        listener.poison.add(bad.id)
        drain(world.database, listener)
        assert event_now(world, good).handled_at is not None
        for wait in (1, 2, 4):
            assert event_now(world, bad).lease_until == clock.now() + timedelta(seconds=wait)
            clock.advance(timedelta(seconds=wait))
            drain(world.database, listener)
        assert listener.heard[bad.id] == 4


def test_a_poisoned_event_is_parked_in_the_end_with_a_problem_that_names_no_person(
    world: World, listener: Listener
) -> None:
    with clock.held(clock.now()):
        [bad] = publish(world)
        listener.poison.add(bad.id)
        for _ in range(ATTEMPTS_MAX + 3):
            drain(world.database, listener)
            clock.advance(timedelta(hours=1))
    parked = event_now(world, bad)
    assert listener.heard[bad.id] == ATTEMPTS_MAX
    assert parked.handled_at is not None
    assert parked.problem is not None
    assert parked.problem.startswith("listener: ValueError at test_relay.py")
    assert "zoe" not in parked.problem


def test_the_backoff_doubles_up_to_an_hour() -> None:
    assert [backoff(attempts).total_seconds() for attempts in (1, 2, 3, 12, 13, 10_000)] == [1, 2, 4, 2048, 3600, 3600]


def test_a_stale_failure_does_not_push_back_the_next_relays_claim(world: World) -> None:
    with clock.held(clock.now()):
        [event] = publish(world)
        with world.database.across_programs() as session:
            [stale] = claim(session)
        clock.advance(LEASE)
        with world.database.across_programs() as session:
            claim(session)
        with world.database.across_programs() as session:
            relay.settle(session, handled=[], failed=[relay.Failure(stale, "listener: ValueError")])
        assert event_now(world, event).lease_until == clock.now() + LEASE


def test_the_loop_finishes_the_event_in_hand_when_told_to_stop(world: World) -> None:
    publish(world, count=3)
    stop = threading.Event()
    heard: list[UUID] = []

    def stop_at_first(_: Database, event: PublishedEvent) -> None:
        heard.append(event.id)
        stop.set()

    registry: Registry[Subscriber] = Registry("subscribers")
    registry.register("stopper")(Subscriber(kinds=frozenset({KIND}), handle=stop_at_first))
    Relay(world.database, registry).run(stop)
    assert len(heard) == 1
    with world.database.transaction(world.program_id) as session:
        found = session.get_one(Event, (world.program_id, heard[0]))
    assert found.handled_at is not None
