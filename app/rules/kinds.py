"""What a condition is and what an effect is, and the registries that find them: a new kind is a new file."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from app.parameters import Parameters
from app.registry import Registry
from app.rules.facts import ActivityFacts, Amount, Item, MemberFacts, PurseKind

Predicate = Callable[[ActivityFacts, MemberFacts], bool]
"""A condition ready to run: its ids parsed, its sets built."""

Share = Callable[[ActivityFacts, Sequence[Item]], tuple[Amount, int]]
"""An effect ready to run: from the activity and the rule's matching items to an exact `(numerator, denominator)`."""

AppliesTo = Literal["whole", "matching_items"]
"""What an effect looks at: the whole activity, or the items that the rule's `product` conditions match."""


class Need(StrEnum):
    """What a caller must read of the member before rules can be evaluated."""

    PURCHASES = "purchases"
    TIER = "tier"


class Role(StrEnum):
    """When an effect has its turn: base effects are summed, multipliers act on the sum, vouchers stand beside."""

    BASE = "base"
    MULTIPLIER = "multiplier"
    VOUCHER = "voucher"


class Condition(Parameters):
    """Whether a rule may fire. All conditions of a rule must hold."""

    __slots__ = ()
    needs: ClassVar[frozenset[Need]] = frozenset()

    def compile(self) -> Predicate:
        """Return the test, as cheap as it can be: it runs for each live rule at each scan."""
        raise NotImplementedError

    def selects(self) -> Callable[[Item], bool] | None:
        """Return which items the rule is about, or None when the condition says nothing of items."""
        return None

    def words(self) -> str:
        """Return what the condition asks, to be read after "it asks for"."""
        raise NotImplementedError


class Effect(Parameters):
    """What a rule gives, in one purse or of one reward."""

    __slots__ = ()
    role: ClassVar[Role] = Role.BASE
    purse_kinds: ClassVar[frozenset[PurseKind]] = frozenset(("points", "stamps", "money"))
    """The kinds of purse that it may pay into."""

    def target(self) -> UUID:
        """Return the purse's id, or the reward's."""
        raise NotImplementedError

    def compile(self) -> Share:
        """Return what computes the exact share, or the factor of a multiplier."""
        raise NotImplementedError

    def takes_matching(self) -> bool:
        """Return whether the share is computed from the matching items."""
        return False

    def words(self) -> str:
        """Return what the effect gives, for a receipt."""
        raise NotImplementedError


CONDITIONS: Registry[type[Condition]] = Registry("conditions")
EFFECTS: Registry[type[Effect]] = Registry("effects")
