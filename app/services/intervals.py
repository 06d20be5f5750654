"""Confidence intervals of differences between two groups: of rates, and of means. Pure arithmetic, no tables.

Both are two-sided with 95 % coverage. Tests compare them with the figures of the papers that are named.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
GROUP_MIN = 30
"""A group of fewer tells nothing: the usual rule of thumb for means of skewed amounts, which purchases are."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference with the range that it may well lie in."""

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the range leaves out no difference at all."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Amounts:
    """A group's amounts, summed up: how many members, the sum and the sum of squares, zeros counted."""

    count: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        """The amount a member; 0 for nobody."""
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        """The unbiased variance, from whole numbers, so that nothing cancels out; 0 for fewer than two members."""
        if self.count < 2:  # noqa: PLR2004 - a single amount does not vary
            return 0.0
        return (self.count * self.squares - self.total**2) / (self.count * (self.count - 1))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the score interval of a rate; (0, 1) for nobody.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.
    """
    if count == 0:
        return 0.0, 1.0
    rate = hits / count
    middle = rate + Z**2 / (2 * count)
    spread = Z * sqrt(rate * (1 - rate) / count + Z**2 / (4 * count**2))
    scale = 1 + Z**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def rate_difference(hits: int, count: int, other_hits: int, other_count: int) -> Interval | None:
    """Return how much higher the first rate is than the other, or None where a group is below `GROUP_MIN`.

    Method 10 of R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998), 873-890: the score intervals of both, squared and added. Unlike
    the textbook's it neither leaves [-1, 1] nor shrinks to a point when nobody of a group came.
    """
    if min(count, other_count) < GROUP_MIN:
        return None
    return newcombe(hits, count, other_hits, other_count)


def newcombe(hits: int, count: int, other_hits: int, other_count: int) -> Interval:
    """Return the interval of `rate_difference` for groups of any size above 0."""
    rate, other = hits / count, other_hits / other_count
    low, high = wilson(hits, count)
    other_low, other_high = wilson(other_hits, other_count)
    difference = rate - other
    return Interval(
        difference,
        difference - sqrt((rate - low) ** 2 + (other_high - other) ** 2),
        difference + sqrt((high - rate) ** 2 + (other - other_low) ** 2),
    )


def mean_difference(amounts: Amounts, other: Amounts) -> Interval | None:
    """Return how much higher the first mean is, or None where a group is below `GROUP_MIN` or nothing varies.

    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34 (1947), 28-35: the variances may differ, as those of buyers who were written to and others do.
    """
    if min(amounts.count, other.count) < GROUP_MIN:
        return None
    return welch(amounts, other)


def welch(amounts: Amounts, other: Amounts) -> Interval | None:
    """Return the interval of `mean_difference` for groups of at least two, or None where nothing varies."""
    error, other_error = amounts.variance / amounts.count, other.variance / other.count
    if error + other_error == 0:
        return None
    freedom = (error + other_error) ** 2 / (error**2 / (amounts.count - 1) + other_error**2 / (other.count - 1))
    spread = student_quantile(freedom) * sqrt(error + other_error)
    difference = amounts.mean - other.mean
    return Interval(difference, difference - spread, difference + spread)


def student_quantile(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t for `freedom` degrees, right to 0.001 from 9 on.

    M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5.
    """
    z2 = Z * Z
    terms = (
        (z2 + 1) / 4,
        ((5 * z2 + 16) * z2 + 3) / 96,
        (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384,
        ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160,
    )
    return Z + sum(Z * term / freedom**power for power, term in enumerate(terms, start=1))
