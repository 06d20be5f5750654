"""Value moved by hand: paying, correcting, and what a till reserves."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.errors import InvalidError
from app.models import Event, Hold
from app.services import jobs, programs
from app.services.ledger import InsufficientBalanceError
from app.services.payments import HoldEndedError
from app.services.redemptions import RedemptionsFrozenError
from tests.world import World
from tests.world_ledger import Books, make_books

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)


def test_a_hold_is_captured_once(books: Books) -> None:
    hold = books.hold(40)
    books.capture(hold)

    with pytest.raises(HoldEndedError):
        books.capture(hold)

    assert (books.balance, books.account().held) == (60, 0)


def test_what_is_captured_in_part_frees_the_rest(books: Books) -> None:
    books.capture(books.hold(40), 15)

    books.burn(85)

    assert (books.balance, books.account().held) == (0, 0)
    assert books.drifts() == []


def test_more_than_is_held_cannot_be_captured(books: Books) -> None:
    hold = books.hold(40)

    with pytest.raises(InvalidError):
        books.capture(hold, 41)

    assert (books.balance, books.account().held) == (100, 40)


def test_holds_add_up_and_no_more_than_the_balance_is_held(books: Books) -> None:
    books.hold(60)

    with pytest.raises(InsufficientBalanceError) as refused:
        books.hold(41)
    books.hold(40)

    assert refused.value.data == {"needed": 41, "available": 40}
    assert books.account().held == 100
    assert books.drifts() == []


def test_a_hold_that_is_let_go_cannot_be_captured(books: Books) -> None:
    hold = books.hold(40)
    books.release(hold)

    with pytest.raises(HoldEndedError):
        books.capture(hold)

    assert books.account().held == 0


def test_an_old_hold_is_refused_and_let_go_by_the_job(books: Books, database: Database) -> None:
    with clock.held(NOON):
        hold = books.hold(40, seconds=60)
        clock.advance(timedelta(seconds=60))
        with pytest.raises(HoldEndedError):
            books.capture(hold)
        jobs.expire_holds(database)
        again = jobs.expire_holds(database)

    with books.open() as (session, _):
        assert session.scalars(select(Hold.state).where(Hold.id == hold)).one() == "expired"
    assert (books.account().held, again) == (0, 0)
    assert books.drifts() == []


def test_an_old_hold_keeps_nobody_from_paying_before_the_job_comes(books: Books) -> None:
    with clock.held(NOON):
        old, young = books.hold(60, seconds=60), books.hold(10, seconds=61)
        clock.advance(timedelta(seconds=60))
        books.burn(90)

    with books.open() as (session, _):
        states = {made.id: made.state for made in session.scalars(select(Hold))}
    assert (states[old], states[young]) == ("expired", "held")
    assert (books.balance, books.account().held) == (10, 10)
    assert books.drifts() == []


def test_an_old_hold_keeps_nobody_from_redeeming(books: Books) -> None:
    with clock.held(NOON):
        books.hold(100, seconds=60)
        with pytest.raises(InsufficientBalanceError):
            books.redeem()
        clock.advance(timedelta(seconds=60))
        books.redeem()

    assert books.account().held == 0
    assert books.drifts() == []


def test_what_ran_out_under_an_old_hold_is_booked_before_the_next_payment(books: Books) -> None:
    with clock.held(NOON):
        books.credit(50, expires_at=NOON + timedelta(seconds=30))
        books.hold(50, seconds=60)
        clock.advance(timedelta(seconds=60))
        with pytest.raises(InsufficientBalanceError):
            books.burn(101)
        books.burn(100)

    assert books.balance == 0
    assert books.drifts() == []


def test_nothing_is_captured_while_redemptions_are_frozen(books: Books) -> None:
    hold = books.hold(40)
    with books.open() as (session, _):
        programs.change(session, programs.hold(session), values={"redemptions_frozen": True})

    with pytest.raises(RedemptionsFrozenError):
        books.capture(hold)
    books.release(hold)

    assert (books.balance, books.account().held) == (100, 0)


def test_a_correction_of_nothing_is_refused(books: Books) -> None:
    with pytest.raises(InvalidError):
        books.adjust(0)


def test_a_correction_downwards_takes_no_more_than_there_is(books: Books) -> None:
    with pytest.raises(InsufficientBalanceError):
        books.adjust(-101)


def test_what_is_corrected_upwards_expires_as_the_purse_says(world: World) -> None:
    books = make_books(world, expiry={"policy": "end_of", "unit": "month", "after": 0})
    with clock.held(NOON):
        books.adjust(5)

    assert books.account().next_expiry_at == datetime(2026, 3, 31, 22, tzinfo=UTC)


def test_each_movement_by_hand_is_told(books: Books) -> None:
    books.burn(30)

    with books.open() as (session, _):
        query = select(Event).where(Event.kind == "entry.posted", Event.member_id == books.member_id).order_by(Event.id)
        told = [
            (event.data["kind"], event.data["amount"], event.data["balance_after"]) for event in session.scalars(query)
        ]

    assert told == [("adjust", 100, 100), ("burn", -30, 70)]


@pytest.fixture
def books(world: World) -> Books:
    made = make_books(world)
    made.adjust(100)
    return made
