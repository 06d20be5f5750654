"""What holds for any rules and any tickets, as `docs/explanation/rules.md` promises."""

from fractions import Fraction
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.money import Rounding, rounded
from app.rules.drafts import RuleDraft, dump_rule, load_rule
from app.rules.facts import Item, RuleUsage
from tests.app.rules.worlds import POINTS_ID, earn, points, purchase, rule

roundings = st.sampled_from(list(Rounding))
amounts = st.integers(0, 50_000)
factors = st.sampled_from(["1", "1.1", "1.5", "2", "3.333333"])

per_amount = st.builds(
    lambda points, per: {"kind": "points_per_amount", "purse_id": POINTS_ID, "points": points, "per": per},
    st.integers(1, 30),
    st.integers(1, 3000),
)
fixed_points = st.builds(
    lambda points: {"kind": "fixed_points", "purse_id": POINTS_ID, "points": points}, st.integers(1, 500)
)
multiplier = st.builds(lambda factor: {"kind": "multiplier", "purse_id": POINTS_ID, "factor": factor}, factors)
minimum = st.builds(lambda least: {"kind": "minimum_amount", "minimum": least}, st.integers(1, 50_000))
caps = st.none() | st.fixed_dictionaries({"per_day": st.integers(1, 300)}, optional={"per_member": st.integers(1, 300)})
usages = st.builds(RuleUsage, st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))


@st.composite
def rule_sets(draw: st.DrawFn, *, proportional: bool = False) -> list[RuleDraft]:
    effect = per_amount | multiplier if proportional else per_amount | fixed_points | multiplier
    found = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        more: dict[str, Any] = {} if proportional else {"caps": draw(caps)}
        conditions = [] if proportional else draw(st.lists(minimum, max_size=1))
        priority = draw(st.integers(-2, 2))
        found.append(rule(draw(effect), number=number, priority=priority, conditions=conditions, **more))
    return found


@given(rule_sets(), amounts, amounts, roundings, st.dictionaries(st.integers(1, 5), usages, max_size=5))
def test_spending_more_never_earns_less(
    rules: list[RuleDraft], one: int, other: int, rounding: Rounding, used: dict[int, RuleUsage]
) -> None:
    usage = {UUID(int=number): found for number, found in used.items()}
    less, more = sorted((one, other))
    low = points(earn(rules, purchase(less), rounding=rounding, usage=usage))
    assert low <= points(earn(rules, purchase(more), rounding=rounding, usage=usage))


@given(rule_sets(), amounts, roundings, st.dictionaries(st.integers(1, 5), usages, max_size=5))
def test_no_rule_gives_more_than_its_caps_leave(
    rules: list[RuleDraft], amount: int, rounding: Rounding, used: dict[int, RuleUsage]
) -> None:
    usage = {UUID(int=number): found for number, found in used.items()}
    given_by = earn(rules, purchase(amount), rounding=rounding, usage=usage).by_rule()
    for each in rules:
        spent, gave = usage.get(each.id, RuleUsage()), given_by.get(each.id, 0)
        if each.caps is not None:
            assert each.caps.per_day is not None
            assert gave <= max(0, each.caps.per_day - spent.per_day)
            assert each.caps.per_member is None or gave <= max(0, each.caps.per_member - spent.per_member)


@given(rule_sets(proportional=True), st.lists(amounts, min_size=1, max_size=6), roundings)
def test_splitting_a_ticket_gains_no_more_than_the_documented_rounding(
    rules: list[RuleDraft], parts: list[int], rounding: Rounding
) -> None:
    together = points(earn(rules, purchase(sum(parts)), rounding=rounding))
    apart = sum(points(earn(rules, purchase(part), rounding=rounding)) for part in parts)
    gain = {Rounding.FLOOR: 0, Rounding.HALF_EVEN: (len(parts) + 1) // 2, Rounding.CEIL: len(parts) - 1}[rounding]
    assert apart - together <= gain


@given(rule_sets(), amounts, roundings, st.permutations(range(5)))
def test_the_order_in_which_rules_are_written_makes_no_difference(
    rules: list[RuleDraft], amount: int, rounding: Rounding, order: list[int]
) -> None:
    shuffled = [rules[index] for index in order if index < len(rules)]
    assert earn(rules, purchase(amount), rounding=rounding) == earn(shuffled, purchase(amount), rounding=rounding)


@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "B"]), st.integers(1, 9), st.integers(0, 9000), st.sampled_from(["x", "y"])),
        min_size=1,
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_a_tickets_lines_makes_no_difference(lines: list[tuple[str, int, int, str]], chance: Any) -> None:
    ticket = [Item(sku, quantity, amount, category=category) for sku, quantity, amount, category in lines]
    product = [{"kind": "product", "categories": ["x"], "excluded_skus": ["B"]}]
    rules = [
        rule({"kind": "points_per_item", "purse_id": POINTS_ID, "points": 3}, number=1, conditions=product),
        rule(
            {
                "kind": "points_per_amount",
                "purse_id": POINTS_ID,
                "points": 7,
                "per": 300,
                "applies_to": "matching_items",
            },
            number=2,
            conditions=product,
        ),
    ]
    shuffled = list(ticket)
    chance.shuffle(shuffled)
    assert earn(rules, purchase(1000, *ticket)) == earn(rules, purchase(1000, *shuffled))


@given(rule_sets(), amounts, roundings)
def test_grants_are_positive_and_add_up_to_the_purses_one_rounding(
    rules: list[RuleDraft], amount: int, rounding: Rounding
) -> None:
    uncapped = [each for each in rules if each.caps is None]
    outcome = earn(uncapped, purchase(amount), rounding=rounding)
    assert all(grant.amount > 0 for grant in outcome.grants)
    shares = [
        Fraction(each.compile()(purchase(amount), ())[0]) / each.compile()(purchase(amount), ())[1]
        for found in uncapped
        if not found.conditions
        for kind, each in found.effects
        if kind != "multiplier"
    ]
    if len(shares) == len(uncapped):  # neither a condition nor a multiplier: the sum can be said in one line
        assert points(outcome) == rounded(sum(shares, Fraction()), rounding)


@given(rule_sets())
def test_a_rule_survives_being_written_and_read(rules: list[RuleDraft]) -> None:
    assert [load_rule(dump_rule(each), version_id=each.version_id) for each in rules] == rules
