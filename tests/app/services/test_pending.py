"""Credits that wait: shown, not spent; confirmed in time, or taken back."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.models import PendingGrant
from app.services import jobs, pending
from app.services.ledger import InsufficientBalanceError
from tests.world import World
from tests.world_ledger import Books, days, make_books

pytestmark = pytest.mark.usefixtures("empty_database")

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)


def test_what_waits_is_shown_and_cannot_be_spent(books: Books) -> None:
    books.buy(10_00)

    assert (books.balance, books.account().pending) == (0, 10)
    with pytest.raises(InsufficientBalanceError):
        books.burn(1)
    assert books.drifts() == []


def test_it_is_credited_when_it_has_waited_and_not_a_day_before(books: Books, database: Database) -> None:
    with clock.held(NOON):
        books.buy(10_00)
        clock.advance(days(13))
        jobs.confirm_pending(database)
        early = books.balance
        clock.advance(days(1))
        jobs.confirm_pending(database)
        jobs.confirm_pending(database)

    assert early == 0
    assert (books.balance, books.account().pending, books.entries()) == (10, 0, [("earn", 10)])
    assert books.drifts() == []


def test_a_late_scan_that_has_waited_already_is_credited_at_once(books: Books) -> None:
    with clock.held(NOON):
        books.buy(10_00, at=NOON - days(14))

    assert (books.balance, books.account().pending) == (10, 0)


def test_it_expires_as_if_it_were_earned_when_it_could_first_be_used(world: World, database: Database) -> None:
    books = make_books(world, hold_days=14, expiry={"policy": "after_days", "days": 10})
    with clock.held(NOON):
        books.buy(10_00)
        clock.advance(days(20))
        jobs.confirm_pending(database)

    assert books.account().next_expiry_at == NOON + days(24)


def test_a_whole_refund_cancels_it_and_nothing_comes(books: Books, database: Database) -> None:
    with clock.held(NOON):
        sale = books.buy(10_00)
        books.refund(sale)
        clock.advance(days(20))
        jobs.confirm_pending(database)

    assert (books.balance, books.account().pending, books.entries()) == (0, 0, [])
    assert _states(books) == ["cancelled"]
    assert books.drifts() == []


def test_a_refund_in_part_before_and_after_takes_what_one_refund_would(books: Books, database: Database) -> None:
    with clock.held(NOON):
        sale = books.buy(10_00)
        books.refund(sale, amount=3_50)
        waiting = books.account().pending
        clock.advance(days(20))
        jobs.confirm_pending(database)
        credited = books.balance
        books.refund(sale, amount=2_50)
        left = books.balance
        books.refund(sale)

    assert (waiting, credited, left, books.balance) == (6, 6, 4, 0)
    assert books.drifts() == []


def test_what_is_credited_pays_a_debt_first(books: Books, database: Database) -> None:
    with clock.held(NOON):
        first = books.buy(10_00, at=NOON - days(20))
        books.burn(10)
        books.refund(first)
        books.buy(15_00)
        clock.advance(days(20))
        jobs.confirm_pending(database)

    assert (books.balance, books.account().debt) == (5, 0)
    assert books.drifts() == []


def test_what_is_credited_after_an_inactive_time_does_not_go_with_it(world: World, database: Database) -> None:
    sliding = {"policy": "inactivity", "days": 10, "kinds": ["visit"]}
    books = make_books(world, hold_days=14, expiry=sliding)
    with clock.held(NOON):
        books.adjust(5)
        books.do("visit")
        books.buy(10_00)
        clock.advance(days(20))
        jobs.confirm_pending(database)
        jobs.expire_lots(database)

    assert books.entries() == [("adjust", 5), ("expire", -5), ("earn", 10)]


def test_what_is_confirmed_by_hand_comes_at_once_and_only_once(books: Books, database: Database) -> None:
    with clock.held(NOON):
        sale = books.buy(10_00)
        for _ in range(2):
            with books.open() as (session, setup):
                pending.confirm_activity(session, setup, activity_id=sale, member_id=books.member_id)
        clock.advance(days(20))
        jobs.confirm_pending(database)

    assert (books.balance, books.account().pending, books.entries()) == (10, 0, [("earn", 10)])
    assert books.drifts() == []


def _states(books: Books) -> list[str]:
    with books.open() as (session, _):
        return list(session.scalars(select(PendingGrant.state).where(PendingGrant.account_id == books.account().id)))


@pytest.fixture
def books(world: World) -> Books:
    return make_books(world, hold_days=14)
