"""The demo's data: believable, the same each time, and in books that add up."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from api.demo import seed
from api.demo.people import Moment, draw, moments, people
from app import clock
from app.db import Database
from app.models import Activity, Card, Entry, Member, Voucher
from app.services import verification

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="module")
def story() -> list[Moment]:
    """Three months of the forty."""
    now = clock.now()
    return moments(now.date(), PARIS, now)


def test_chance_is_the_same_each_time_and_spread_evenly() -> None:
    drawn = [draw("a", number) for number in range(2000)]
    assert drawn == [draw("a", number) for number in range(2000)]
    assert all(0 <= one < 1 for one in drawn)
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.03


def test_forty_people_have_forty_addresses_that_lead_nowhere() -> None:
    addresses = {person.email for person in people()}
    assert len(addresses) == 40
    assert all(address.isascii() and address.endswith("@example.com") for address in addresses)


def test_everybody_joins_before_anything_else(story: list[Moment]) -> None:
    first: dict[int, Moment] = {}
    for moment in story:
        first.setdefault(moment.person.number, moment)
    assert len(first) == 40
    assert {moment.kind for moment in first.values()} == {"join"}


def test_the_story_spans_three_months_of_opening_hours(story: list[Moment]) -> None:
    assert timedelta(days=80) < story[-1].at - story[0].at < timedelta(days=93)
    local = [moment.at.astimezone(PARIS) for moment in story]
    assert {at.weekday() for at in local} == set(range(6))
    assert all(7 <= at.hour < 19 for at in local)
    assert story == sorted(story, key=lambda moment: moment.at)


@pytest.mark.usefixtures("empty_database")
def test_the_seeded_programme_is_found_again_and_its_books_add_up(database: Database) -> None:
    assert seed.find(database) is None
    program_id, *_ = seed.make(database)
    assert seed.find(database) == program_id
    assert verification.verify(database) == []
    with database.transaction(program_id) as session:
        assert int(session.scalar(select(func.count()).select_from(Member)) or 0) >= 40
        kinds = set(session.scalars(select(Entry.kind).distinct()))
        happened = session.execute(select(func.min(Activity.occurred_at), func.max(Activity.occurred_at))).one()
        statuses = set(session.scalars(select(Voucher.status).distinct()))
    assert kinds >= {"earn", "burn", "reverse"}
    assert statuses >= {"issued", "used"}
    assert happened[1] - happened[0] > timedelta(days=80)


def test_no_card_of_the_demo_ends_when_somebody_signs_in_under_its_address(database: Database) -> None:
    program_id = seed.find(database) or seed.make(database)[0]
    with database.transaction(program_id) as session:
        assert session.scalar(select(func.count()).where(Card.unproved)) == 0
