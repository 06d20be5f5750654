"""The effect `multiplier`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar
from uuid import UUID

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, Item
from app.rules.kinds import EFFECTS, Effect, Role, Share


@EFFECTS.register("multiplier")
@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier(Effect):
    """Multiplies what base rules bring to a purse; what it adds is granted under its own rule.

    At least 1: a factor below would let a member earn less by spending more. Several multipliers multiply
    each other.
    """

    role: ClassVar[Role] = Role.MULTIPLIER

    purse_id: str = field(
        metadata=about(
            "The purse whose sum is multiplied.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse"
        )
    )
    factor: str = field(
        metadata=about(
            "An exact decimal: 2 is double points.",
            example="1.5",
            text_format="decimal",
            minimum="1",
            maximum="100",
        )
    )

    def target(self) -> UUID:
        return ids.parse("purse", self.purse_id)

    def compile(self) -> Share:
        factor = Fraction(self.factor).as_integer_ratio()

        def multiply(_activity: ActivityFacts, _items: Sequence[Item]) -> tuple[int, int]:
            return factor

        return multiply

    def words(self) -> str:
        return f"times {self.factor}"
