"""Conditions ask the database what they say, for the session's programme alone."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import exists, func, select

from app import clock, ids, parameters
from app.db import Database, Session
from app.models import Account, Lot, Member
from app.segments.kinds import CONDITIONS
from app.segments.trees import leaves, load
from app.services import segments
from tests.world import World, make_world
from tests.world_members import enrol, make_customer, make_purse
from tests.world_segments import make_activity, make_campaign, make_delivery, make_device


def found(world: World, where: dict[str, Any]) -> set[UUID]:
    """Return who satisfies a tree, as a request sees it; the worker must see the same."""
    with world.database.transaction(world.program_id) as session:
        clause = segments.audience(session, {"where": where})
        web = set(session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause)))
    with world.database.across_programs() as session:
        clause = segments.audience(session, {"where": where}, program_id=world.program_id)
        worker = set(session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause)))
    assert web == worker
    return web


@pytest.mark.parametrize("kind", list(CONDITIONS))
def test_every_kind_reads_its_own_example_and_runs(world: World, kind: str) -> None:
    member = enrol(world)
    example = {"kind": kind, **parameters.example(CONDITIONS[kind])}

    assert [leaf.kind for leaf in leaves(load(example))] == [kind]
    assert found(world, {"all": [example]}) <= {member.id}
    assert found(world, {"any": [example, {"none": [example]}]}) == {member.id}


@pytest.mark.parametrize(
    ("now", "born", "window", "expected"),
    [
        ("2026-12-30T12:00Z", "1990-01-02", (0, 3), True),
        ("2026-12-30T12:00Z", "1990-01-02", (0, 2), False),
        ("2027-01-01T12:00Z", "1990-12-31", (-1, 0), True),
        ("2026-12-31T23:30Z", "1990-01-01", (0, 0), True),  # in Paris it is New Year
        ("2026-12-31T22:30Z", "1990-01-01", (0, 0), False),
        ("2027-02-28T12:00Z", "1992-02-29", (0, 0), True),
        ("2027-03-01T12:00Z", "1992-02-29", (0, 0), False),
        ("2028-02-28T12:00Z", "1992-02-29", (0, 0), False),
        ("2028-02-29T12:00Z", "1992-02-29", (0, 0), True),
        ("2027-02-20T12:00Z", "1992-02-29", (0, 7), False),
        ("2027-02-20T12:00Z", "1992-02-29", (0, 8), True),
        ("2027-06-01T12:00Z", "1992-02-29", (-366, 366), True),
    ],
)
def test_birthdays_over_new_year_and_on_29_february(
    world: World, now: str, born: str, window: tuple[int, int], *, expected: bool
) -> None:
    enrol(world, birth_on=date.fromisoformat(born))

    with clock.held(datetime.fromisoformat(now)):
        who = found(world, {"kind": "birthday", "from_days": window[0], "to_days": window[1]})

    assert bool(who) == expected


def test_an_activity_told_late_counts_for_the_day_it_happened(world: World) -> None:
    member = enrol(world)
    make_activity(world, member.id, occurred_at=clock.now() - timedelta(days=9), offline=True)

    assert found(world, {"kind": "recency", "last": "within", "days": 9}) == {member.id}
    assert found(world, {"kind": "recency", "last": "within", "days": 8}) == set()


def test_windows_of_days_leave_older_months_unread(world: World, database: Database) -> None:
    with database.owner.begin() as connection:
        connection.exec_driver_sql("SELECT ensure_partitions(now() - interval '70 days', 0)")
        old = connection.exec_driver_sql(
            "SELECT to_char(now() - interval '70 days', '\"activity_\"YYYY_MM')"
        ).scalar_one()

    def read(**window: int) -> set[str]:
        with database.transaction(world.program_id) as session:
            clause = segments.audience(session, {"where": {"kind": "visits", "count": 1, **window}})
            query = select(Member.id).where(Member.program_id == world.program_id, clause)
            text = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
            plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {text.replace('%', '%%')}").scalars())
        return set(re.findall(r"on (activity_(?:\d{4}_\d{2}|default))", plan))

    assert old in read()
    assert read(within_days=0) == read() - {old}


def test_what_has_run_out_and_is_not_booked_yet_is_not_held(world: World) -> None:
    member, purse = enrol(world), make_purse(world)
    yesterday = clock.now() - timedelta(days=1)
    with world.database.transaction(world.program_id) as session:
        account = Account(member_id=member.id, purse_id=purse, balance=50, next_expiry_at=yesterday)
        session.add(account)
        session.flush()
        for amount, ends in ((20, yesterday), (30, None)):
            session.add(
                Lot(
                    account_id=account.id, entry_id=ids.new_id(), amount=amount, remaining=amount,
                    available_from=yesterday, expires_at=ends,
                )
            )  # fmt: skip
    held = {"kind": "balance", "purse_id": ids.show("purse", purse), "op": "exactly"}

    assert found(world, {**held, "amount": 30}) == {member.id}
    assert found(world, {**held, "amount": 50}) == set()


def test_a_question_that_takes_too_long_is_a_problem_of_its_own(world: World) -> None:
    with world.database.web.connect() as connection, Session(connection, program_id=world.program_id) as session:
        session.execute(select(func.set_config("statement_timeout", "20", True)))
        with pytest.raises(segments.SegmentTooSlowError), segments.in_time():
            session.execute(select(func.pg_sleep(5)))


def test_doors_answer_about_the_sessions_own_members_only(world: World, database: Database) -> None:
    person, since = make_customer(database, locale="pt-BR"), clock.now() - timedelta(days=1)
    make_device(world, person.id)
    enrol(world, email=person.email)
    questions = [
        func.member_has_device(person.id, None, since).is_(True),
        func.member_app_locale(person.id) == "pt-BR",
        exists(select(func.customers_with_device(None, since))),
        exists(select(func.customers_locales())),
    ]

    def answers(program_id: UUID | None) -> list[bool]:
        with database.transaction(program_id) as session:
            return [bool(session.scalar(select(question))) for question in questions]

    assert answers(world.program_id) == [True] * 4
    assert answers(make_world(database).program_id) == [False] * 4
    assert answers(None) == [False] * 4


def test_an_empty_audience_is_everybody_of_the_programme(world: World, database: Database) -> None:
    member = enrol(world)
    enrol(make_world(database))

    with database.across_programs() as session:
        clause = segments.audience(session, {}, program_id=world.program_id)
        rows = session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause))
        assert list(rows) == [member.id]
    assert ids.show("member", member.id).startswith("mbr_")


def test_a_test_send_is_nothing_that_a_campaign_did(world: World) -> None:
    told, tried, both = (enrol(world).id for _ in range(3))
    campaign = make_campaign(world)
    make_delivery(world, campaign, told, "opened")
    make_delivery(world, campaign, tried, "opened", test=True)
    make_delivery(world, campaign, both, "sent")
    make_delivery(world, campaign, both, "opened", test=True)

    def did(what: str) -> set[UUID]:
        return found(world, {"kind": "campaign", "campaign_id": ids.show("campaign", campaign), "did": what})

    assert did("was_sent") == {told, both}
    assert did("was_not_sent") == {tried}
    assert did("opened") == {told}
    assert did("did_not_open") == {both}
