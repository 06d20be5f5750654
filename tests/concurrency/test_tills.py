"""Many tills at once over HTTP, on the real application: each thread has a client of its own.

Beside each guarantee stands the naive way of doing the same, which must fail the same check: a check that cannot fail
checks nothing.
"""

import threading
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app import clock, ids
from app.codes.grammar import rotating_code
from app.models import Account, Activity, Card, Entry, Event, Voucher
from app.services import cards, verification
from tests.concurrency.together import THREADS, together
from tests.world import World
from tests.world_ledger import Books
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest

KEYS = 4
REPEATS = 50
VOUCHERS = 30
TILLS = 32


class Tills:
    """A till for each thread."""

    def __init__(self, application: Flask, cafe: Cafe) -> None:
        self._application = application
        self._cafe = cafe
        self._own = threading.local()

    def here(self) -> Till:
        """Return this thread's till."""
        if not hasattr(self._own, "till"):
            self._own.till = Till(self._application.test_client(), self._cafe)
        till: Till = self._own.till
        return till


def test_one_key_from_many_tills_at_once_is_one_effect(tills: Tills, cafe: Cafe) -> None:
    guests = [make_guest(cafe) for _ in range(KEYS)]

    def scan(place: int) -> Any:
        guest = guests[place % KEYS]
        return tills.here().scan(guest, "purchase", key=f"key-{place % KEYS}", amount=10_00)

    answers = together(scan, range(KEYS * REPEATS))

    assert {answer.status_code for answer in answers} <= {201, 409}
    for place, guest in enumerate(guests):
        bodies = {answer.get_data() for answer in answers[place::KEYS] if answer.status_code == 201}
        assert len(bodies) == 1
        assert _effects(cafe, guest) == (1, 1, 1, 10)
    assert _drifts(cafe) == []


def test_the_naive_way_counts_one_scan_more_than_once(cafe: Cafe) -> None:
    guest = make_guest(cafe)
    read = threading.Barrier(THREADS)

    def look_then_buy(_: int) -> None:
        with cafe.world.database.transaction(cafe.world.program_id) as session:
            done = session.scalars(select(Activity.id).where(Activity.member_id == guest.id)).all()
        read.wait(timeout=120)
        if not done:
            Books(cafe, guest.id).buy(10_00)

    together(look_then_buy, range(THREADS))

    assert _effects(cafe, guest) != (1, 1, 1, 10)


@pytest.mark.parametrize("path", ["/activities", "/redemptions", "/accounts/{account}/burn"])
def test_one_key_is_one_effect_wherever_value_moves(tills: Tills, cafe: Cafe, path: str) -> None:
    guest = make_guest(cafe)
    account = tills.here().scan(guest, "purchase", amount=500_00).json["accounts"][0]["id"]
    body = {
        "/activities": {"member_id": ids.show("member", guest.id), "activity": {"kind": "purchase", "amount": 1_00}},
        "/redemptions": {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store},
    }.get(path, {"amount": 7, "store_id": cafe.store})

    answers = together(lambda _: tills.here().post(path.format(account=account), body, "k1"), range(2 * THREADS))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.get_data() for answer in answers if answer.status_code == 201}) == 1
    assert len(_entries(cafe, guest)) == 2
    assert _drifts(cafe) == []


def test_a_voucher_shown_at_many_tills_is_honoured_by_one(tills: Tills, cafe: Cafe) -> None:
    codes = _vouchers(tills, cafe, VOUCHERS)

    answers = together(
        lambda place: tills.here().post(f"/vouchers/{codes[place // TILLS]}/use", {"store_id": cafe.store}),
        range(TILLS * VOUCHERS),
    )

    for place in range(VOUCHERS):
        told = answers[place * TILLS : (place + 1) * TILLS]
        assert Counter(answer.status_code for answer in told) == {200: 1, 409: TILLS - 1}
        losers = [answer.json for answer in told if answer.status_code == 409]
        assert {(answer["code"], answer["store"]) for answer in losers} == {("voucher-used", "Bastille")}
    assert _told(cafe, "voucher.used") == VOUCHERS


def test_the_naive_way_honours_a_voucher_more_than_once(tills: Tills, cafe: Cafe) -> None:
    _vouchers(tills, cafe, 1)
    read = threading.Barrier(THREADS)

    def use_naively(_: int) -> bool:
        with cafe.world.database.transaction(cafe.world.program_id) as session:
            voucher = session.scalars(select(Voucher)).one()
            fresh = voucher.status == "issued"
            read.wait(timeout=120)
            if fresh:
                session.execute(update(Voucher).values(status="used", used_at=clock.now()))
            return fresh

    assert sum(together(use_naively, range(THREADS))) > 1


@pytest.mark.parametrize("how", ["burn", "redeem"])
def test_a_balance_pays_as_often_as_it_reaches(tills: Tills, cafe: Cafe, how: str) -> None:
    guest = make_guest(cafe)
    price = {"burn": 10, "redeem": 30}[how]
    account = tills.here().scan(guest, "purchase", amount=50 * price * 100).json["accounts"][0]["id"]

    def pay(_: int) -> Any:
        if how == "burn":
            return tills.here().post(f"/accounts/{account}/burn", {"amount": price, "store_id": cafe.store})
        body = {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store}
        return tills.here().post("/redemptions", body)

    answers = together(pay, range(100))

    assert Counter(answer.status_code for answer in answers) == {201: 50, 409: 50}
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"insufficient-balance"}
    assert tills.here().balance(guest, cafe.points) == 0
    assert _drifts(cafe) == []


