"""The latest version of a pass, as phones fetch it: whole, signed, told from what they have by its time."""

import io
import zipfile
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update
from werkzeug.http import http_date, parse_date

from app import clock
from app.db import Database
from app.models import Pass, PassUpdate
from app.services import pass_updates, wallet_credentials
from tests.passkit_device import Installed, Phone
from tests.world import make_world
from tests.world_passkit import OTHER, change, hand_out, make_phone, row_of, set_up_apple
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest


def test_a_phone_gets_the_pass_that_its_token_is_of(phone: Phone, held: Installed) -> None:
    told = phone.fetch(held)
    assert (told.status, told.headers["content-type"]) == (200, "application/vnd.apple.pkpass")
    package = zipfile.ZipFile(io.BytesIO(told.body))
    assert package.testzip() is None
    assert {"pass.json", "manifest.json", "signature", "icon.png"} <= set(package.namelist())
    document = held.document
    assert (document["serialNumber"], document["authenticationToken"]) == (held.serial, held.token)
    assert document["webServiceURL"].endswith("/passkit")


def test_its_time_is_a_date_of_http_and_the_time_of_its_change(cafe: Cafe, phone: Phone, held: Installed) -> None:
    told = phone.fetch(held)
    at = parse_date(told.headers["last-modified"])
    assert at == row_of(cafe, held).changed_at
    assert told.headers["last-modified"] == http_date(at)
    assert "no-cache" in told.headers["cache-control"]


def test_the_head_alone_says_the_time_and_makes_no_pass(cafe: Cafe, phone: Phone, held: Installed) -> None:
    path = f"{phone.service}/v1/passes/{held.pass_type_id}/{held.serial}"
    told = phone.send("HEAD", path, {"Authorization": f"ApplePass {held.token}"}, b"")
    assert (told.status, told.body) == (200, b"")
    assert told.headers["content-type"] == "application/vnd.apple.pkpass"
    assert parse_date(told.headers["last-modified"]) == row_of(cafe, held).changed_at
    assert row_of(cafe, held).last_fetch_at is None
    assert phone.send("HEAD", path, {"Authorization": "ApplePass " + "A" * 32}, b"").status == 401


def test_a_pass_that_the_phone_has_is_not_sent_again(cafe: Cafe, phone: Phone, held: Installed) -> None:
    settle(cafe)
    phone.fetch(held)
    told = phone.fetch(held)
    assert (told.status, told.body) == (304, b"")


def test_a_change_within_the_same_second_is_sent(cafe: Cafe, phone: Phone, held: Installed) -> None:
    settle(cafe)
    with clock.held(clock.now()):
        phone.fetch(held)
        for _ in range(3):
            before = held.last_modified
            change(cafe, held)
            assert phone.fetch(held).status == 200
            assert held.last_modified != before
        assert phone.fetch(held).status == 304


def test_a_pass_that_is_still_to_be_looked_at_is_sent_anew(cafe: Cafe, phone: Phone, held: Installed) -> None:
    settle(cafe)
    phone.fetch(held)
    mark(cafe, held)
    assert phone.fetch(held).status == 200


@pytest.mark.parametrize(
    "since",
    [
        "", "x", "0", "-1", "2026-11-22T09:00:00Z", "Sun, 22 Nov 99999 09:00:00 GMT", "Sun, 99 Nov 2026 99:99:99 GMT",
        "é", "\x00", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "A" * 5000,
        "Fri, 31 Dec 9999 23:59:59 -2359", "Sun, 22 Nov 3026 09:00:00 GMT",
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_ours_gets_the_pass(cafe: Cafe, phone: Phone, held: Installed, since: str) -> None:
    settle(cafe)
    held.last_modified = since
    assert phone.fetch(held).status == 200


def test_a_later_time_that_has_been_gets_nothing_new(cafe: Cafe, phone: Phone, held: Installed) -> None:
    settle(cafe)
    with clock.held(clock.now() + timedelta(hours=2)):
        held.last_modified = http_date(clock.now() - timedelta(hours=1))
        assert phone.fetch(held).status == 304


def test_each_fetch_is_noted_for_whoever_looks_at_the_pass(cafe: Cafe, phone: Phone, held: Installed) -> None:
    revision = change(cafe, held)
    phone.fetch(held)
    row = row_of(cafe, held)
    assert (row.last_fetch_at is not None, row.handed_revision) == (True, revision)


def test_a_removed_pass_is_not_told_from_one_that_never_was(cafe: Cafe, phone: Phone, held: Installed) -> None:
    assert phone.ask(held.pass_type_id).status == 200
    change(cafe, held)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.execute(update(Pass).where(Pass.serial == held.serial).values(state="removed"))
    assert [told.status for told in (phone.fetch(held), phone.register(held), phone.delete(held))] == [401] * 3
    assert phone.ask(held.pass_type_id).status == 204


def test_a_pass_that_nobody_can_sign_any_more_is_no_fault_of_the_server(
    cafe: Cafe, phone: Phone, held: Installed
) -> None:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        wallet_credentials.retire(session, platform="apple")
    assert phone.fetch(held).status == 409
    set_up_apple(cafe.world, OTHER)
    assert phone.fetch(held).status == 409
    set_up_apple(cafe.world, held.pass_type_id)
    assert phone.fetch(held).status == 200


def test_what_is_fetched_shows_the_newest_stamp(
    client: FlaskClient, cafe: Cafe, guest: Guest, phone: Phone, held: Installed
) -> None:
    phone.fetch(held)
    before = held.document
    assert Till(client, cafe).scan(guest).status_code == 201
    change(cafe, held)
    assert phone.fetch(held).status == 200
    assert held.document != before


def settle(cafe: Cafe) -> None:
    """Have nothing wait to be looked at."""
    with cafe.world.database.across_programs() as session:
        session.execute(delete(PassUpdate).where(PassUpdate.program_id == cafe.world.program_id))


def mark(cafe: Cafe, held: Installed) -> None:
    """Mark a pass as one whose face may have changed."""
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        pass_updates.mark_passes(session, [row_of(cafe, held).id], reason="test")


@pytest.fixture
def cafe(database: Database) -> Cafe:
    made = make_cafe(make_world(database))
    set_up_apple(made.world)
    return made


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe)


@pytest.fixture
def phone(client: FlaskClient) -> Phone:
    return make_phone(client)


@pytest.fixture
def held(cafe: Cafe, guest: Guest, phone: Phone) -> Installed:
    """The guest's pass, on the phone and registered."""
    assert phone.open(hand_out(cafe, guest)).status == 201
    [installed] = phone.passes.values()
    return installed
