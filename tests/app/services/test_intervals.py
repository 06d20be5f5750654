"""Intervals: the published figures, and what must hold of any two groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.intervals import (
    GROUP_MIN,
    Amounts,
    mean_difference,
    newcombe,
    rate_difference,
    student_quantile,
    welch,
    wilson,
)


@pytest.mark.parametrize(
    ("groups", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0000),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_differences_of_rates_are_those_of_newcombes_table_2(
    groups: tuple[int, int, int, int], low: float, high: float
) -> None:
    found = newcombe(*groups)

    assert (found.low, found.high) == pytest.approx((low, high), abs=0.00006)


@pytest.mark.parametrize(("hits", "count", "low", "high"), [(81, 263, 0.2553, 0.3662), (1, 29, 0.0061, 0.1718)])
def test_rates_alone_are_those_of_newcombes_other_paper(hits: int, count: int, low: float, high: float) -> None:
    """R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3."""
    assert wilson(hits, count) == pytest.approx((low, high), abs=0.00006)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(9, 2.2622), (10, 2.2281), (29, 2.0452), (60, 2.0003), (120, 1.9799), (1e9, 1.95996)]
)
def test_students_quantiles_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, abs=0.001)


def test_a_difference_of_means_is_as_computed_by_hand() -> None:
    first, other = amounts([27, 20, 29, 23, 25, 21, 22, 24, 26, 28]), amounts([19, 24, 20, 27, 18, 16, 12, 15, 21, 18])

    found = welch(first, other)

    # s1² = 9.1667, s2² = 18.8889, error = 1.67498, 16.07 degrees of freedom, t = 2.1191
    assert found is not None
    assert found.difference == pytest.approx(5.5)
    assert (found.low, found.high) == pytest.approx((1.951, 9.049), abs=0.005)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_a_difference_of_rates_lies_in_its_interval_and_turns_round(
    count: int, other_count: int, data: st.DataObject
) -> None:
    hits, other_hits = data.draw(st.integers(0, count)), data.draw(st.integers(0, other_count))

    found, turned = newcombe(hits, count, other_hits, other_count), newcombe(other_hits, other_count, hits, count)

    assert -1 - 1e-9 <= found.low <= found.difference + 1e-9
    assert found.difference - 1e-9 <= found.high <= 1 + 1e-9
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


@given(st.lists(st.integers(0, 10**9), min_size=GROUP_MIN, max_size=60))
def test_two_groups_alike_differ_in_nothing(values: list[int]) -> None:
    found = mean_difference(amounts(values), amounts(values))

    assert found is None or (found.low <= 0 <= found.high and not found.is_clear)
    assert (found is None) == (len(set(values)) == 1)


def test_few_members_get_no_interval() -> None:
    few, many = amounts(list(range(GROUP_MIN - 1))), amounts(list(range(GROUP_MIN)))

    assert rate_difference(1, few.count, 1, many.count) is None
    assert mean_difference(many, few) is None
    assert mean_difference(many, many) is not None


def amounts(values: list[int]) -> Amounts:
    """Sum a group up."""
    return Amounts(len(values), sum(values), sum(value * value for value in values))
