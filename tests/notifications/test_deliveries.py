"""A voucher becomes an inbox entry and pushes, each once; what the provider answers becomes the truth in the row."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete

from app import clock
from app.db import Database
from app.models import Device, Member
from notifications import sending, texts
from notifications.channels.protocol import SendResult
from notifications.relay import Relay
from notifications.sending import Sender
from notifications.subscribers import SUBSCRIBERS, PublishedEvent
from tests.world import World
from tests.world_notifications import (
    Person,
    ScriptedChannel,
    addresses_of,
    deliveries_of,
    issue_voucher,
    make_member_without_app,
    make_person,
)


def relay_all(database: Database) -> None:
    SUBSCRIBERS.load("notifications.subscribers")
    worker = Relay(database)
    while worker.run_once():
        pass


def queued(world: World, *, phones: int = 1) -> Person:
    """Make a member whose phones have a push each waiting to be sent."""
    person = make_person(world, phones=phones)
    issue_voucher(world, person.member_id)
    relay_all(world.database)
    return person


def test_a_voucher_becomes_an_inbox_entry_and_a_push_to_each_phone(world: World) -> None:
    person = make_person(world, phones=2)
    make_person(world)  # noise: somebody else's phone
    issue_voucher(world, person.member_id)
    relay_all(world.database)
    made = deliveries_of(world)
    assert sorted((row.channel, row.state) for row in made) == [
        ("inbox", "sent"),
        ("push", "queued"),
        ("push", "queued"),
    ]
    assert {row.address for row in made if row.channel == "push"} == set(person.addresses)


def test_an_event_handled_twice_at_once_makes_its_deliveries_once(world: World) -> None:
    person = make_person(world, phones=3)
    event = issue_voucher(world, person.member_id)
    seen = PublishedEvent(
        id=event.id,
        program_id=event.program_id,
        kind=event.kind,
        data=event.data,
        member_id=event.member_id,
        recorded_at=event.recorded_at,
    )
    SUBSCRIBERS.load("notifications.subscribers")
    handle = SUBSCRIBERS["deliveries"].handle
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: handle(world.database, seen), range(8)))
    assert len(deliveries_of(world)) == 4


def test_a_member_without_the_app_has_an_inbox_entry_only(world: World) -> None:
    issue_voucher(world, make_member_without_app(world))
    relay_all(world.database)
    assert [row.channel for row in deliveries_of(world)] == ["inbox"]


def test_a_voucher_that_is_used_already_is_not_spoken_of(world: World) -> None:
    issue_voucher(world, make_person(world).member_id, status="used")
    relay_all(world.database)
    assert deliveries_of(world) == []


def test_the_message_names_programme_and_voucher_in_the_phones_language_and_nobody(world: World) -> None:
    person = make_person(world, locale="fr", phone_locale="en-GB")
    issue_voucher(world, person.member_id, name="Free {coffee}")
    relay_all(world.database)
    said = {row.channel: row for row in deliveries_of(world)}
    assert said["push"].title == "Café"
    assert said["push"].body == "Free {coffee}: it is yours. Show it on your next visit."
    assert said["inbox"].body == "Free {coffee} : c'est à vous. Présentez-le à votre prochaine visite."
    assert set(said["push"].data) == {"kind", "program_id", "voucher_id"}


@pytest.mark.parametrize(
    ("locales", "language"), [(["de", "fr_CA"], "fr"), ([None, "EN"], "en"), (["de"], "en"), ([], "en")]
)
def test_the_first_language_that_we_speak_is_chosen(locales: list[str | None], language: str) -> None:
    assert texts.choose("voucher.issued", locales) == texts.TEXTS["voucher.issued"][language]


@pytest.mark.parametrize("kind", sorted(texts.TEXTS))
def test_every_text_exists_in_both_languages(kind: str) -> None:
    assert set(texts.TEXTS[kind]) == {"en", "fr"}


def test_what_the_provider_took_is_sent(world: World) -> None:
    person = queued(world)
    channel = ScriptedChannel(person.addresses)
    Sender(world.database, channel).drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.provider_id, row.attempts) == ("sent", "projects/p/messages/1", 1)
    assert row.sent_at is not None
    assert [message.delivery_id for message in channel.sent] == [row.id]


def test_a_phone_that_is_gone_is_forgotten_and_the_other_still_gets_its_push(world: World) -> None:
    person = queued(world, phones=2)
    gone, kept = person.addresses
    channel = ScriptedChannel(person.addresses, {gone: [SendResult(outcome="gone", reason="unregistered")]})
    Sender(world.database, channel).drain()
    states = {row.address: (row.state, row.reason) for row in deliveries_of(world, channel="push")}
    assert states == {gone: ("failed", "unregistered"), kept: ("sent", None)}
    assert addresses_of(world.database, person) == {kept}


def test_a_refused_message_fails_with_its_reason_and_keeps_the_phone(world: World) -> None:
    person = queued(world)
    refused = SendResult(outcome="refused", reason="invalid_argument")
    Sender(world.database, ScriptedChannel(person.addresses, {person.addresses[0]: [refused]})).drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.reason) == ("failed", "invalid_argument")
    assert addresses_of(world.database, person) == set(person.addresses)


@pytest.mark.parametrize("outcome", ["retry", "unknown"])
def test_what_was_not_or_perhaps_not_sent_is_sent_again_under_the_same_id(world: World, outcome: str) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        first = SendResult(outcome=outcome, reason="unavailable", retry_after_seconds=90)  # type: ignore[arg-type]
        channel = ScriptedChannel(person.addresses, {person.addresses[0]: [first]})
        sender = Sender(world.database, channel)
        sender.drain()
        [row] = deliveries_of(world, channel="push")
        assert (row.state, row.reason) == ("queued", "unavailable")
        assert row.due_at == clock.now() + timedelta(seconds=90)
        sender.drain()
        assert len(channel.sent) == 1
        clock.advance(timedelta(seconds=90))
        sender.drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.attempts) == ("sent", 2)
    assert [message.collapse_id for message in channel.sent] == [row.id.hex] * 2


def test_a_quota_answer_pauses_all_sending_for_a_minute_at_least(world: World) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        quota = SendResult(outcome="retry", reason="quota_exceeded", retry_after_seconds=5)
        channel = ScriptedChannel(person.addresses, {person.addresses[0]: [quota]})
        sender = Sender(world.database, channel)
        sender.drain()
        issue_voucher(world, person.member_id)
        relay_all(world.database)
        clock.advance(timedelta(seconds=59))
        assert sender.drain() == 0
        clock.advance(timedelta(seconds=1))
        sender.drain()
    assert [row.state for row in deliveries_of(world, channel="push")] == ["sent", "sent"]


@pytest.mark.parametrize(("outcome", "state"), [("retry", "failed"), ("unknown", "unknown")])
def test_after_a_day_of_trying_it_is_given_up(world: World, outcome: str, state: str) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        again = SendResult(outcome=outcome, reason="unavailable", retry_after_seconds=3600)  # type: ignore[arg-type]
        channel = ScriptedChannel(person.addresses, {person.addresses[0]: [again] * 100})
        sender = Sender(world.database, channel)
        for _ in range(30):
            sender.drain()
            clock.advance(timedelta(hours=1))
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.reason) == (state, "unavailable")
    assert 12 < len(channel.sent) <= 24


def test_a_push_that_nobody_sent_within_a_day_is_not_sent_late(world: World) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        clock.advance(timedelta(hours=24))
        channel = ScriptedChannel(person.addresses)
        Sender(world.database, channel).drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.reason, channel.sent) == ("failed", "expired", [])


@pytest.mark.parametrize("what", ["the phone was given away", "the member left the app"])
def test_a_phone_that_is_not_the_members_any_more_does_not_get_the_push(world: World, what: str) -> None:
    person = queued(world)
    with world.database.transaction(world.program_id, customer_id=person.customer_id) as session:
        if what == "the phone was given away":
            session.execute(delete(Device))
        else:
            session.get_one(Member, person.member_id).customer_id = None
    channel = ScriptedChannel(person.addresses)
    Sender(world.database, channel).drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.reason, channel.sent) == ("skipped", "device_forgotten", [])


def test_a_killed_senders_deliveries_are_sent_by_another_after_the_lease(world: World) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        with world.database.across_programs() as session:
            sending.claim(session)
        channel = ScriptedChannel(person.addresses)
        sender = Sender(world.database, channel)
        sender.drain()
        assert channel.sent == []
        clock.advance(sending.LEASE)
        sender.drain()
    assert [row.state for row in deliveries_of(world, channel="push")] == ["sent"]


def test_a_frozen_sender_cannot_record_once_its_lease_moved(world: World) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        other = ScriptedChannel(person.addresses)

        def freeze() -> None:
            clock.advance(sending.LEASE)
            Sender(world.database, other).drain()

        refused = SendResult(outcome="gone", reason="unregistered")
        frozen = ScriptedChannel(person.addresses, {person.addresses[0]: [refused]}, before_send=freeze)
        Sender(world.database, frozen, batch=sending.BATCH).drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.provider_id) == ("sent", "projects/p/messages/1")
    assert addresses_of(world.database, person) == set(person.addresses)


def test_a_sender_that_froze_before_sending_sends_nothing(world: World) -> None:
    with clock.held(clock.now()):
        person = queued(world)
        with world.database.across_programs() as session:
            batch = sending.claim(session)
        clock.advance(sending.LEASE)
        channel = ScriptedChannel(person.addresses)
        Sender(world.database, channel)._work(batch)
        assert channel.sent == []


def test_no_transaction_is_open_while_the_channel_sends(world: World) -> None:
    person = queued(world)
    in_use: list[int] = []

    def look() -> None:
        in_use.append(world.database.worker.pool.checkedout() + world.database.web.pool.checkedout())  # type: ignore[attr-defined]

    Sender(world.database, ScriptedChannel(person.addresses, before_send=look)).drain()
    assert set(in_use) == {0}


def test_a_channel_that_breaks_leaves_the_push_to_be_sent_again(world: World) -> None:
    person = queued(world)

    def break_down() -> None:
        raise OSError("the disk is full")

    sender = Sender(world.database, ScriptedChannel(person.addresses, before_send=break_down))
    sender.drain()
    [row] = deliveries_of(world, channel="push")
    assert (row.state, row.reason) == ("queued", "channel_failed")


def test_parallel_senders_send_each_push_once(world: World) -> None:
    person = queued(world, phones=40)
    channel = ScriptedChannel(person.addresses)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Sender(world.database, channel, batch=3).drain(), range(4)))
    assert sorted(message.address for message in channel.sent) == sorted(person.addresses)
