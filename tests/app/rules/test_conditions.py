"""Each condition holds where it says, and nowhere else."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.rules.facts import ActivityFacts, Item, day_bounds
from tests.app.rules.worlds import PARIS, PARTNER_ID, STORE_ID, earn, fixed, points, purchase, rule

COFFEE, CAKE = Item("ESP-1", 1, 300, category="coffee"), Item("CAKE", 1, 450, category="pastry")


def holds(condition: dict[str, Any], activity: ActivityFacts, **member: Any) -> bool:
    return points(earn([rule(fixed(1), conditions=[condition])], activity, **member)) == 1


def test_a_store_and_a_partner_must_be_of_the_list() -> None:
    store, partner = {"kind": "store", "store_ids": [STORE_ID]}, {"kind": "partner", "partner_ids": [PARTNER_ID]}
    elsewhere = purchase(store_id=None, partner_id=None)
    assert holds(store, purchase())
    assert holds(partner, purchase())
    assert not holds(store, elsewhere)
    assert not holds(partner, elsewhere)


@pytest.mark.parametrize(("amount", "expected"), [(None, False), (0, False), (2499, False), (2500, True)])
def test_a_minimum_is_reached_by_the_amount_itself(amount: int | None, expected: bool) -> None:  # noqa: FBT001
    assert holds({"kind": "minimum_amount", "minimum": 2500}, purchase(amount)) is expected


@pytest.mark.parametrize(
    ("product", "items", "expected"),
    [
        ({"categories": ["coffee"]}, (CAKE, COFFEE), True),
        ({"categories": ["coffee"]}, (CAKE,), False),
        ({"categories": ["coffee"]}, (), False),
        ({"skus": ["CAKE"]}, (CAKE,), True),
        ({"categories": ["coffee"], "skus": ["CAKE"]}, (CAKE,), True),
        ({"excluded_categories": ["pastry"]}, (CAKE,), False),
        ({"excluded_categories": ["pastry"]}, (CAKE, COFFEE), True),
        ({"categories": ["coffee"], "excluded_skus": ["ESP-1"]}, (COFFEE,), False),
    ],
)
def test_a_product_matches_by_category_or_sku_less_the_exclusions(
    product: dict[str, Any],
    items: tuple[Item, ...],
    expected: bool,  # noqa: FBT001
) -> None:
    assert holds({"kind": "product", **product}, purchase(1000, *items)) is expected


def test_a_first_purchase_is_first() -> None:
    assert holds({"kind": "first_purchase"}, purchase(), purchases_count=0)
    assert not holds({"kind": "first_purchase"}, purchase(), purchases_count=1)


def test_a_tier_is_held_now() -> None:
    gold = {"kind": "tier", "tier_ids": ["gold"]}
    assert holds(gold, purchase(), tier_id="gold")
    assert not holds(gold, purchase(), tier_id="silver")
    assert not holds(gold, purchase())


FRIDAY_NIGHT = {"days": ["fri"], "from": "22:00", "until": "02:00"}
MORNING = {"days": ["tue"], "from": "09:00", "until": "12:00"}
SUNDAY_NIGHT = {"days": ["sun"], "from": "02:00", "until": "03:00"}
SUNDAY = {"days": ["sun"]}
EVENING = {"from": "18:00"}


@pytest.mark.parametrize(
    ("hours", "instant", "expected"),
    [
        # in winter Paris is at UTC+1; the end is excluded
        (MORNING, "2026-11-24T07:59:59Z", False),
        (MORNING, "2026-11-24T08:00:00Z", True),
        (MORNING, "2026-11-24T10:59:59.999999Z", True),
        (MORNING, "2026-11-24T11:00:00Z", False),
        (MORNING, "2026-11-25T09:00:00Z", False),
        # in summer Paris is at UTC+2
        (MORNING, "2026-07-07T06:59:59Z", False),
        (MORNING, "2026-07-07T07:00:00Z", True),
        (MORNING, "2026-07-07T10:00:00Z", False),
        # over midnight: the hours belong to the day on which they begin
        (FRIDAY_NIGHT, "2026-11-27T20:59:59Z", False),
        (FRIDAY_NIGHT, "2026-11-27T21:00:00Z", True),
        (FRIDAY_NIGHT, "2026-11-28T00:59:59Z", True),
        (FRIDAY_NIGHT, "2026-11-28T01:00:00Z", False),
        (FRIDAY_NIGHT, "2026-11-28T22:00:00Z", False),
        (FRIDAY_NIGHT, "2026-11-26T23:30:00Z", False),
        # the day's end
        (EVENING, "2026-11-24T17:00:00Z", True),
        (EVENING, "2026-11-24T22:59:59Z", True),
        (EVENING, "2026-11-24T23:00:00Z", False),
        # 29 March 2026: at 01:00 UTC clocks go from 02:00 to 03:00, the hour does not come
        (SUNDAY_NIGHT, "2026-03-29T00:59:59Z", False),
        (SUNDAY_NIGHT, "2026-03-29T01:00:00Z", False),
        (SUNDAY, "2026-03-28T22:59:59Z", False),
        (SUNDAY, "2026-03-28T23:00:00Z", True),
        (SUNDAY, "2026-03-29T21:59:59Z", True),
        (SUNDAY, "2026-03-29T22:00:00Z", False),
        # 25 October 2026: at 01:00 UTC clocks go from 03:00 to 02:00, the hour comes twice
        (SUNDAY_NIGHT, "2026-10-24T23:59:59Z", False),
        (SUNDAY_NIGHT, "2026-10-25T00:00:00Z", True),
        (SUNDAY_NIGHT, "2026-10-25T00:59:59Z", True),
        (SUNDAY_NIGHT, "2026-10-25T01:00:00Z", True),
        (SUNDAY_NIGHT, "2026-10-25T01:59:59Z", True),
        (SUNDAY_NIGHT, "2026-10-25T02:00:00Z", False),
        (SUNDAY, "2026-10-24T22:00:00Z", True),
        (SUNDAY, "2026-10-25T22:59:59Z", True),
        (SUNDAY, "2026-10-25T23:00:00Z", False),
    ],
)
def test_hours_are_read_on_the_programmes_wall_clock(hours: dict[str, Any], instant: str, expected: bool) -> None:  # noqa: FBT001
    at = datetime.fromisoformat(instant)
    assert holds({"kind": "weekday_hours", **hours}, purchase(at=at)) is expected


@pytest.mark.parametrize(
    ("on", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2028, 2, 29), 24), (date(2026, 12, 31), 24)],
)
def test_a_local_day_is_as_long_as_its_clock_says(on: date, hours: int) -> None:
    start, end = day_bounds(on, PARIS)
    assert (end - start).total_seconds() == hours * 3600
    assert start.tzinfo is UTC
    assert start.astimezone(PARIS).date() == on
    assert end.astimezone(PARIS).hour == 0
