"""The effect `stamps`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, Item, PurseKind
from app.rules.kinds import EFFECTS, Effect, Share


@EFFECTS.register("stamps")
@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps(Effect):
    """Stamps on a stamp card. What a full card gives, and that the next one begins, is the purse's affair."""

    purse_kinds: ClassVar[frozenset[PurseKind]] = frozenset(("stamps",))

    purse_id: str = field(
        metadata=about("A stamps purse.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse")
    )
    stamps: int = field(default=1, metadata=about("How many.", example=1, minimum=1, maximum=1000))

    def target(self) -> UUID:
        return ids.parse("purse", self.purse_id)

    def compile(self) -> Share:
        share = (self.stamps, 1)

        def stamp(_activity: ActivityFacts, _items: Sequence[Item]) -> tuple[int, int]:
            return share

        return stamp

    def words(self) -> str:
        return "1 stamp" if self.stamps == 1 else f"{self.stamps} stamps"
