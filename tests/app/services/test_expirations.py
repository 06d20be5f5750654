"""What runs out is booked: when an account is touched, or by the job, to the same books."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from app import clock
from app.db import Database, Session
from app.models import Entry, Program, Reward
from app.services import expirations, holdings, jobs
from tests.world import World, make_world
from tests.world_ledger import Books, days, make_books
from tests.world_till import make_guest

pytestmark = pytest.mark.usefixtures("empty_database")

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
SLIDING = {"policy": "inactivity", "days": 30, "kinds": ["visit"]}


def test_lots_run_out_each_in_its_turn_and_the_entry_says_when(world: World) -> None:
    books = make_books(world)
    with clock.held(NOON):
        for day in (3, 1, 2, 9):
            books.credit(day, expires_at=NOON + days(day))
        clock.advance(days(5))
        books.adjust(1)

        with books.open() as (session, _):
            entries = [(entry.kind, entry.amount, entry.occurred_at) for entry in _expiries(session, books)]

    assert entries == [("expire", -day, NOON + days(day)) for day in (1, 2, 3)]
    assert books.account().next_expiry_at == NOON + days(9)
    assert books.drifts() == []


def test_at_its_instant_a_lot_is_gone_and_a_moment_before_it_is_not(world: World) -> None:
    books = make_books(world)
    with clock.held(NOON):
        books.credit(10, expires_at=NOON + days(1))
        clock.advance(days(1) - timedelta(microseconds=1))
        books.burn(4)
        clock.advance(timedelta(microseconds=1))
        books.adjust(1)

    assert books.entries() == [("adjust", 10), ("burn", -4), ("expire", -6), ("adjust", 1)]


def test_a_touch_and_the_job_write_the_same(world: World, database: Database) -> None:
    touched, left = make_books(world), make_books(make_world(database))
    with clock.held(NOON):
        for books in (touched, left):
            books.credit(5, expires_at=NOON + days(1))
            books.credit(7, expires_at=NOON + days(2))
            books.credit(9)
        clock.advance(days(3))
        touched.adjust(1)
        jobs.expire_lots(database)
        left.adjust(1)

    assert touched.entries() == left.entries()
    assert touched.entries()[3:] == [("expire", -5), ("expire", -7), ("adjust", 1)]


def test_what_is_shown_before_it_is_booked_is_what_will_be_booked(world: World) -> None:
    books = make_books(world)
    with clock.held(NOON):
        books.credit(5, expires_at=NOON + days(1))
        books.credit(9)
        clock.advance(days(1))

        with books.open() as (session, _):
            shown = {
                one.purse.id: one.balance for one in holdings.of_members(session, [books.member_id])[books.member_id]
            }
        jobs.expire_lots(world.database)

    assert shown[books.cafe.points] == books.balance == 9


def test_the_job_may_run_again_and_finds_nothing(world: World, database: Database) -> None:
    books = make_books(world)
    with clock.held(NOON):
        books.credit(5, expires_at=NOON + days(1))
        clock.advance(days(1))
        jobs.expire_lots(database)
        before = books.entries()

        assert jobs.expire_lots(database) == 0
        assert books.entries() == before


def test_a_job_cut_short_goes_on_where_it_stopped(world: World, database: Database) -> None:
    first = make_books(world)
    others = [first, *(Books(first.cafe, make_guest(first.cafe).id) for _ in range(3))]
    with clock.held(NOON):
        for books in others:
            books.credit(5, expires_at=NOON + days(1))
        clock.advance(days(1))
        with first.open() as (session, setup):
            assert expirations.expire_due(session, setup, limit=2) == 2
        jobs.expire_lots(database)

    assert [books.balance for books in others] == [0] * 4


def test_what_a_till_holds_does_not_run_out_under_its_hands(world: World) -> None:
    books = make_books(world)
    with clock.held(NOON):
        books.credit(10, expires_at=NOON + timedelta(minutes=5))
        hold = books.hold(6)
        clock.advance(timedelta(minutes=10))
        jobs.expire_lots(world.database)
        kept = books.balance
        books.capture(hold, 4)

    assert kept == 6
    assert books.entries() == [("adjust", 10), ("expire", -4), ("burn", -4), ("expire", -2)]
    assert books.drifts() == []


@pytest.mark.parametrize("booked_between", [True, False])
def test_a_hold_keeps_what_would_run_out_first_whenever_that_is_booked(world: World, *, booked_between: bool) -> None:
    books = make_books(world)
    with clock.held(NOON):
        books.credit(10, expires_at=NOON + timedelta(minutes=5))
        books.credit(5)
        hold = books.hold(6)
        clock.advance(timedelta(minutes=10))
        if booked_between:
            jobs.expire_lots(world.database)
        books.capture(hold)

    assert books.lots() == [0, 5]
    assert books.drifts() == []


def test_chosen_activities_keep_all_of_an_account_alive(world: World) -> None:
    books = make_books(world, expiry=SLIDING)
    with clock.held(NOON):
        books.do("visit")
        books.buy(10_00)
        clock.advance(days(29))
        books.do("visit")
        clock.advance(days(29))
        books.buy(5_00)
        alive = books.balance
        clock.advance(days(3))
        jobs.expire_lots(world.database)

    assert alive == 15
    assert books.entries()[-1] == ("expire", -15)
    assert books.drifts() == []


def test_an_inactive_account_says_when_it_ran_out_whenever_it_is_booked(world: World) -> None:
    books = make_books(world, expiry=SLIDING)
    with clock.held(NOON):
        books.do("visit")
        books.buy(10_00)
        clock.advance(days(90))
        books.adjust(1)
        with books.open() as (session, _):
            instants = [entry.occurred_at for entry in _expiries(session, books)]

    assert instants == [datetime(2026, 4, 1, 22, tzinfo=UTC)]  # midnight of 2 April in Paris, 30 whole days later


def test_a_shorter_life_of_the_purse_leaves_what_was_earned_before_as_it_was(world: World) -> None:
    books = make_books(world, expiry={"policy": "after_days", "days": 100})
    with clock.held(NOON):
        books.buy(10_00)
        books.set_purse(expiry={"policy": "after_days", "days": 1})
        books.buy(3_00)
        clock.advance(days(2))
        books.adjust(1)

    assert (books.balance, books.lots()) == (11, [10, 0, 1])


@pytest.mark.parametrize("job", ["confirm_pending", "expire_holds", "expire_lots", "expire_vouchers"])
def test_one_programme_that_cannot_be_served_keeps_no_other_waiting(world: World, database: Database, job: str) -> None:
    broken, sound = make_books(make_world(database), hold_days=1), make_books(world, hold_days=1)
    with clock.held(NOON):
        for books in (broken, sound):
            books.credit(60, expires_at=NOON + days(2))
            books.buy(5_00)
            books.hold(1, seconds=60)
            _redeem_for_a_day(books)
        _set_zone(broken, "No/Where")
        clock.advance(days(3))
        with pytest.raises(ExceptionGroup):
            jobs.JOBS[job](database)
        account = sound.account()
        done = {
            "confirm_pending": account.pending == 0,
            "expire_holds": account.held == 0,
            "expire_lots": account.balance == account.held,
            "expire_vouchers": sound.vouchers() == [("Gâteau", "expired")],
        }
        _set_zone(broken, "Europe/Paris")
        jobs.JOBS[job](database)

    assert done[job]


def _expiries(session: Session, books: Books) -> list[Entry]:
    query = select(Entry).where(Entry.account_id == books.account().id, Entry.kind == "expire")
    return list(session.scalars(query.order_by(Entry.sequence)))


def _redeem_for_a_day(books: Books) -> None:
    with books.open() as (session, _):
        session.execute(update(Reward).where(Reward.id == books.cafe.cake).values(valid_days=1))
    books.redeem()


def _set_zone(books: Books, zone: str) -> None:
    """Give the programme a zone; with one that is nowhere, nothing of it can be served."""
    with books.cafe.world.database.transaction(books.cafe.world.program_id) as session:
        session.execute(update(Program).values(timezone=zone))
