"""A refund takes back what the sale's own rules would not have granted on what was kept."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.drafts import RuleDraft
from app.rules.engine import compile_rules
from app.rules.facts import ActivityFacts, Item, MemberFacts, RuleUsage, dump_member, load_member
from app.rules.refunds import Reclaim, RefundedItem, kept, reclaim, recompute
from tests.app.rules.worlds import (
    DOUBLE,
    PER_EURO,
    POINTS,
    POINTS_ID,
    REWARD,
    REWARD_ID,
    earn,
    fixed,
    purchase,
    purses,
    rule,
)

BIG = [{"kind": "minimum_amount", "minimum": 3000}]
COFFEE = [{"kind": "product", "categories": ["coffee"]}]
PER_COFFEE = {"kind": "points_per_item", "purse_id": POINTS_ID, "points": 5}
TICKET = (Item("ESP", 2, 700, category="coffee"), Item("BAG", 1, 900), Item("ESP", 1, 300, category="coffee"))
RULES = [
    rule(PER_EURO, number=1),
    rule(fixed(50), {"kind": "voucher", "reward_id": REWARD_ID}, number=2, conditions=BIG),
    rule(PER_COFFEE, number=3, conditions=COFFEE),
    rule(DOUBLE | {"factor": "1.5"}, number=4, caps={"per_day": 40}),
]


def taken(
    sale: ActivityFacts,
    *,
    amount: int = 0,
    items: Sequence[RefundedItem] = (),
    rules: Sequence[RuleDraft] = RULES,
    member: MemberFacts | None = None,
) -> Reclaim:
    ruleset, facts = compile_rules(rules), member or MemberFacts()
    granted = ruleset.evaluate(sale, facts, purses())
    rest = recompute(ruleset, kept(sale, amount=amount, items=items), facts, purses())
    return reclaim(granted, rest)


def test_a_whole_refund_takes_everything_back() -> None:
    sale = purchase(4000, *TICKET)
    assert taken(sale, amount=4000).amounts == earn(RULES, sale).by_purse()
    assert taken(sale, amount=9999).amounts == earn(RULES, sale).by_purse()


def test_no_refund_takes_nothing() -> None:
    assert taken(purchase(4000, *TICKET)) == Reclaim({POINTS: 0}, ())


def test_a_part_refund_takes_the_difference_and_what_the_rest_does_not_deserve() -> None:
    assert taken(purchase(4000), amount=500, rules=RULES[:2]) == Reclaim({POINTS: 5}, ())
    assert taken(purchase(4000), amount=1001, rules=RULES[:2]) == Reclaim({POINTS: 61}, ((REWARD, UUID(int=2)),))


def test_pieces_brought_back_lose_their_own_points() -> None:
    sale = purchase(1900, *TICKET)
    per_coffee, per_euro = RULES[2:3], RULES[:1]
    assert taken(sale, items=[RefundedItem("ESP", 1)], rules=per_coffee).amounts == {POINTS: 5}
    assert taken(sale, items=[RefundedItem("BAG", 1)], rules=per_coffee).amounts == {POINTS: 0}
    assert taken(sale, items=[RefundedItem("BAG", 1)], rules=per_euro).amounts == {POINTS: 9}
    assert taken(sale, items=[RefundedItem("BAG", 1, amount=100)], rules=per_euro).amounts == {POINTS: 1}
    assert taken(sale, items=[RefundedItem("ESP", 1)], rules=per_euro).amounts == {POINTS: 4}  # a third of 10.00
    assert taken(sale, items=[RefundedItem("NOT-SOLD", 1)], rules=per_euro).amounts == {POINTS: 0}


def test_when_nothing_is_kept_even_fixed_points_go_back() -> None:
    sale = purchase(1900, *TICKET)
    assert taken(sale, amount=1899, rules=[rule(fixed(7))]).amounts == {POINTS: 0}
    assert taken(sale, amount=1900, rules=[rule(fixed(7))]).amounts == {POINTS: 7}
    back = [RefundedItem("ESP", 3), RefundedItem("BAG", 1)]
    assert taken(sale, items=back, rules=[rule(fixed(7))]).amounts == {POINTS: 7}


def test_a_condition_on_products_fails_once_these_came_back() -> None:
    coffee = [rule(fixed(7), conditions=COFFEE)]
    assert taken(purchase(1900, *TICKET), items=[RefundedItem("ESP", 2)], rules=coffee).amounts == {POINTS: 0}
    assert taken(purchase(1900, *TICKET), items=[RefundedItem("ESP", 3)], rules=coffee).amounts == {POINTS: 7}


def test_money_given_back_shrinks_pieces_in_proportion() -> None:
    assert taken(purchase(1900, *TICKET), amount=950, rules=RULES[2:3]).amounts == {POINTS: 8}  # 15 less half, floored


def test_more_than_was_paid_for_a_piece_takes_what_was_paid() -> None:
    back = [RefundedItem("BAG", 3, amount=5000)]
    assert taken(purchase(1900, *TICKET), items=back, rules=RULES[:1]).amounts == {POINTS: 9}


def test_a_visit_is_reversed_whole_or_by_its_items() -> None:
    visit = purchase(None, kind="visit")
    stamp = [rule(fixed(1), when={"activity": "visit"})]
    assert taken(visit, rules=stamp).amounts == {POINTS: 1}
    assert kept(purchase(None, *TICKET), items=[RefundedItem("BAG", 1)]) is not None


def test_a_rest_that_would_earn_more_takes_nothing_and_never_gives() -> None:
    worse = [
        rule(fixed(1), number=1, priority=9, group="size", conditions=BIG),
        rule(fixed(80), number=2, group="size"),
    ]
    assert taken(purchase(4000), amount=1500, rules=worse).amounts == {POINTS: 0}


def test_a_refund_is_computed_from_what_was_known_at_the_sale() -> None:
    first = [rule(fixed(30), conditions=[{"kind": "first_purchase"}]), rule(PER_EURO, number=2, caps={"per_day": 20})]
    then = MemberFacts(purchases_count=0, tier_id="gold", usage={UUID(int=2): RuleUsage(5, 5, 900)})
    restored = load_member(dump_member(then, [UUID(int=2)]))
    assert restored == then
    assert taken(purchase(4000), amount=3000, rules=first, member=restored).amounts == {POINTS: 5}


items = st.lists(
    st.builds(
        Item,
        st.sampled_from(["ESP", "BAG", "TEA"]),
        st.integers(1, 5),
        st.integers(0, 5000),
        category=st.sampled_from(["coffee", None]),
    ),
    min_size=1,
    max_size=5,
).map(tuple)


@given(st.integers(1, 10_000), st.lists(st.integers(1, 4000), min_size=1, max_size=6))
def test_any_split_of_refunds_by_amount_reclaims_as_one(amount: int, parts: list[int]) -> None:
    sale = purchase(amount, *TICKET)
    running, total = 0, 0
    for part in parts:
        running += part
        target = taken(sale, amount=running).amounts[POINTS]
        step = target - total
        assert step >= 0
        total += step
    assert total == taken(sale, amount=sum(parts)).amounts[POINTS] <= earn(RULES, sale).by_purse()[POINTS]


@given(items, st.lists(st.tuples(st.sampled_from(["ESP", "BAG", "TEA"]), st.integers(1, 3)), max_size=6))
def test_pieces_may_come_back_in_any_order_and_grouping(ticket: tuple[Item, ...], back: list[tuple[str, int]]) -> None:
    sale = purchase(sum(int(item.amount) for item in ticket), *ticket)
    separate = [RefundedItem(sku, quantity) for sku, quantity in back]
    sums = {sku: sum(quantity for other, quantity in back if other == sku) for sku, _quantity in back}
    together = [RefundedItem(sku, quantity) for sku, quantity in sorted(sums.items())]
    assert kept(sale, items=separate) == kept(sale, items=together) == kept(sale, items=separate[::-1])


@given(items, st.integers(0, 3), st.integers(0, 6000))
def test_a_reclaim_is_never_negative_and_never_more_than_the_grant(
    ticket: tuple[Item, ...], pieces: int, amount: int
) -> None:
    sale = purchase(sum(int(item.amount) for item in ticket), *ticket)
    granted = earn(RULES, sale).by_purse()
    back = [RefundedItem("ESP", pieces)] if pieces else []
    amounts = taken(sale, amount=amount, items=back).amounts
    assert set(amounts) == set(granted)
    assert all(0 <= amounts[purse] <= granted[purse] for purse in granted)


@pytest.mark.parametrize("rest", [1, 999, 2999, 3000, 3999])
def test_what_is_kept_has_earned_what_a_sale_of_that_size_earns(rest: int) -> None:
    sale = purchase(4000)
    left = earn(RULES, sale).by_purse()[POINTS] - taken(sale, amount=4000 - rest).amounts[POINTS]
    assert left == earn(RULES, purchase(rest)).by_purse().get(POINTS, 0)
