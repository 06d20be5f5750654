"""The effect `cash_back_percent`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar
from uuid import UUID

from app import ids
from app.money import AMOUNT_MAX
from app.parameters import about
from app.rules.facts import ActivityFacts, Amount, Item, PurseKind
from app.rules.kinds import EFFECTS, AppliesTo, Effect, Share


@EFFECTS.register("cash_back_percent")
@dataclass(frozen=True, slots=True, kw_only=True)
class CashBackPercent(Effect):
    """A percentage of what was paid, in minor units, into a money purse of the programme's currency."""

    purse_kinds: ClassVar[frozenset[PurseKind]] = frozenset(("money",))

    purse_id: str = field(metadata=about("A money purse.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse"))
    percent: str = field(
        metadata=about("An exact decimal.", example="2.5", text_format="decimal", minimum="0.000001", maximum="100")
    )
    applies_to: AppliesTo = field(
        default="whole", metadata=about("The activity's amount, or the matching items' amounts.")
    )

    def target(self) -> UUID:
        return ids.parse("purse", self.purse_id)

    def takes_matching(self) -> bool:
        return self.applies_to == "matching_items"

    def compile(self) -> Share:
        numerator, denominator = (Fraction(self.percent) / 100).as_integer_ratio()

        def of_whole(activity: ActivityFacts, _items: Sequence[Item]) -> tuple[Amount, int]:
            return (activity.amount or 0) * numerator, denominator

        def of_items(_activity: ActivityFacts, items: Sequence[Item]) -> tuple[Amount, int]:
            return min(sum(item.amount for item in items), AMOUNT_MAX) * numerator, denominator

        return of_items if self.takes_matching() else of_whole

    def words(self) -> str:
        return f"{self.percent} % back"
