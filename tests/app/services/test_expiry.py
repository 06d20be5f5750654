"""When what was earned runs out: every policy, at the edges of the calendar."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidError
from app.services import expiry

PARIS = ZoneInfo("Europe/Paris")
ZONES = ("Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC", "Pacific/Apia")


def local(text: str, zone: ZoneInfo = PARIS) -> datetime:
    """Return the instant of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


TABLE: list[tuple[dict[str, Any], str, str]] = [
    # counted on the calendar: the same time of day, whatever clocks did
    ({"policy": "after_days", "days": 1}, "2026-03-28T09:30", "2026-03-29T09:30"),
    ({"policy": "after_days", "days": 365}, "2026-07-01T12:00", "2027-07-01T12:00"),
    ({"policy": "after_days", "days": 365}, "2024-02-29T08:00", "2025-02-28T08:00"),
    ({"policy": "after_days", "days": 366}, "2024-02-29T08:00", "2025-03-01T08:00"),
    # the whole day, the last included: gone as the next begins
    ({"policy": "end_of", "unit": "day", "after": 0}, "2026-05-05T00:00", "2026-05-06T00:00"),
    ({"policy": "end_of", "unit": "day", "after": 0}, "2026-05-05T23:59:59.999999", "2026-05-06T00:00"),
    ({"policy": "end_of", "unit": "day", "after": 0}, "2026-03-29T01:00", "2026-03-30T00:00"),
    ({"policy": "end_of", "unit": "month", "after": 0}, "2026-01-31T23:00", "2026-02-01T00:00"),
    ({"policy": "end_of", "unit": "month", "after": 1}, "2024-01-31T10:00", "2024-03-01T00:00"),
    ({"policy": "end_of", "unit": "month", "after": 12}, "2026-12-31T10:00", "2028-01-01T00:00"),
    ({"policy": "end_of", "unit": "quarter", "after": 0}, "2026-01-01T00:00", "2026-04-01T00:00"),
    ({"policy": "end_of", "unit": "quarter", "after": 0}, "2026-12-31T23:59", "2027-01-01T00:00"),
    ({"policy": "end_of", "unit": "quarter", "after": 3}, "2026-05-01T10:00", "2027-04-01T00:00"),
    ({"policy": "end_of", "unit": "year", "after": 0}, "2026-12-31T23:59", "2027-01-01T00:00"),
    ({"policy": "end_of", "unit": "year", "after": 1}, "2027-01-01T00:00", "2029-01-01T00:00"),
    # that day's beginning ends it; earned on the day itself, it is next year's
    ({"policy": "fixed_dates", "dates": ["12-31"]}, "2026-12-30T23:59", "2026-12-31T00:00"),
    ({"policy": "fixed_dates", "dates": ["12-31"]}, "2026-12-31T00:00", "2027-12-31T00:00"),
    ({"policy": "fixed_dates", "dates": ["06-30", "12-31"]}, "2026-07-01T10:00", "2026-12-31T00:00"),
    ({"policy": "fixed_dates", "dates": ["12-31", "06-30"]}, "2026-06-29T10:00", "2026-06-30T00:00"),
    ({"policy": "fixed_dates", "dates": ["02-29"]}, "2026-03-01T10:00", "2028-02-29T00:00"),
    ({"policy": "fixed_dates", "dates": ["02-29"]}, "2097-03-01T10:00", "2104-02-29T00:00"),
]


@pytest.mark.parametrize(("policy", "earned", "gone"), TABLE)
def test_a_lot_is_gone_at_the_local_instant_that_its_policy_says(
    policy: dict[str, Any], earned: str, gone: str
) -> None:
    assert expiry.expires_at(policy, local(earned), PARIS) == local(gone).astimezone(UTC)


def test_a_lot_that_ends_in_the_hour_that_does_not_come_ends_as_it_would_have_come() -> None:
    policy = {"policy": "after_days", "days": 1}

    gone = expiry.expires_at(policy, local("2026-03-28T02:30"), PARIS)

    assert gone == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_lot_that_ends_in_the_hour_that_comes_twice_ends_the_first_time() -> None:
    policy = {"policy": "after_days", "days": 1}

    gone = expiry.expires_at(policy, local("2026-10-24T02:30"), PARIS)

    assert gone == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29T12:00", 23), ("2026-10-25T12:00", 25), ("2026-06-01T12:00", 24)]
)
def test_the_day_whose_clocks_change_is_a_whole_day(day: str, hours: int) -> None:
    policy = {"policy": "end_of", "unit": "day", "after": 0}
    before = local(day) - timedelta(days=1)

    end_of_day_before = expiry.expires_at(policy, before, PARIS)
    end = expiry.expires_at(policy, local(day), PARIS)

    assert end is not None
    assert end_of_day_before is not None
    assert end - end_of_day_before == timedelta(hours=hours)


