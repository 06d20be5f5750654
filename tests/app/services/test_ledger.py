"""The law of the ledger: lots, debits, debts, what is given back, balances as of an instant."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app import clock
from app.models import Entry
from app.services import ledger
from app.services.ledger import InsufficientBalanceError
from tests.world import World
from tests.world_ledger import Books, days, make_books

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_what_expires_first_is_burnt_first_then_the_oldest_and_what_never_expires_last(books: Books) -> None:
    now = clock.now()
    for expires_at in (None, now + days(9), now + days(5), now + days(9)):
        books.credit(10, expires_at=expires_at)

    books.burn(25)

    assert books.lots() == [10, 0, 0, 5]
    assert books.drifts() == []


def test_no_more_can_be_burnt_than_there_is(books: Books) -> None:
    books.credit(10)

    with pytest.raises(InsufficientBalanceError) as refused:
        books.burn(11)

    assert refused.value.data == {"needed": 11, "available": 10}
    assert (books.balance, books.entries()) == (10, [("adjust", 10)])


def test_what_a_till_holds_cannot_be_burnt(books: Books) -> None:
    books.credit(10)
    books.hold(6)

    with pytest.raises(InsufficientBalanceError) as refused:
        books.burn(5)

    assert refused.value.data["available"] == 4


def test_a_debt_is_paid_by_the_next_credits_oldest_debt_first(books: Books) -> None:
    first, second = books.buy(10_00), books.buy(20_00)
    books.burn(30)
    books.refund(first)
    books.refund(second)
    assert (books.balance, books.account().debt) == (-30, 30)

    books.credit(12)
    owing = books.account()
    books.credit(25)

    assert (owing.balance, owing.debt) == (-18, 18)
    assert (books.balance, books.account().debt, books.lots()[-2:]) == (7, 0, [0, 7])
    assert books.drifts() == []


def test_a_voided_voucher_gives_back_to_the_very_lots_with_their_own_expiry(books: Books) -> None:
    now = clock.now()
    books.credit(20, expires_at=now + days(5))
    books.credit(20, expires_at=now + days(9))
    voucher = books.redeem()
    assert books.lots() == [0, 10]

    books.withdraw(voucher.id)

    assert books.lots() == [20, 20]
    assert books.account().next_expiry_at == now + days(5)
    assert books.drifts() == []


def test_what_is_given_back_after_its_day_runs_out_at_the_next_touch(books: Books) -> None:
    with clock.held(NOON):
        books.credit(30, expires_at=NOON + days(1))
        voucher = books.redeem()
        clock.advance(days(2))
        books.withdraw(voucher.id)

        books.adjust(1)

        assert books.entries()[-2:] == [("expire", -30), ("adjust", 1)]
        assert books.drifts() == []


def test_what_is_given_back_to_a_debtor_pays_the_debt(books: Books) -> None:
    sale = books.buy(30_00)
    voucher = books.redeem()
    books.refund(sale)
    assert books.account().debt == 30

    books.withdraw(voucher.id)

    assert (books.balance, books.account().debt, books.lots()) == (0, 0, [0])
    with pytest.raises(InsufficientBalanceError):
        books.burn(1)
    assert books.drifts() == []


def test_a_hold_that_is_let_go_pays_what_is_owed(books: Books) -> None:
    sale = books.buy(30_00)
    hold = books.hold(30)
    books.refund(sale)
    assert (books.balance, books.account().debt, books.lots()) == (0, 30, [30])

    books.release(hold)

    assert (books.balance, books.account().debt, books.lots()) == (0, 0, [0])
    assert books.drifts() == []


def test_a_part_of_one_lot_is_taken_now_and_the_rest_of_it_when_it_is_free(books: Books) -> None:
    sale = books.buy(30_00)
    hold = books.hold(20)
    books.refund(sale)
    assert (books.account().debt, books.lots()) == (20, [20])

    books.capture(hold, 15)

    assert (books.balance, books.account().debt, books.lots()) == (-15, 15, [0])
    assert books.drifts() == []


def test_the_balance_of_a_past_instant_can_be_asked_as_recorded_and_as_occurred(books: Books) -> None:
    with clock.held(NOON):
        books.credit(10)
        clock.advance(days(2))
        books.buy(5_00, at=NOON + days(1))
        books.burn(3)

    with books.open() as (session, _):
        account = books.account()
        asked = [ledger.balance_at(session, account, NOON + days(day)) for day in (-1, 0, 1, 2)]
        occurred = [ledger.balance_at(session, account, NOON + days(day), by="occurred") for day in (0, 1, 2)]

    assert (asked, occurred) == ([0, 10, 10, 12], [10, 15, 12])


def test_entries_are_numbered_and_carry_the_balance_after(books: Books) -> None:
    books.credit(10)
    books.burn(4)
    books.adjust(-1)

    with books.open() as (session, _):
        query = select(Entry).where(Entry.account_id == books.account().id).order_by(Entry.sequence)
        chain = [(entry.sequence, entry.amount, entry.balance_after) for entry in session.scalars(query)]

    assert chain == [(1, 10, 10), (2, -4, 6), (3, -1, 5)]


@pytest.fixture
def books(world: World) -> Books:
    return make_books(world)
