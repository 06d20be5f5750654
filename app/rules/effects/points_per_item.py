"""The effect `points_per_item`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, Amount, Item
from app.rules.kinds import EFFECTS, AppliesTo, Effect, Share


@EFFECTS.register("points_per_item")
@dataclass(frozen=True, slots=True, kw_only=True)
class PointsPerItem(Effect):
    """Points (or stamps, in a stamps purse) for each piece bought: quantities count, lines do not."""

    purse_id: str = field(
        metadata=about("The purse that receives.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse")
    )
    points: int = field(metadata=about("How many for a piece.", example=5, minimum=1, maximum=1_000_000))
    applies_to: AppliesTo = field(
        default="matching_items", metadata=about("The matching items, or every item of the activity.")
    )

    def target(self) -> UUID:
        return ids.parse("purse", self.purse_id)

    def takes_matching(self) -> bool:
        return self.applies_to == "matching_items"

    def compile(self) -> Share:
        points = self.points

        def of_whole(activity: ActivityFacts, _items: Sequence[Item]) -> tuple[Amount, int]:
            return sum(item.quantity for item in activity.items) * points, 1

        def of_items(_activity: ActivityFacts, items: Sequence[Item]) -> tuple[Amount, int]:
            return sum(item.quantity for item in items) * points, 1

        return of_items if self.takes_matching() else of_whole

    def words(self) -> str:
        return f"{self.points} for each item"
