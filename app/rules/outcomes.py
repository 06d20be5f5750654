"""What an evaluation gives: grants by purse and rule, vouchers, and, when asked, why."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Grant:
    """What one rule brings to one purse: a positive amount of points, stamps or minor units.

    `steps` is kept with the entry and is JSON: `effects` (each with its `exact` share), `exact` (the rule's
    share after caps, a fraction as text), `rounding`, `rounded`, and, where it applies, `factor`, `cap` (`kind`,
    `limit`, `used`), `sum_before` and `sum_after` (the purse's exact sum around it, where it was not 0 before).
    """

    purse_id: UUID
    amount: int
    rule_id: UUID
    rule_version_id: UUID
    why: str
    steps: dict[str, Any]


@dataclass(frozen=True, slots=True)
class VoucherGrant:
    """One voucher to issue."""

    reward_id: UUID
    rule_id: UUID
    rule_version_id: UUID
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a rule fired, and why, in words."""

    rule_id: UUID
    rule_version_id: UUID
    name: str
    fired: bool
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that an activity earns. Grants stand in the order of the law; `explanations` is empty unless asked for."""

    grants: tuple[Grant, ...] = ()
    vouchers: tuple[VoucherGrant, ...] = ()
    explanations: tuple[Explanation, ...] = ()

    def by_purse(self) -> dict[UUID, int]:
        """Return how much each purse receives."""
        sums: dict[UUID, int] = {}
        for grant in self.grants:
            sums[grant.purse_id] = sums.get(grant.purse_id, 0) + grant.amount
        return sums

    def by_rule(self) -> dict[UUID, int]:
        """Return how much each rule gave: what is added to its usage, when it has caps."""
        sums: dict[UUID, int] = {}
        for grant in self.grants:
            sums[grant.rule_id] = sums.get(grant.rule_id, 0) + grant.amount
        for voucher in self.vouchers:
            sums[voucher.rule_id] = sums.get(voucher.rule_id, 0) + 1
        return sums


NOTHING = Outcome()
