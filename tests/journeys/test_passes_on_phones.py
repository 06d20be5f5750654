"""From a stamp at the till to the card on two phones: engine, a stand-in of APNs, web service, and the phones."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import clock, ids
from app.db import Database
from tests.passkit_device import Installed, Phone
from tests.world import make_world
from tests.world_passkit import (
    SHARED,
    apple,
    change,
    devices_of,
    hand_out,
    let_the_engine_work,
    make_phone,
    row_of,
    set_up_apple,
)
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest
from wallet.platforms.apple.courier import AppleCourier
from wallet.stand_in.apns import ApnsStandIn
from wallet.updates.hearing import Ear

Phones = list[Phone]


def test_a_stamp_reaches_both_phones_and_a_phone_that_left_hears_no_more(
    database: Database, cafe: Cafe, till: Till, guest: Guest, apns: ApnsStandIn, courier: AppleCourier, phones: Phones
) -> None:
    work(database, courier, cafe)
    for phone in phones:
        phone.hear(SHARED)  # what registering told of
    one, two = phones
    apns.pushes.clear()

    stamp(database, till, guest)
    work(database, courier, cafe)
    pushed = apns.wait_for(2)
    assert {(push.topic, push.token) for push in pushed} == {(SHARED, phone.push_token) for phone in phones}

    for phone in phones:
        [held] = phone.passes.values()
        before = held.document
        assert phone.hear(SHARED) == [(held.serial, 200)]
        assert held.document != before
        assert phone.ask(SHARED).status == 204
        assert phone.fetch(held).status == 304

    [held] = two.passes.values()
    assert two.delete(held).status == 200
    apns.pushes.clear()
    stamp(database, till, guest)
    work(database, courier, cafe)
    assert [push.token for push in apns.wait_for(1)] == [one.push_token]
    assert two.ask(SHARED).status == 204


def test_a_burst_of_changes_is_one_push(
    database: Database, cafe: Cafe, till: Till, guest: Guest, apns: ApnsStandIn, courier: AppleCourier, phones: Phones
) -> None:
    work(database, courier, cafe)
    apns.pushes.clear()
    for _ in range(4):
        stamp(database, till, guest)
    work(database, courier, cafe)
    assert sorted(push.token for push in apns.wait_for(2)) == sorted(phone.push_token for phone in phones)


@pytest.mark.parametrize("said", ["Unregistered", "BadDeviceToken"])
def test_a_phone_that_apns_does_not_know_is_forgotten_and_the_other_is_told(
    database: Database, cafe: Cafe, till: Till, guest: Guest, apns: ApnsStandIn, courier: AppleCourier, phones: Phones,
    said: str,
) -> None:  # fmt: skip
    work(database, courier, cafe)
    one, two = phones
    [held] = one.passes.values()
    apns.pushes.clear()
    apns.script(two.push_token, [said])
    stamp(database, till, guest)
    work(database, courier, cafe)
    assert [push.token for push in apns.wait_for(1)] == [one.push_token]
    assert [device.library_id_hash for device in devices_of(cafe, held)] == [ids.digest(one.library_id)]
    assert row_of(cafe, held).pushed_revision == row_of(cafe, held).revision


def test_a_push_that_did_not_get_through_is_sent_again(
    database: Database, cafe: Cafe, till: Till, guest: Guest, apns: ApnsStandIn, courier: AppleCourier, phones: Phones
) -> None:
    work(database, courier, cafe)
    one, _ = phones
    [held] = one.passes.values()
    apns.pushes.clear()
    apns.script(one.push_token, ["ServiceUnavailable"])
    stamp(database, till, guest)
    work(database, courier, cafe)
    row = row_of(cafe, held)
    assert row.pushed_revision < row.revision
    assert row.last_error == "service_unavailable"
    work(database, courier, cafe)
    assert one.push_token in {push.token for push in apns.wait_for(1)}
    assert row_of(cafe, held).pushed_revision == row_of(cafe, held).revision


def test_a_phone_whose_file_is_older_than_the_card_hears_of_it_although_it_knows_later_revisions(
    database: Database, cafe: Cafe, till: Till, guest: Guest, courier: AppleCourier, client: FlaskClient,
    apns: ApnsStandIn,
) -> None:  # fmt: skip
    file = hand_out(cafe, guest)
    work(database, courier, cafe)
    stamp(database, till, guest)
    work(database, courier, cafe)  # nobody is registered: nobody is told
    late = make_phone(client)
    other = make_guest(cafe)
    late.open(hand_out(cafe, other))
    [first] = late.passes.values()
    change(cafe, first)
    late.hear(SHARED)  # its tag is beyond the revision of the stamp now
    late.open(file)
    held = next(one for one in late.passes.values() if one is not first)
    before = held.document
    apns.pushes.clear()
    work(database, courier, cafe)
    assert late.push_token in {push.token for push in apns.wait_for(1)}
    assert (held.serial, 200) in late.hear(SHARED)
    assert held.document != before


def test_whoever_has_the_wrong_token_learns_nothing_on_the_way(cafe: Cafe, phones: Phones, client: FlaskClient) -> None:
    [held] = phones[0].passes.values()
    thief = make_phone(client)
    stolen = Installed(held.pass_type_id, held.serial, "A" * 32)
    assert [told.status for told in (thief.add(stolen), thief.fetch(stolen), thief.delete(stolen))] == [401] * 3
    assert thief.ask(held.pass_type_id).status == 204
    assert len(devices_of(cafe, held)) == 2


def stamp(database: Database, till: Till, guest: Guest) -> None:
    """Stamp a guest's card, and let the engine hear of it."""
    assert till.scan(guest).status_code == 201
    heard = Ear().hear(
        database, kind="activity.recorded", program_id=till.cafe.world.program_id, member_id=guest.id,
        recorded_at=clock.now(),
    )  # fmt: skip
    assert heard >= 1


def work(database: Database, courier: AppleCourier, cafe: Cafe) -> None:
    """Let the engine do what is due, whatever it waits for."""
    let_the_engine_work(database, courier, cafe.world.program_id)


@pytest.fixture
def cafe(database: Database) -> Cafe:
    made = make_cafe(make_world(database))
    set_up_apple(made.world)
    return made


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe)


@pytest.fixture
def till(client: FlaskClient, cafe: Cafe) -> Till:
    return Till(client, cafe)


@pytest.fixture
def phones(client: FlaskClient, cafe: Cafe, guest: Guest) -> Phones:
    """Two phones with the guest's card."""
    both = [make_phone(client), make_phone(client)]
    for phone in both:
        assert phone.open(hand_out(cafe, guest)).status == 201
    return both


@pytest.fixture
def apns(tmp_path: Path) -> Iterator[ApnsStandIn]:
    with ApnsStandIn(tmp_path, apple().root_pem.decode()) as stand_in:
        yield stand_in


@pytest.fixture
def courier(database: Database, apns: ApnsStandIn) -> Iterator[AppleCourier]:
    settings = dataclasses.replace(database.settings, apns_endpoint=apns.url, apns_ca_file=str(apns.ca_file))
    opened = AppleCourier(settings)
    yield opened
    opened.close()
