"""The effect `fixed_points`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, Item
from app.rules.kinds import EFFECTS, Effect, Share


@EFFECTS.register("fixed_points")
@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoints(Effect):
    """The same number of points (or minor units, in a money purse) whatever was paid.

    A ticket cut in two earns it twice: give such a rule a `per_day` cap or a minimum amount.
    """

    purse_id: str = field(
        metadata=about("The purse that receives.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse")
    )
    points: int = field(metadata=about("How many.", example=50, minimum=1, maximum=1_000_000_000))

    def target(self) -> UUID:
        return ids.parse("purse", self.purse_id)

    def compile(self) -> Share:
        share = (self.points, 1)

        def fixed(_activity: ActivityFacts, _items: Sequence[Item]) -> tuple[int, int]:
            return share

        return fixed

    def words(self) -> str:
        return f"{self.points} at once"
