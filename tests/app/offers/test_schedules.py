"""When campaigns run: over changes of the clock, in every zone, and what never comes."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import parameters
from app.offers import schedules
from app.offers.schedules import Schedule
from app.parameters import Errors

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PARIS = "Europe/Paris"


def read(raw: dict[str, Any]) -> Errors:
    errors: Errors = []
    parameters.read(Schedule, raw, "#", errors)
    return errors


def runs(cron: str, *, after: datetime, count: int, zone: str = PARIS) -> list[str]:
    found = []
    for _ in range(count):
        run = schedules.next_run({"cron": cron}, after=after, zone=zone)
        assert run is not None
        found.append(run.strftime("%m-%d %H:%M"))
        after = run
    return found


def test_an_evening_stays_an_evening_when_the_clock_changes() -> None:
    assert runs("0 18 * * 5", after=datetime(2027, 3, 20, tzinfo=UTC), count=2) == ["03-26 17:00", "04-02 16:00"]


def test_a_skipped_time_runs_after_the_gap_once_and_a_repeated_one_the_first_time() -> None:
    spring = runs("30 2 * * *", after=datetime(2027, 3, 27, 12, tzinfo=UTC), count=2)
    autumn = runs("30 2 * * *", after=datetime(2026, 10, 24, 12, tzinfo=UTC), count=2)

    assert spring == ["03-28 01:00", "03-29 00:30"]
    assert autumn == ["10-25 00:30", "10-26 01:30"]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(["0 18 * * 5", "30 2 * * *", "0 */3 * * *", "15 2,3 28-31 * *", "0 9 1 * *", "0 1 L * *"]),
    st.sampled_from([PARIS, "America/New_York", "Australia/Lord_Howe", "UTC", "Africa/Casablanca", "Asia/Kolkata"]),
)
def test_the_next_run_is_always_later(after: datetime, cron: str, zone: str) -> None:
    after = after.replace(tzinfo=UTC)
    first = schedules.next_run({"cron": cron}, after=after, zone=zone)
    assert first is not None
    second = schedules.next_run({"cron": cron}, after=first, zone=zone)
    assert second is not None

    assert after < first < second


@given(st.text(alphabet="0123456789*/,-#L W MONFEB", max_size=30))
def test_any_cron_is_refused_or_comes(cron: str) -> None:
    if not read({"cron": cron}):
        found = schedules.next_run({"cron": cron}, after=NOW, zone=PARIS)
        assert found is None or found > NOW


def test_a_local_time_comes_at_each_zone_in_its_turn() -> None:
    local = schedules.wall_clock("2026-12-01T18:00:00")
    assert local is not None

    found = {zone: schedules.in_zone(local, zone) for zone in ("Asia/Tokyo", PARIS, "America/New_York", "No/Where")}

    assert [instant.hour for instant in found.values()] == [9, 17, 23, 18]
    assert schedules.first_run({"local_at": "2026-12-01T18:00:00"}, now=NOW, zone=PARIS) == datetime(
        2026, 12, 1, 4, tzinfo=UTC
    )


def test_no_zone_is_earlier_than_the_first_run_of_a_local_time() -> None:
    local = datetime(2026, 12, 1, 18)  # noqa: DTZ001 - a wall clock
    first = schedules.first_run({"local_at": local.isoformat()}, now=NOW, zone=PARIS)
    assert first is not None

    assert all(schedules.in_zone(local, zone) >= first for zone in schedules.zones())


def test_a_skipped_local_time_is_not_lost() -> None:
    skipped = schedules.in_zone(datetime(2027, 3, 28, 2, 30), PARIS)  # noqa: DTZ001 - a wall clock

    assert skipped.astimezone(ZoneInfo(PARIS)).strftime("%H:%M") == "03:30"


def test_a_cron_ends() -> None:
    schedule = {"cron": "0 18 * * *", "ends_at": "2026-11-24T17:00:00Z"}

    first = schedules.first_run(schedule, now=NOW, zone=PARIS)
    assert first == datetime(2026, 11, 22, 17, tzinfo=UTC)
    second = schedules.next_run(schedule, after=first, zone=PARIS)
    assert second == first + timedelta(days=1)
    assert schedules.next_run(schedule, after=second, zone=PARIS) is None


def test_without_a_time_it_runs_at_once() -> None:
    assert schedules.first_run({}, now=NOW, zone=PARIS) == NOW
    assert schedules.faults({}, now=NOW, zone=PARIS) == []


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"at": "2026-12-01T17:00:00"}, "#/at"),
        ({"at": "tomorrow"}, "#/at"),
        ({"at": "2026-12-01T17:00:00Z", "cron": "0 18 * * 5"}, "#/cron"),
        ({"local_at": "2026-12-01T17:00:00Z"}, "#/local_at"),
        ({"local_at": "2026-12-01"}, "#/local_at"),
        ({"cron": "0 0 30 2 *"}, "#/cron"),
        ({"cron": "0 0 31 4,6 *"}, "#/cron"),
        ({"cron": "* * * * *"}, "#/cron"),
        ({"cron": "*/30 9 * * *"}, "#/cron"),
        ({"cron": "0 0 9 * * 1"}, "#/cron"),
        ({"cron": "0 25 * * *"}, "#/cron"),
        ({"cron": "@daily"}, "#/cron"),
        ({"cron": "0 9 * * 1", "timezone": "Mars/Olympus"}, "#/timezone"),
        ({"at": "2026-12-01T17:00:00Z", "timezone": PARIS}, "#/timezone"),
        ({"at": "2026-12-01T17:00:00Z", "ends_at": "2026-12-02T17:00:00Z"}, "#/ends_at"),
        ({"every": "day"}, "#/every"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(raw: dict[str, Any], place: str) -> None:
    assert [error["pointer"] for error in read(raw)] == [place]


@pytest.mark.parametrize(
    ("schedule", "place"),
    [
        ({"at": "2026-11-22T08:59:59Z"}, "at"),
        ({"at": "2036-11-22T09:00:00Z"}, "at"),
        ({"local_at": "2026-11-22T09:30:00"}, "local_at"),
        ({"cron": "0 9 * * 1", "ends_at": "2026-11-22T09:00:00Z"}, "ends_at"),
        ({"cron": "0 9 * * 1", "ends_at": "2026-11-22T20:00:00Z"}, "cron"),
        ({"cron": "0 0 */28 2 MON#5"}, "cron"),
    ],
)
def test_what_never_comes_is_refused(schedule: dict[str, Any], place: str) -> None:
    assert [name for name, _why in schedules.faults(schedule, now=NOW, zone=PARIS)] == [place]


def test_gaps_of_an_hour_are_enough() -> None:
    assert read({"cron": "0 * * * *"}) == []
    hourly = runs("0 * * * *", after=datetime(2026, 10, 25, 0, 30, tzinfo=UTC), count=3)
    assert len(set(itertools.pairwise(hourly))) == 2
