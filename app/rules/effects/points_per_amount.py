"""The effect `points_per_amount`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app import ids
from app.money import AMOUNT_MAX
from app.parameters import about
from app.rules.facts import ActivityFacts, Amount, Item
from app.rules.kinds import EFFECTS, AppliesTo, Effect, Share


@EFFECTS.register("points_per_amount")
@dataclass(frozen=True, slots=True, kw_only=True)
class PointsPerAmount(Effect):
    """Points in proportion to what was paid: 1 point per 100 minor units is a point for each euro.

    The proportion is exact; the purse rounds once, after everything that the activity brings it.
    """

    purse_id: str = field(
        metadata=about("The purse that receives.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse")
    )
    points: int = field(metadata=about("How many points.", example=1, minimum=1, maximum=1_000_000))
    per: int = field(metadata=about("For how many minor units.", example=100, minimum=1, maximum=1_000_000_000))
    applies_to: AppliesTo = field(
        default="whole", metadata=about("The activity's amount, or the matching items' amounts.")
    )

    def target(self) -> UUID:
        return ids.parse("purse", self.purse_id)

    def takes_matching(self) -> bool:
        return self.applies_to == "matching_items"

    def compile(self) -> Share:
        points, per = self.points, self.per

        def of_whole(activity: ActivityFacts, _items: Sequence[Item]) -> tuple[Amount, int]:
            return (activity.amount or 0) * points, per

        def of_items(_activity: ActivityFacts, items: Sequence[Item]) -> tuple[Amount, int]:
            return min(sum(item.amount for item in items), AMOUNT_MAX) * points, per

        return of_items if self.takes_matching() else of_whole

    def words(self) -> str:
        return f"{self.points} for each {self.per} minor units"
