"""How a campaign's members are split between holdout, test and variants: by a hash, the same in SQL and here.

`split_number` in the migrations is the twin of `number`. A member's place does not depend on when, or in what order,
rows are made: a run that is begun again splits as before.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

HUNDRED_PERCENT = 10_000
HOLDOUT, VARIANT, TEST = 0, 1, 2
"""Which 32 bits of the hash decide what."""


def number(campaign_id: UUID, member_id: UUID, part: int) -> int:
    """Return the 32 bits of the pair's hash that decide `part`."""
    # Not for secrecy: MD5 is what PostgreSQL has built in, and it spreads evenly.
    digest = hashlib.md5((campaign_id.hex + member_id.hex).encode(), usedforsecurity=False).hexdigest()
    return int(digest[8 * part : 8 * part + 8], 16)


def held_out(campaign_id: UUID, member_id: UUID, percent: float) -> bool:
    """Tell whether the member is among the `percent` of a campaign's audience who get nothing."""
    return number(campaign_id, member_id, HOLDOUT) % HUNDRED_PERCENT < threshold(percent)


def in_test(campaign_id: UUID, member_id: UUID, percent: float) -> bool:
    """Tell whether the member is among the `percent` who get a variant before the winner is known."""
    return number(campaign_id, member_id, TEST) % HUNDRED_PERCENT < threshold(percent)


def variant(campaign_id: UUID, member_id: UUID, variants: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the name of the member's variant, by weight; None when there are none."""
    bounds = upper_bounds(variants)
    if not bounds:
        return None
    place = number(campaign_id, member_id, VARIANT) % bounds[-1][1]
    return next(name for name, bound in bounds if place < bound)


def upper_bounds(variants: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Return each variant's name and where its share ends; the last end is the total weight."""
    bounds: list[tuple[str, int]] = []
    end = 0
    for one in variants:
        end += int(one.get("weight", 1))
        if not bounds or end > bounds[-1][1]:
            bounds.append((str(one["name"]), end))
    return [bound for bound in bounds if bound[1] > 0]


def threshold(percent: float) -> int:
    """Return how many of ten thousand buckets `percent` is."""
    return round(percent * HUNDRED_PERCENT / 100)
