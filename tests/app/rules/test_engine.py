"""The combination law, line by line as `docs/explanation/rules.md` numbers it."""

from typing import Any
from uuid import UUID

import pytest

from app.money import Rounding
from app.rules.engine import compile_rules
from app.rules.facts import Item, MemberFacts, RuleUsage
from tests.app.rules.worlds import (
    DOUBLE,
    MONEY,
    MONEY_ID,
    PER_EURO,
    POINTS,
    POINTS_ID,
    REWARD,
    REWARD_ID,
    STAMP,
    STAMPS,
    earn,
    fixed,
    points,
    purchase,
    rule,
)

BIG = [{"kind": "minimum_amount", "minimum": 5000}]
COFFEE = [{"kind": "product", "categories": ["coffee"]}]
TICKET = (Item("ESP", 2, 600, category="coffee"), Item("LAT", 1, 450, category="coffee"), Item("BAG", 1, 900))


def test_points_follow_the_amount_and_the_step_is_kept() -> None:
    (grant,) = earn([rule(PER_EURO, name="A point for each euro")]).grants
    assert (grant.purse_id, grant.amount, grant.rule_id, grant.rule_version_id) == (
        POINTS,
        12,
        UUID(int=1),
        UUID(int=1001),
    )
    assert grant.why == "A point for each euro: 1 for each 100 minor units"
    assert grant.steps == {
        "effects": [{"kind": "points_per_amount", "exact": "25/2"}],
        "exact": "25/2",
        "rounding": "floor",
        "rounded": 12,
    }


@pytest.mark.parametrize(
    ("rounding", "amount", "expected"),
    [
        (Rounding.FLOOR, 1299, 12),
        (Rounding.CEIL, 1201, 13),
        (Rounding.CEIL, 1200, 12),
        (Rounding.HALF_EVEN, 1250, 12),
        (Rounding.HALF_EVEN, 1350, 14),
        (Rounding.HALF_EVEN, 1251, 13),
        (Rounding.FLOOR, 0, 0),
        (Rounding.FLOOR, None, 0),
        (Rounding.FLOOR, 10**15, 10**13),
    ],
)
def test_the_purse_rounds(rounding: Rounding, amount: int | None, expected: int) -> None:
    assert points(earn([rule(PER_EURO)], purchase(amount), rounding=rounding)) == expected


def test_two_halves_of_a_point_are_a_point_since_a_purse_rounds_once() -> None:
    half = PER_EURO | {"per": 200}
    outcome = earn([rule(half, number=1), rule(half, number=2)], purchase(100))
    assert [(grant.rule_id.int, grant.amount) for grant in outcome.grants] == [(2, 1)]


def test_effects_of_one_rule_on_one_purse_are_one_grant() -> None:
    (grant,) = earn([rule(PER_EURO, fixed(5))]).grants
    assert grant.amount == 17
    assert [effect["exact"] for effect in grant.steps["effects"]] == ["25/2", "5"]


def test_rules_stack_by_priority_then_by_id() -> None:
    outcome = earn([rule(fixed(1), number=3), rule(fixed(2), number=2), rule(fixed(3), number=9, priority=5)])
    assert [grant.rule_id.int for grant in outcome.grants] == [9, 2, 3]
    assert points(outcome) == 6


def test_of_a_group_only_the_first_that_fires_counts() -> None:
    many = rule(fixed(100), number=1, priority=2, group="size", conditions=BIG)
    few = rule(fixed(10), number=2, priority=1, group="size")
    assert points(earn([few, many], purchase(6000))) == 100
    assert points(earn([few, many], purchase(1000))) == 10
    assert points(earn([few, many, rule(fixed(1), number=3, group="other")], purchase(6000))) == 101


def test_a_rule_that_does_not_stack_closes_its_purses_to_later_rules_only() -> None:
    first, alone = rule(fixed(1), number=1, priority=3), rule(fixed(10), number=2, priority=2, stacks=False)
    later = rule(fixed(100), STAMP, number=3)
    outcome = earn([later, alone, first])
    assert outcome.by_purse() == {POINTS: 11, STAMPS: 1}
    assert points(earn([later, rule(fixed(10), number=2, priority=2, stacks=False, conditions=BIG)])) == 100


def test_a_rule_that_does_not_stack_leaves_multipliers_be() -> None:
    assert points(earn([rule(fixed(10), number=1, priority=9, stacks=False), rule(DOUBLE, number=2)])) == 20


def test_a_rule_that_does_not_stack_keeps_its_own_second_effect() -> None:
    assert points(earn([rule(PER_EURO, fixed(5), stacks=False)])) == 17


def test_a_multiplier_that_does_not_stack_is_the_last_multiplier() -> None:
    triple = DOUBLE | {"factor": "3"}
    rules = [rule(fixed(10), number=1), rule(DOUBLE, number=2, priority=2, stacks=False), rule(triple, number=3)]
    assert points(earn(rules)) == 20


