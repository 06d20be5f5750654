"""Money and rounding: integers of minor units, decimals only on the way."""

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

AMOUNT_MAX = 10**15
"""No single amount is larger, in minor units, points or stamps: sums of billions of them still fit BIGINT."""

# ISO 4217 currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip


class Rounding(StrEnum):
    """How a fraction of a point becomes points."""

    FLOOR = "floor"
    HALF_EVEN = "half_even"
    CEIL = "ceil"


def exponent(currency: str) -> int:
    """Return how many decimals the currency's minor unit has (ISO 4217): 2 for EUR, 0 for JPY."""
    return _EXPONENTS.get(currency, 2)


def minor_per_major(currency: str) -> int:
    """Return how many minor units one unit of the currency has: 100 for EUR."""
    return int(10 ** exponent(currency))


def rounded(value: Fraction, mode: Rounding) -> int:
    """Return `value` as an integer by `mode`, exactly: no binary fractions on the way."""
    whole, remainder = divmod(value.numerator, value.denominator)
    if remainder == 0 or mode is Rounding.FLOOR:
        return whole
    if mode is Rounding.CEIL:
        return whole + 1
    return round(value)


def as_decimal(minor: int, currency: str) -> Decimal:
    """Return an amount of minor units as a decimal of the currency, for people to read."""
    return Decimal(minor).scaleb(-exponent(currency))
