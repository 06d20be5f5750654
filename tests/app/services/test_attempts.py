"""Counters of tries, in the real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app import clock, ids
from app.db import Database
from app.models import Attempt
from app.services import attempts
from app.services.attempts import Policy, Standing

THREE = Policy("three", 3, 60)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def tried(database: Database, subject: str, policy: Policy = THREE) -> Standing:
    with database.transaction() as session:
        return attempts.count(session, database.keyring, policy=policy, subject=subject)


def test_the_fourth_of_three_tries_is_one_too_many(database: Database) -> None:
    subject = ids.secret_text()

    standings = [tried(database, subject) for _ in range(4)]

    assert [one.allowed for one in standings] == [True, True, True, False]
    assert [one.remaining for one in standings] == [2, 1, 0, 0]


def test_subjects_and_policies_are_counted_apart(database: Database) -> None:
    subject = ids.secret_text()
    tried(database, subject)

    assert tried(database, ids.secret_text()).count == 1
    assert tried(database, subject, Policy("other", 3, 60)).count == 1


def test_the_next_window_begins_anew(database: Database) -> None:
    subject = ids.secret_text()
    with clock.held(NOON + timedelta(seconds=50)):
        first = tried(database, subject)
        clock.advance(timedelta(seconds=10))
        second = tried(database, subject)

    assert (first.count, first.reset_seconds) == (1, 10)
    assert (second.count, second.reset_seconds) == (1, 60)


def test_tries_at_the_same_time_see_each_other(database: Database) -> None:
    subject = ids.secret_text()
    with ThreadPoolExecutor(8) as pool:
        counts = sorted(pool.map(lambda _: tried(database, subject).count, range(24)))

    assert counts == list(range(1, 25))


def test_who_has_shown_who_they_are_begins_anew(database: Database) -> None:
    subject, other = ids.secret_text(), ids.secret_text()
    tried(database, subject)
    tried(database, other)
    with database.transaction() as session:
        attempts.forget(session, database.keyring, policy=THREE, subject=subject)

    assert tried(database, subject).count == 1
    assert tried(database, other).count == 2


def test_counters_hold_no_address(database: Database) -> None:
    tried(database, "ana@cafe.example")
    with database.across_programs() as session:
        buckets = list(session.scalars(select(Attempt.bucket)))

    assert all(len(bucket) == 32 for bucket in buckets)
    assert ids.digest("three\0ana@cafe.example") not in buckets


def test_old_counters_are_dropped_and_new_ones_stay(database: Database) -> None:
    subject = ids.secret_text()
    with clock.held(clock.now() - timedelta(days=3)):
        tried(database, subject)
    tried(database, subject)
    with database.across_programs() as session:
        gone = attempts.forget_old(session)

    assert gone >= 1
    assert tried(database, subject).count == 2


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_household_counts_as_one(address: str, stands_for: str) -> None:
    assert attempts.network(address) == stands_for
