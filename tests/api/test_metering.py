"""How many requests a caller may make: the buckets, and what HTTP tells of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.metering import Meter
from app import clock, ids
from app.config import Settings
from app.db import Database
from app.services.attempts import Policy
from tests.world import World, make_world

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIVE = Policy("five", 5, 60)


def test_a_bucket_holds_a_windows_quota_and_fills_evenly() -> None:
    meter = Meter(FIVE)

    with clock.held(NOON):
        at_once = [meter.spend("ana").allowed for _ in range(6)]
        clock.advance(timedelta(seconds=12))
        later = [meter.spend("ana").allowed for _ in range(2)]

    assert at_once == [True] * 5 + [False]
    assert later == [True, False]


def test_a_refusal_says_when_the_next_may_come_and_costs_nothing() -> None:
    meter = Meter(FIVE)

    with clock.held(NOON):
        standings = [meter.spend("ana") for _ in range(9)]
        clock.advance(timedelta(seconds=standings[-1].retry_seconds))
        assert meter.spend("ana").allowed

    assert [one.remaining for one in standings] == [4, 3, 2, 1, 0, 0, 0, 0, 0]
    assert {one.retry_seconds for one in standings[5:]} == {12}


def test_one_subject_does_not_use_up_anothers() -> None:
    meter = Meter(FIVE)

    with clock.held(NOON):
        for _ in range(6):
            meter.spend("ana")

        assert meter.spend("bob").remaining == 4


@pytest.mark.parametrize("step", [timedelta(seconds=60), timedelta(days=3), timedelta(days=-3)])
def test_after_a_window_or_a_clock_put_back_the_bucket_is_full(step: timedelta) -> None:
    meter = Meter(FIVE)

    with clock.held(NOON):
        for _ in range(6):
            meter.spend("ana")
        clock.advance(step)
        if step < timedelta(0):
            clock.advance(timedelta(seconds=12))

        assert meter.spend("ana").allowed


@given(st.lists(st.integers(0, 90), min_size=1, max_size=120))
def test_no_more_than_two_quotas_pass_in_a_window_however_they_come(gaps: list[int]) -> None:
    meter, passed = Meter(FIVE), []
    with clock.held(NOON):
        for gap in gaps:
            clock.advance(timedelta(seconds=gap))
            if meter.spend("ana").allowed:
                passed.append(clock.now())

    for one in passed:
        assert sum(one <= other < one + timedelta(seconds=60) for other in passed) <= 2 * FIVE.quota


def test_who_was_not_seen_for_two_windows_is_forgotten() -> None:
    meter = Meter(FIVE)

    with clock.held(NOON):
        for number in range(100):
            meter.spend(number)
        for _ in range(2):
            clock.advance(timedelta(seconds=60))
            meter.spend("ana")

    assert set(meter._recent) | set(meter._older) == {"ana"}


def test_every_answer_to_an_api_key_says_where_it_stands(client: FlaskClient, world: World) -> None:
    with clock.held(NOON):
        answers = [client.get("/v1/stores", headers=world.as_("till")) for _ in range(2)]

    assert {one.headers["RateLimit-Policy"] for one in answers} == {'"caller";q=30000;w=60'}
    assert [one.headers["RateLimit"] for one in answers] == ['"caller";r=29999;t=1', '"caller";r=29998;t=1']


def test_a_key_that_asks_too_much_waits_and_another_does_not(few: FlaskClient, world: World) -> None:
    other = make_world(world.database)

    with clock.held(NOON):
        answers = [few.get("/v1/stores", headers=world.as_("till")) for _ in range(6)]
        neighbour = few.get("/v1/stores", headers=other.as_("till"))

    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert (answers[-1].json["code"], answers[-1].headers["Retry-After"]) == ("too-many-requests", "12")
    assert answers[-1].headers["RateLimit"] == '"caller";r=0;t=60'
    assert neighbour.status_code == 200


def test_a_network_without_tokens_waits_and_those_who_are_known_there_do_not(few: FlaskClient, world: World) -> None:
    with clock.held(NOON):
        wrong = {"Authorization": f"Bearer ask_live_{ids.secret_text()}"}
        statuses = [few.get("/v1/stores", headers=wrong).status_code for _ in range(4)]
        statuses += [few.get(f"/v1/join/{world.slug}").status_code for _ in range(2)]
        known = few.get("/v1/stores", headers=world.as_("till"))

    assert statuses == [401] * 4 + [200, 429]
    assert known.status_code == 200


def test_health_is_not_metered(few: FlaskClient) -> None:
    answers = [few.get("/healthz") for _ in range(10)]

    assert {one.status_code for one in answers} == {200}
    assert "RateLimit" not in answers[0].headers


@pytest.fixture
def few(settings: Settings, database: Database) -> FlaskClient:
    """A client of an application that answers five requests a minute."""
    few = replace(settings, caller_requests_per_minute=5, client_requests_per_minute=5)
    return create_app(few, database).test_client()