def test_multipliers_act_on_the_sum_whatever_their_priority_and_are_grants_of_their_own() -> None:
    by_half = DOUBLE | {"factor": "1.5"}
    outcome = earn([rule(DOUBLE, number=1, priority=9), rule(PER_EURO, number=2), rule(by_half, number=3)])
    assert [(grant.rule_id.int, grant.amount) for grant in outcome.grants] == [(2, 12), (1, 13), (3, 12)]
    assert points(outcome) == 37  # 12.5 x 2 x 1.5 = 37.5
    assert outcome.grants[2].steps["factor"] == "3/2"
    assert [grant.steps.get("sum_before") for grant in outcome.grants] == [None, "25/2", "25"]
    assert outcome.grants[2].steps["sum_after"] == "75/2"


def test_a_multiplier_of_nothing_is_nothing() -> None:
    assert earn([rule(DOUBLE)]).grants == ()


@pytest.mark.parametrize(
    ("caps", "usage", "expected", "kind"),
    [
        ({"per_member": 10}, RuleUsage(), 10, "per_member"),
        ({"per_member": 10}, RuleUsage(per_member=4), 6, "per_member"),
        ({"per_day": 10, "per_member": 100}, RuleUsage(per_day=9, per_member=50), 1, "per_day"),
        ({"total": 1000}, RuleUsage(total=997), 3, "total"),
        ({"total": 1000}, RuleUsage(total=1000), 0, None),
        ({"total": 1000}, RuleUsage(total=1003), 0, None),
        ({"per_day": 12}, RuleUsage(), 12, "per_day"),
        ({"per_day": 13}, RuleUsage(), 12, None),
    ],
)
def test_a_cap_clips_and_says_so(caps: dict[str, int], usage: RuleUsage, expected: int, kind: str | None) -> None:
    outcome = earn([rule(PER_EURO, caps=caps)], usage={UUID(int=1): usage})
    assert points(outcome) == expected
    assert [grant.steps["cap"]["kind"] for grant in outcome.grants if "cap" in grant.steps] == ([kind] if kind else [])


def test_what_a_cap_takes_from_a_base_rule_no_multiplier_gives_back() -> None:
    outcome = earn([rule(PER_EURO, number=1, caps={"per_day": 10}), rule(DOUBLE, number=2)], purchase(100_000))
    assert outcome.by_rule() == {UUID(int=1): 10, UUID(int=2): 10}


def test_a_multipliers_cap_bounds_what_it_adds() -> None:
    outcome = earn([rule(PER_EURO, number=1), rule(DOUBLE, number=2, caps={"per_member": 5})], purchase(100_000))
    assert outcome.by_rule() == {UUID(int=1): 1000, UUID(int=2): 5}


def test_half_even_never_carries_a_grant_over_its_cap() -> None:
    half = PER_EURO | {"per": 200}
    outcome = earn(
        [rule(half, number=1), rule(fixed(1), number=2, caps={"per_day": 1})],
        purchase(100),
        rounding=Rounding.HALF_EVEN,
    )
    assert outcome.by_rule() == {UUID(int=2): 1}


def test_a_budget_that_was_overdrawn_takes_nothing_from_other_rules() -> None:
    rules = [rule(fixed(10), number=1, caps={"total": 100}), rule(fixed(10), number=2), rule(DOUBLE, number=3)]
    assert points(earn(rules, usage={UUID(int=1): RuleUsage(total=130)})) == 20


def test_all_that_one_rule_gives_shares_its_cap() -> None:
    assert points(earn([rule(fixed(10), DOUBLE, caps={"per_day": 15})])) == 15
    voucher = {"kind": "voucher", "reward_id": REWARD_ID}
    assert len(earn([rule(voucher, voucher, caps={"per_day": 1})]).vouchers) == 1


def test_vouchers_are_given_once_a_rule_within_their_cap() -> None:
    voucher = {"kind": "voucher", "reward_id": REWARD_ID}
    capped = rule(voucher, caps={"per_member": 1})
    (given,) = earn([capped]).vouchers
    assert (given.reward_id, given.rule_id) == (REWARD, UUID(int=1))
    assert earn([capped], usage={UUID(int=1): RuleUsage(per_member=1)}).vouchers == ()
    assert earn([capped]).by_rule() == {UUID(int=1): 1}


def test_matching_items_are_what_every_product_condition_matches() -> None:
    matching = {"applies_to": "matching_items"}
    per_item = {"kind": "points_per_item", "purse_id": POINTS_ID, "points": 5}
    assert points(earn([rule(PER_EURO | matching, conditions=COFFEE)], purchase(1950, *TICKET))) == 10
    assert points(earn([rule(PER_EURO, conditions=COFFEE)], purchase(1950, *TICKET))) == 19
    assert points(earn([rule(per_item, conditions=COFFEE)], purchase(1950, *TICKET))) == 15
    assert points(earn([rule(per_item | {"applies_to": "whole"}, conditions=COFFEE)], purchase(1950, *TICKET))) == 20
    only_latte = [*COFFEE, {"kind": "product", "excluded_skus": ["ESP"]}]
    assert points(earn([rule(per_item, conditions=only_latte)], purchase(1950, *TICKET))) == 5


