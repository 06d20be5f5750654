"""Guessing codes of cards and vouchers: stopped early, for the guesser alone, with a sentence for the cashier."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.guessing import IN_STORE, OF_CALLER
from app import clock, ids
from app.codes.card_token import new_card_token, new_voucher_code
from app.codes.grammar import static_code, voucher_code
from app.db import Database
from app.services import attempts
from tests.world import World, make_world
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest


def test_the_twentieth_unknown_card_stops_the_till_with_words_for_the_cashier(till: Till, guest: Guest) -> None:
    with clock.held(clock.now().replace(minute=1)):
        answers = [guess(till) for _ in range(IN_STORE.quota)]
        right = till.scan(guest)

    assert [one.status_code for one in answers] == [404] * (IN_STORE.quota - 1) + [429]
    assert (right.status_code, right.json["code"]) == (429, "too-many-unknown-codes")
    assert "without the card" in right.json["detail"]
    assert 0 < int(right.headers["Retry-After"]) <= IN_STORE.window_seconds


def test_when_the_window_is_over_the_till_scans_again(till: Till, guest: Guest) -> None:
    with clock.held(clock.now().replace(minute=1)):
        for _ in range(IN_STORE.quota):
            guess(till)
        clock.advance(timedelta(minutes=10))

        assert till.scan(guest).status_code == 201


@pytest.mark.parametrize("path", ["/scans", "/scans/look-up", "/redemptions"])
def test_every_way_to_try_a_card_is_counted_together(till: Till, path: str) -> None:
    body: dict[str, Any] = {"store_id": till.cafe.store}
    body |= {"activity": {"kind": "visit"}} if path == "/scans" else {}
    body |= {"reward_id": ids.show("reward", till.cafe.cake)} if path == "/redemptions" else {}
    with clock.held(clock.now().replace(minute=1)):
        for _ in range(IN_STORE.quota - 1):
            assert till.post(path, body | {"code": static_code(new_card_token())}).status_code == 404

        assert guess(till).status_code == 429


def test_vouchers_are_stopped_too_whether_right_or_mistyped(till: Till) -> None:
    with clock.held(clock.now().replace(minute=1)):
        answers = [
            till.client.get(f"/v1/vouchers/{text}", headers=till.headers)
            for number in range(IN_STORE.quota)
            for text in [voucher_code(new_voucher_code()) if number % 2 else f"MISTYPED{number}"]
        ]

    assert [one.status_code for one in answers] == [404] * (IN_STORE.quota - 1) + [429]
    assert len({one.json["detail"] for one in answers[:-1]}) == 1


def test_another_store_of_the_same_key_goes_on_until_the_keys_own_limit(
    till: Till, guest: Guest, world: World, database: Database
) -> None:
    elsewhere = ids.show("store", world.other_store_id)
    scan = {"code": guest.code, "store_id": elsewhere, "activity": {"kind": "visit"}}
    with clock.held(clock.now().replace(minute=1)):
        caller = caller_of(till, world)
        for _ in range(IN_STORE.quota):
            guess(till)
        meanwhile = till.post("/scans", scan)
        for _ in range(OF_CALLER.quota):
            attempts.count_alone(database, policy=OF_CALLER, subject=caller)
        till.post("/scans", scan | {"code": static_code(new_card_token())})
        stopped = till.post("/scans", scan)

    assert (meanwhile.status_code, stopped.status_code) == (201, 429)


def test_other_tills_go_on(client: FlaskClient, till: Till, guest: Guest, database: Database) -> None:
    other = make_cafe(make_world(database))
    with clock.held(clock.now().replace(minute=1)):
        for _ in range(IN_STORE.quota):
            guess(till)

        assert Till(client, till.cafe, "cashier").scan(guest).status_code == 201
        assert Till(client, other).scan(make_guest(other)).status_code == 201


def test_the_same_unknown_card_scanned_again_and_again_stops_nobody(till: Till, guest: Guest) -> None:
    foreign = static_code(new_card_token())
    with clock.held(clock.now().replace(minute=1)):
        answers = [till.scan(guest, code=foreign) for _ in range(2 * IN_STORE.quota)]

        assert {one.status_code for one in answers} == {404}
        assert till.scan(guest).status_code == 201


def test_what_is_no_code_at_all_is_not_counted(till: Till, guest: Guest) -> None:
    with clock.held(clock.now().replace(minute=1)):
        answers = [till.scan(guest, code=f"A1NOTACARD{number}") for number in range(2 * IN_STORE.quota)]

        assert {one.json["code"] for one in answers} == {"not-a-card"}
        assert till.scan(guest).status_code == 201


def test_a_process_that_did_not_see_it_stops_the_till_at_its_next_guess(till: Till, database: Database) -> None:
    with clock.held(clock.now().replace(minute=1)):
        caller = caller_of(till, till.cafe.world)
        for _ in range(IN_STORE.quota):
            attempts.count_alone(database, policy=IN_STORE, subject=f"{caller} {till.cafe.world.store_id}")

        assert guess(till).status_code == 429


def guess(till: Till):  # noqa: ANN201 - a test response
    """Scan a well-formed code that no card has."""
    body = {"code": static_code(new_card_token()), "store_id": till.cafe.store, "activity": {"kind": "visit"}}
    return till.post("/scans", body)


def caller_of(till: Till, world: World) -> str:
    """Return the id of the till's key as counters know it."""
    keys = till.client.get("/v1/api-keys", headers=world.as_("owner")).json["data"]
    return str(ids.parse("api_key", keys[0]["id"]))


@pytest.fixture
def cafe(world: World) -> Cafe:
    """The café."""
    return make_cafe(world)


@pytest.fixture
def till(client: FlaskClient, cafe: Cafe) -> Till:
    """Its till."""
    return Till(client, cafe)


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    """A guest."""
    return make_guest(cafe)