def test_the_naive_way_overspends(tills: Tills, cafe: Cafe) -> None:
    guest = make_guest(cafe)
    tills.here().scan(guest, "purchase", amount=50_00)
    read = threading.Barrier(THREADS)

    def burn_naively(_: int) -> bool:
        with cafe.world.database.transaction(cafe.world.program_id) as session:
            wanted = (Account.member_id == guest.id) & (Account.purse_id == cafe.points)
            balance = session.scalars(select(Account.balance).where(wanted)).one()
            read.wait(timeout=120)
            if balance >= 10:
                session.execute(update(Account).where(wanted).values(balance=balance - 10))
            return balance >= 10

    assert sum(together(burn_naively, range(THREADS))) > 5
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.execute(
            update(Account).where(Account.member_id == guest.id, Account.purse_id == cafe.points).values(balance=50)
        )


def test_a_hot_card_is_scanned_by_many_tills_without_an_error(tills: Tills, cafe: Cafe) -> None:
    guest = make_guest(cafe)

    answers = together(lambda _: tills.here().scan(guest), range(6 * THREADS))

    assert {answer.status_code for answer in answers} == {201}
    assert tills.here().balance(guest, cafe.stamps) == 6 * THREADS % 10
    given = [voucher for answer in answers for voucher in answer.json["effects"] if voucher["kind"] == "voucher"]
    assert len(given) == 6 * THREADS // 10
    assert _drifts(cafe) == []


def test_everything_at_once_on_one_member_ends_without_a_deadlock(tills: Tills, cafe: Cafe) -> None:
    guest = make_guest(cafe)
    first = tills.here().scan(guest, "purchase", amount=900_00).json
    account = first["accounts"][0]["id"]
    sales = [tills.here().scan(guest, "purchase", amount=3_00).json["id"] for _ in range(8)]
    codes = _vouchers(tills, cafe, 8, guest)

    def act(place: int) -> int:
        till, turn = tills.here(), place // 6
        found = (
            lambda: till.scan(guest, "purchase", amount=2_00),
            lambda: till.scan(guest),
            lambda: till.post(f"/activities/{sales[turn]}/reverse", {"reason": "refund"}),
            lambda: till.post(f"/vouchers/{codes[turn]}/void", {"reason": "mistake"}),
            lambda: till.post(f"/accounts/{account}/holds", {"amount": 5, "store_id": cafe.store}),
            lambda: till.post(f"/accounts/{account}/burn", {"amount": 5, "store_id": cafe.store}),
        )[place % 6]()
        return int(found.status_code)

    answers = together(act, range(48))

    assert set(answers) <= {200, 201}
    assert tills.here().balance(guest, cafe.points) == 900 + 8 * 2 - 8 * 5 + 8 * 30
    assert _drifts(cafe) == []


def test_a_refund_sent_twice_at_once_takes_back_once(tills: Tills, cafe: Cafe) -> None:
    guest = make_guest(cafe)
    sales = [tills.here().scan(guest, "purchase", amount=10_00).json["id"] for _ in range(10)]

    answers = together(
        lambda place: tills.here().post(f"/activities/{sales[place // 4]}/reverse", {"reason": "refund"}), range(40)
    )

    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 30}
    assert tills.here().balance(guest, cafe.points) == 0
    assert _drifts(cafe) == []


def test_a_code_that_moves_is_accepted_once(tills: Tills, cafe: Cafe) -> None:
    guest = make_guest(cafe)
    code = _rotating(cafe, guest.card_id)

    answers = together(lambda _: tills.here().scan(guest, code=code), range(THREADS))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: THREADS - 1}
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"code-used"}
    assert tills.here().balance(guest, cafe.stamps) == 1


def _vouchers(tills: Tills, cafe: Cafe, count: int, guest: Guest | None = None) -> list[str]:
    """Redeem so many cakes; return the vouchers' codes."""
    guest = guest or make_guest(cafe)
    tills.here().scan(guest, "purchase", amount=30_00 * count)
    body = {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store}
    return [tills.here().post("/redemptions", body).json["code"] for _ in range(count)]


def _rotating(cafe: Cafe, card_id: UUID) -> str:
    keyring = cafe.world.database.keyring
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        card = session.scalars(select(Card).where(Card.id == card_id)).one()
        key = keyring.unseal(card.totp_key_sealed, context=card.id.bytes)
        return rotating_code(cards.token_of(keyring, card), key, clock.unix_seconds())


def _entries(cafe: Cafe, guest: Guest) -> list[int]:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        query = select(Entry.amount).join(Account, Account.id == Entry.account_id).where(Account.member_id == guest.id)
        return list(session.scalars(query))


def _effects(cafe: Cafe, guest: Guest) -> tuple[int, int, int, int]:
    """Return how many activities, entries and events there are, and the sum of the entries."""
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        activities = session.scalar(select(func.count()).where(Activity.member_id == guest.id))
        events = session.scalar(
            select(func.count()).where(Event.member_id == guest.id, Event.kind == "activity.recorded")
        )
    entries = _entries(cafe, guest)
    return activities or 0, len(entries), events or 0, sum(entries)


def _told(cafe: Cafe, kind: str) -> int:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        return int(session.scalar(select(func.count()).where(Event.kind == kind)) or 0)


def _drifts(cafe: Cafe) -> list[Any]:
    return verification.verify(cafe.world.database, program_id=cafe.world.program_id)


@pytest.fixture
def cafe(world: World) -> Cafe:
    return make_cafe(world)


@pytest.fixture
def tills(application: Flask, cafe: Cafe) -> Tills:
    return Tills(application, cafe)