def test_a_discount_line_lowers_its_items_and_never_below_nothing() -> None:
    rules = [rule(PER_EURO | {"applies_to": "matching_items"}, number=1), rule(fixed(7), number=2)]
    ticket = (Item("ESP", 1, 300), Item("OFF", 1, -500))
    assert points(earn([*rules, rule(DOUBLE, number=3)], purchase(0, *ticket))) == 14
    assert points(earn(rules, purchase(0, Item("ESP", 1, 900), Item("OFF", 1, -500)))) == 11


def test_cash_back_is_exact() -> None:
    effect: dict[str, Any] = {"kind": "cash_back_percent", "purse_id": MONEY_ID, "percent": "2.5"}
    (grant,) = earn([rule(effect)], purchase(1999)).grants
    assert (grant.purse_id, grant.amount, grant.steps["exact"]) == (MONEY, 49, "1999/40")


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "fires"),
    [
        ("2026-11-24T12:00:00+01:00", None, True),
        ("2026-11-24T11:00:01Z", None, False),
        (None, "2026-11-24T11:00:00Z", False),
        (None, "2026-11-24T12:00:01+01:00", True),
    ],
)
def test_a_rules_time_is_half_open(starts_at: str | None, ends_at: str | None, fires: bool) -> None:  # noqa: FBT001
    assert bool(earn([rule(fixed(1), starts_at=starts_at, ends_at=ends_at)]).grants) is fires


@pytest.mark.parametrize("status", ["draft", "paused", "archived"])
def test_only_live_rules_earn_but_a_draft_can_be_tried(status: str) -> None:
    written = rule(fixed(1), status=status)
    assert earn([written]).grants == ()
    assert len(compile_rules([written], only_live=False).rules) == 1


def test_another_activity_earns_nothing() -> None:
    assert earn([rule(fixed(1))], purchase(kind="visit")).grants == ()
    assert points(earn([rule(fixed(1), when={"activity": "visit"})], purchase(None, kind="visit"))) == 1


def test_a_rule_set_says_what_it_needs_for_each_activity() -> None:
    rules = compile_rules(
        [
            rule(PER_EURO, number=1),
            rule(STAMP, number=2, caps={"per_day": 1}),
            rule(fixed(1), number=3, when={"activity": "visit"}, conditions=[{"kind": "first_purchase"}]),
            rule(fixed(1), number=4, when={"activity": "review"}, conditions=[{"kind": "tier", "tier_ids": ["gold"]}]),
        ]
    )
    needs = rules.needs("purchase")
    assert (needs.usage, needs.first_purchase, needs.tier) == (frozenset((UUID(int=2),)), False, False)
    assert needs.purse_ids == {POINTS, STAMPS}
    assert rules.needs("visit").first_purchase
    assert rules.needs("review").tier
    assert rules.needs("share") == compile_rules([]).needs("purchase")


def test_a_purse_that_was_not_read_is_an_error_not_a_lost_grant() -> None:
    with pytest.raises(KeyError):
        compile_rules([rule(fixed(1))]).evaluate(purchase(), MemberFacts(), {})


def test_simulation_says_why_each_rule_fired_or_not() -> None:
    rules = [
        rule(PER_EURO, number=1, name="Base", priority=9, stacks=False),
        rule(fixed(1), number=2, conditions=BIG),
        rule(fixed(1), number=3),
        rule(fixed(1), number=4, when={"activity": "visit"}),
        rule(STAMP, number=5, group="card", name="Stamp"),
        rule(STAMP, number=6, group="card"),
        rule({"kind": "voucher", "reward_id": REWARD_ID}, number=7, caps={"total": 1}),
        rule(DOUBLE | {"purse_id": MONEY_ID}, number=8),
        rule(fixed(1), number=9, ends_at="2026-01-01T00:00:00Z"),
    ]
    outcome = earn(rules, usage={UUID(int=7): RuleUsage(total=1)}, explain=True)
    told = {each.rule_id.int: (each.fired, each.why) for each in outcome.explanations}
    empty = "Its conditions hold, but there is nothing to give:"
    assert told == {
        1: (True, "Base: 1 for each 100 minor units: 12, 25/2 rounded by floor"),
        2: (False, "It asks for an amount of at least 5000 minor units"),
        3: (False, "`Base` fired before and does not stack"),
        4: (False, "It waits for a visit; this is a purchase"),
        5: (True, "Stamp: 1 stamp: 1"),
        6: (False, "`Stamp` came first in the group `card`"),
        7: (True, f"{empty} its caps are used up, or its share rounds to 0"),
        8: (
            True,
            f"{empty} its share rounds to 0, or no other rule brings anything to multiply",
        ),
        9: (False, "It ended at 2026-01-01T00:00:00+00:00"),
    }
    silent = earn(rules, usage={UUID(int=7): RuleUsage(total=1)})
    assert (silent.grants, silent.vouchers, silent.explanations) == (outcome.grants, outcome.vouchers, ())
