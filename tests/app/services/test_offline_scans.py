"""What is believed of tills that were offline: by card, till, size and age; the rest is put aside for the owner."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from app import clock, ids
from app.codes.grammar import rotating_code
from app.codes.totp import PERIOD_SECONDS
from app.config import Settings
from app.db import Database
from app.services import cards
from app.services.attempts import Policy, Standing
from app.services.happenings import Happening
from app.services.offline_scans import OfflineCaps, OfflineLimitError, OfflineTooOldError
from tests.world import World, make_world
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CAPS = OfflineCaps(per_card=3, per_till=5, amount_max=5000, age_max=timedelta(hours=72))


def test_a_card_has_so_many_offline_scans_a_day_and_then_the_till_is_told_to_come_again(till: Till, cafe: Cafe) -> None:
    guest = make_guest(cafe)

    with clock.held(NOON):
        answers = sync(till, *(kept(till, guest, f"k{n}") for n in range(5)))
        balance = till.balance(guest, cafe.stamps)
        clock.advance(timedelta(days=1))
        tomorrow = sync(till, *(kept(till, guest, f"k{n}") for n in range(5)))

    assert [one["status"] for one in answers] == [201, 201, 201, 409, 409]
    problem = answers[3]["problem"]
    assert (problem["code"], problem["limit"], problem["most"], problem["review"]) == ("offline-limit", "card", 3, True)
    assert (problem["retry_after"], balance) == (12 * 3600, 3)
    assert [(one["status"], one["replayed"]) for one in tomorrow] == [(201, True)] * 3 + [(201, False)] * 2


def test_a_till_has_so_many_and_the_one_beside_it_has_its_own(till: Till, cafe: Cafe) -> None:
    guests = [make_guest(cafe, first_name=str(n)) for n in range(6)]

    with clock.held(NOON):
        answers = sync(till, *(kept(till, guest, guest.code) for guest in guests))
        beside = sync(Till(till.client, cafe, "cashier"), kept(till, guests[5], "beside"))

    assert [one["status"] for one in answers] == [201] * 5 + [409]
    assert answers[5]["problem"]["limit"] == "till"
    assert [one["status"] for one in beside] == [201]


def test_a_refused_scan_takes_nothing_from_the_till(till: Till, cafe: Cafe) -> None:
    regular, guests = make_guest(cafe), [make_guest(cafe, first_name=str(n)) for n in range(2)]

    with clock.held(NOON):
        answers = sync(till, *(kept(till, regular, f"r{n}") for n in range(9)))
        others = sync(till, *(kept(till, guest, guest.code) for guest in guests))

    assert [one["status"] for one in answers] == [201] * 3 + [409] * 6
    assert [one["status"] for one in others] == [201] * 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"occurred_at": "2026-11-21T11:59:59Z"}, "offline-too-old"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "offline-too-old"),
        ({"occurred_at": "2026-11-21T11:59:59Z", "offline": False}, "offline-too-old"),
        ({"activity": {"kind": "purchase", "amount": {"amount": 5001, "currency": "EUR"}}}, "offline-limit"),
    ],
)
def test_what_is_too_old_or_too_big_is_refused_by_name_and_put_aside_for_the_owner_once(
    till: Till, cafe: Cafe, said: dict[str, Any], code: str
) -> None:
    guest = make_guest(cafe)
    scan = kept(till, guest, "old") | said

    with clock.held(NOON):
        answers = sync(till, scan) + sync(till, scan)
        log = till.client.get("/v1/audit-entries", headers=cafe.world.as_("owner")).json["data"]

    assert [(one["status"], one["problem"]["code"]) for one in answers] == [(409, code)] * 2
    (entry,) = [one for one in log if one["action"] == "offlineScanRefused"]
    assert entry["subject"] == ids.show("card", guest.card_id)
    assert entry["data"].items() >= {"code": code, "key": "old", "store": cafe.store}.items()
    with clock.held(NOON):
        assert till.balance(guest, cafe.stamps) == 0


def test_what_the_owner_was_asked_to_enter_can_be_entered(till: Till, cafe: Cafe) -> None:
    guest = make_guest(cafe)
    body = {
        "card_id": ids.show("card", guest.card_id), "activity": {"kind": "visit"}, "store_id": cafe.store,
        "external_id": "old", "occurred_at": "2026-11-20T11:59:59Z",
    }  # fmt: skip

    with clock.held(NOON):
        answer = Till(till.client, cafe, "owner").post("/activities", body)

    assert answer.status_code == 201


def test_what_was_counted_is_answered_again_however_late(till: Till, cafe: Cafe) -> None:
    scan = kept(till, make_guest(cafe), "once") | {"occurred_at": "2026-11-24T11:00:00Z"}

    with clock.held(NOON):
        first = sync(till, scan)
        clock.advance(timedelta(days=20))
        again = sync(till, scan)

    assert [(one["status"], one["replayed"]) for one in first + again] == [(201, False), (201, True)]


def test_a_scan_of_this_hour_is_held_to_nothing(till: Till, cafe: Cafe) -> None:
    guest = make_guest(cafe)

    with clock.held(NOON):
        answers = [till.scan(guest, occurred_at="2026-11-24T11:00:01Z") for _ in range(5)]
        answers += [till.scan(guest, "purchase", amount=9_000_000)]

    assert {one.status_code for one in answers} == {201}


def test_the_ordinary_path_counts_as_the_hot_one_does(till: Till, cafe: Cafe, database: Database) -> None:
    guest = make_guest(cafe)
    with database.transaction(cafe.world.program_id) as session:
        card = cards.get(session, guest.card_id)
        key = cards.totp_key_of(database.keyring, card)
        token = cards.token_of(database.keyring, card)

    with clock.held(NOON):
        rotating = [
            kept(till, guest, f"r{n}") | {"occurred_at": at.isoformat(), "code": moving(token, key, at)}
            for n in range(2)
            for at in [NOON - timedelta(minutes=n, seconds=PERIOD_SECONDS)]
        ]
        # Nine stamps, so that the tenth goes the ordinary path; the twelfth scan is the fourth kept offline.
        for _ in range(9):
            till.scan(guest)
        answers = sync(till, *rotating, kept(till, guest, "k1"), kept(till, guest, "k2"))

    assert [one["status"] for one in answers] == [201, 201, 201, 409]


def test_tills_that_sync_one_card_at_once_stay_under_its_cap(few: FlaskClient, till: Till, cafe: Cafe) -> None:
    guest = make_guest(cafe)

    def sync_one(number: int) -> int:
        with_key = kept(till, guest, f"k{number}")
        return int(sync(Till(few.application.test_client(), cafe), with_key)[0]["status"])

    with clock.held(NOON), ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(sync_one, range(16)))
        balance = till.balance(guest, cafe.stamps)

    assert (sorted(statuses), balance) == ([201] * 3 + [409] * 13, 3)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 100), st.integers(0, 6000)), max_size=60)
)
def test_no_order_of_scans_gives_a_card_or_a_till_more_than_its_cap(scans: list[tuple[int, int, int, int]]) -> None:
    counts: dict[tuple[str, str], int] = {}
    passed: list[tuple[int, int]] = []

    def count(policy: Policy, subject: str) -> Standing:
        counts[policy.name, subject] = counts.get((policy.name, subject), 0) + 1
        return Standing(policy, counts[policy.name, subject], 60)

    with clock.held(NOON):
        for card, till, hours, amount in scans:
            before = dict(counts)
            happening = Happening(
                kind="purchase", occurred_at=NOON - timedelta(hours=hours), amount=amount, offline=True,
                api_key_id=UUIDS[till],
            )  # fmt: skip
            try:
                CAPS.check(happening, UUIDS[card])
                CAPS.spend(happening, UUIDS[card], count)
            except (OfflineLimitError, OfflineTooOldError):
                # The transaction rolls back, and what it counted with it.
                counts = before
                continue
            assert hours <= 72
            assert amount <= 5000
            passed.append((card, till))

    for number in range(4):
        assert sum(card == number for card, _ in passed) <= CAPS.per_card
        assert sum(till == number for _, till in passed) <= CAPS.per_till


UUIDS = [ids.new_id() for _ in range(4)]


def kept(till: Till, guest: Guest, key: str) -> dict[str, Any]:
    """Return a scan as a till keeps it."""
    return {
        "key": key, "code": guest.code, "store_id": till.cafe.store, "activity": {"kind": "visit"}, "offline": True,
        "occurred_at": "2026-11-24T09:30:00Z",
    }  # fmt: skip


def sync(till: Till, *scans: dict[str, Any]) -> list[dict[str, Any]]:
    """Send the scans that a till kept; return the answer of each."""
    answer = till.client.post("/v1/scans/batch", json={"scans": scans}, headers=till.headers)
    assert answer.status_code == 200, answer.json
    found: list[dict[str, Any]] = answer.json["data"]
    return found


def moving(token: str, key: bytes, at: datetime) -> str:
    """Return what the app showed at an instant."""
    return rotating_code(token, key, int(at.timestamp()))


@pytest.fixture(scope="module")
def few(settings: Settings, database: Database) -> FlaskClient:
    """A client of an installation that believes little."""
    little = replace(
        settings, offline_scans_per_card=3, offline_scans_per_till=5, offline_amount_max=5000, offline_hours=72
    )
    made = Database(little)
    made.__dict__.update(web=database.web, hot=database.hot)
    return create_app(little, made).test_client()


@pytest.fixture
def cafe(world: World) -> Cafe:
    """The café, beside another."""
    make_cafe(make_world(world.database))
    return make_cafe(world)


@pytest.fixture
def till(few: FlaskClient, cafe: Cafe) -> Till:
    """Its till."""
    return Till(few, cafe)