def test_a_day_of_another_zone_is_another_day() -> None:
    policy = {"policy": "end_of", "unit": "day", "after": 0}
    earned = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)

    assert expiry.expires_at(policy, earned, PARIS) == datetime(2026, 1, 2, 23, tzinfo=UTC)
    assert expiry.expires_at(policy, earned, ZoneInfo("UTC")) == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("policy", [{}, {"policy": "never"}, {"policy": "inactivity", "days": 9, "kinds": ["visit"]}])
def test_what_never_ends_and_what_slides_has_no_day_of_its_own(policy: dict[str, Any]) -> None:
    assert expiry.expires_at(policy, local("2026-01-01T10:00"), PARIS) is None


def test_only_chosen_activities_slide_and_whole_days_are_counted() -> None:
    policy = {"policy": "inactivity", "days": 1, "kinds": ["visit"]}

    assert expiry.slides_to(policy, "purchase", local("2026-03-28T15:00"), PARIS) is None
    assert expiry.slides_to(policy, "visit", local("2026-03-28T15:00"), PARIS) == local("2026-03-30T00:00")
    assert expiry.slides_to({"policy": "never"}, "visit", local("2026-03-28T15:00"), PARIS) is None


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ({}, "#/expiry/policy"),
        ({"policy": "sometimes"}, "#/expiry/policy"),
        ({"policy": "never", "days": 3}, "#/expiry/days"),
        ({"policy": "after_days"}, "#/expiry/days"),
        ({"policy": "after_days", "days": 0}, "#/expiry/days"),
        ({"policy": "after_days", "days": True}, "#/expiry/days"),
        ({"policy": "after_days", "days": expiry.DAYS_MAX + 1}, "#/expiry/days"),
        ({"policy": "end_of", "unit": "week", "after": 1}, "#/expiry/unit"),
        ({"policy": "end_of", "unit": "day", "after": -1}, "#/expiry/after"),
        ({"policy": "fixed_dates", "dates": []}, "#/expiry/dates"),
        ({"policy": "fixed_dates", "dates": ["02-30"]}, "#/expiry/dates/0"),
        ({"policy": "fixed_dates", "dates": ["12-31", "1-1"]}, "#/expiry/dates/1"),
        ({"policy": "inactivity", "days": 9, "kinds": []}, "#/expiry/kinds"),
        ({"policy": "inactivity", "days": 9, "kinds": ["visit", "No kind"]}, "#/expiry/kinds/1"),
        ({"policy": "inactivity", "days": 9, "kinds": [""]}, "#/expiry/kinds/0"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_where_it_is_wrong(raw: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidError) as refused:
        expiry.checked(raw)

    assert refused.value.errors[0]["pointer"] == pointer


_DATES = st.builds(lambda month, day: f"{month:02}-{day:02}", st.integers(1, 12), st.integers(1, 28)) | st.just("02-29")
POLICIES = st.one_of(
    st.builds(lambda days: {"policy": "after_days", "days": days}, st.integers(1, expiry.DAYS_MAX)),
    st.builds(
        lambda unit, after: {"policy": "end_of", "unit": unit, "after": after},
        st.sampled_from(expiry.UNITS),
        st.integers(0, 1200),
    ),
    st.builds(lambda dates: {"policy": "fixed_dates", "dates": dates}, st.lists(_DATES, min_size=1, max_size=5)),
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(policy=POLICIES, earned=INSTANTS, zone=st.sampled_from(ZONES))
def test_whatever_the_policy_a_lot_lives_and_ends(policy: dict[str, Any], earned: datetime, zone: str) -> None:
    gone = expiry.expires_at(expiry.checked(policy), earned, ZoneInfo(zone))

    assert gone is not None
    assert gone > earned
    assert gone.utcoffset() == timedelta(0)


@given(policy=POLICIES, earned=INSTANTS, later=st.timedeltas(timedelta(hours=3), timedelta(days=900)))
def test_what_is_earned_later_never_ends_earlier(policy: dict[str, Any], earned: datetime, later: timedelta) -> None:
    first = expiry.expires_at(policy, earned, PARIS)
    second = expiry.expires_at(policy, earned + later, PARIS)

    assert first is not None
    assert second is not None
    assert first <= second


@given(policy=POLICIES.filter(lambda one: one["policy"] != "after_days"), earned=INSTANTS)
def test_a_day_ends_for_all_that_was_earned_on_it_at_once(policy: dict[str, Any], earned: datetime) -> None:
    day = earned.astimezone(PARIS).date()
    morning = datetime(day.year, day.month, day.day, tzinfo=PARIS)

    assert expiry.expires_at(policy, earned, PARIS) == expiry.expires_at(policy, morning, PARIS)
