"""Refunds: what a sale earned is taken back, under its own rules, in whatever parts, by the purse's policy."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from app import ids
from app.errors import InvalidError
from app.models import Entry, Rule, RuleUsage, RuleVersion
from app.services.reversals import AlreadyReversedError, ClawbackRefusedError
from tests.world import World, make_world
from tests.world_ledger import Books, make_books
from tests.world_till import make_rule

ITEMS = (
    {"sku": "beans", "quantity": 2, "amount": 16_00},
    {"sku": "mug", "quantity": 1, "amount": 9_00},
)


def test_a_whole_refund_takes_all_and_names_what_it_reverses(books: Books) -> None:
    sale = books.buy(25_00)

    done = books.refund(sale)

    with books.open() as (session, _):
        earned, taken = session.scalars(
            select(Entry).where(Entry.account_id == books.account().id).order_by(Entry.sequence)
        )
    assert (taken.kind, taken.amount, taken.reverses_entry_id) == ("reverse", -25, earned.id)
    assert taken.rule_version_id == earned.rule_version_id
    assert done.reclaimed == {books.cafe.points: 25}
    assert (books.balance, books.drifts()) == (0, [])


def test_a_refund_by_items_takes_what_they_earned(books: Books) -> None:
    sale = books.buy(25_00, items=ITEMS)

    books.refund(sale, items=({"sku": "beans", "quantity": 1},))

    assert books.balance == 17


def test_items_then_an_amount_then_the_rest_take_all(books: Books) -> None:
    sale = books.buy(25_00, items=ITEMS)

    for part in ({"items": ({"sku": "mug", "quantity": 1},)}, {"amount": 5_00}, {}):
        books.refund(sale, **part)

    assert (books.balance, books.drifts()) == (0, [])


def test_no_more_comes_back_than_was_sold(books: Books) -> None:
    sale = books.buy(25_00, items=ITEMS)
    books.refund(sale, items=({"sku": "mug", "quantity": 1, "amount": 9_00},), amount=9_00)

    for part in (
        {"amount": 16_01},
        {"items": ({"sku": "mug", "quantity": 1},)},
        {"items": ({"sku": "tea", "quantity": 1},)},
    ):
        with pytest.raises(InvalidError):
            books.refund(sale, **part)

    assert books.balance == 16


@pytest.mark.parametrize("again", [{}, {"amount": 1}, {"items": ({"sku": "mug", "quantity": 1},)}])
@pytest.mark.parametrize("first", [{}, {"amount": 25_00}])
def test_what_is_given_back_is_not_given_back_again(books: Books, first: dict[str, Any], again: dict[str, Any]) -> None:
    sale = books.buy(25_00, items=ITEMS)
    books.refund(sale, **first)

    with pytest.raises(AlreadyReversedError):
        books.refund(sale, **again)


def test_a_refund_is_not_refunded(books: Books) -> None:
    done = books.refund(books.buy(25_00))

    with pytest.raises(AlreadyReversedError):
        books.refund(done.activity.id)


def test_the_sales_own_lot_pays_first_then_those_that_expire_first(books: Books) -> None:
    books.buy(10_00)
    sale = books.buy(20_00)
    books.buy(30_00)
    books.burn(15)

    books.refund(sale)

    assert (books.lots(), books.balance) == ([0, 0, 25], 25)


def test_under_debt_the_spent_rest_is_owed_and_the_next_sale_pays(books: Books) -> None:
    sale = books.buy(20_00)
    books.burn(15)

    books.refund(sale)
    owing = (books.balance, books.account().debt)
    books.buy(40_00)

    assert (owing, books.balance) == ((-15, 15), 25)
    assert books.drifts() == []


def test_under_clamp_the_spent_rest_is_forgiven_and_told(world: World) -> None:
    books = make_books(world, on_clawback="clamp")
    sale = books.buy(20_00)
    books.burn(15)

    done = books.refund(sale)
    books.buy(40_00)

    assert done.shortfall == {books.cafe.points: 15}
    assert done.activity.data is not None
    assert done.activity.data["forgiven"] == {books.account().id.hex: 15}
    assert (books.balance, books.account().debt, books.drifts()) == (40, 0, [])


def test_what_was_forgiven_is_not_asked_again_by_the_next_refund_of_the_sale(world: World) -> None:
    books = make_books(world, on_clawback="clamp")
    sale = books.buy(20_00)
    books.burn(20)
    books.refund(sale, amount=10_00)
    books.buy(40_00)

    books.refund(sale)

    assert books.balance == 30


def test_under_refuse_nothing_happens_when_it_was_spent(world: World) -> None:
    books = make_books(world, on_clawback="refuse")
    sale = books.buy(20_00)
    books.burn(15)

    with pytest.raises(ClawbackRefusedError) as refused:
        books.refund(sale)
    books.refund(sale, amount=5_00)

    assert refused.value.data == {"needed": 20, "available": 5}
    assert (books.balance, books.drifts()) == (0, [])


def test_what_a_till_holds_is_not_taken_from_under_its_hands(books: Books) -> None:
    sale = books.buy(20_00)
    hold = books.hold(12)

    books.refund(sale)
    books.capture(hold)

    assert (books.balance, books.account().debt, books.drifts()) == (-12, 12, [])


def test_a_rule_changed_after_the_sale_does_not_change_its_refund(books: Books) -> None:
    sale = books.buy(20_00)
    _publish_anew(books, points=5)
    books.buy(1_00)

    books.refund(sale, amount=10_00)

    assert books.balance == 20 + 5 - 10


def test_a_rule_that_was_archived_is_still_asked(books: Books) -> None:
    sale = books.buy(20_00)
    with books.open() as (session, _):
        session.execute(update(Rule).values(status="archived"))
    books.set_purse(name="Points")

    books.refund(sale, amount=5_00)

    assert books.balance == 15


def test_a_small_refund_keeps_the_voucher_that_the_rest_still_earns(books: Books) -> None:
    _give_a_coffee_from(books, 10_00)
    sale = books.buy(30_00)

    books.refund(sale, amount=5_00)
    kept = books.vouchers()
    books.refund(sale, amount=20_00)

    assert kept == [("Café offert", "issued")]
    assert books.vouchers() == [("Café offert", "void")]


def test_of_two_vouchers_the_one_that_is_no_longer_earned_goes_once(books: Books) -> None:
    _give_a_coffee_from(books, 10_00)
    _give_a_coffee_from(books, 20_00)
    sale = books.buy(30_00)

    books.refund(sale, amount=12_00)
    books.refund(sale, amount=1_00)

    assert sorted(status for _, status in books.vouchers()) == ["issued", "void"]


def test_a_capped_rule_gets_its_budget_back_once(books: Books) -> None:
    rule_id = _capped(books, 50)
    sale = books.buy(30_00)
    books.refund(sale, amount=30_00)

    with pytest.raises(AlreadyReversedError):
        books.refund(sale)

    with books.open() as (session, _):
        used = set(session.scalars(select(RuleUsage.amount).where(RuleUsage.rule_id == rule_id)))
    assert used == {0}


@settings(max_examples=12)
@given(
    cents=st.integers(1, 200_00),
    cuts=st.lists(st.floats(0, 1), max_size=3),
    spent=st.floats(0, 1),
    policy=st.sampled_from(["debt", "clamp"]),
)
def test_any_split_of_a_refund_takes_what_the_whole_takes(
    world: World, cents: int, cuts: list[float], spent: float, policy: str
) -> None:
    split, whole = (make_books(make_world(world.database), on_clawback=policy) for _ in range(2))
    places = sorted({0, cents, *(int(cents * cut) for cut in cuts)})
    parts = [end - start for start, end in itertools.pairwise(places)]
    for books in (split, whole):
        sale = books.buy(cents)
        burnt = int(books.balance * spent)
        if burnt:
            books.burn(burnt)
        for part in parts if books is split else [cents]:
            books.refund(sale, amount=part)

    assert split.balance == whole.balance == (-burnt if policy == "debt" else 0)
    assert split.drifts() == whole.drifts() == []


def _publish_anew(books: Books, *, points: int) -> None:
    """Publish another version of the rule for purchases."""
    with books.open() as (session, _):
        rule = session.scalars(select(Rule).where(Rule.name == "Un point par euro")).one()
        effect = {**rule.definition["effects"][0], "points": points}
        version = RuleVersion(rule_id=rule.id, number=2, definition={**rule.definition, "effects": [effect]})
        session.add(version)
        session.flush()
        rule.version, rule.version_id = 2, version.id
    books.set_purse(name="Points")


def _give_a_coffee_from(books: Books, cents: int) -> None:
    with books.open() as (session, _):
        make_rule(session, {
            "name": "Un café", "when": {"activity": "purchase"}, "status": "live",
            "conditions": [{"kind": "minimum_amount", "minimum": cents}],
            "effects": [{"kind": "voucher", "reward_id": ids.show("reward", books.cafe.coffee)}],
        })  # fmt: skip


def _capped(books: Books, total: int) -> Any:
    with books.open() as (session, _):
        purse = ids.show("purse", books.cafe.points)
        return make_rule(session, {
            "name": "Capped", "when": {"activity": "purchase"}, "status": "live", "conditions": [],
            "effects": [{"kind": "fixed_points", "purse_id": purse, "points": 7}], "caps": {"total": total},
        })  # fmt: skip


@pytest.fixture
def books(world: World) -> Books:
    return make_books(world)
