"""The effect `voucher`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, Item, PurseKind
from app.rules.kinds import EFFECTS, Effect, Role, Share


@EFFECTS.register("voucher")
@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher(Effect):
    """One voucher of a reward of the catalogue, free of its price. Caps count vouchers."""

    role: ClassVar[Role] = Role.VOUCHER
    purse_kinds: ClassVar[frozenset[PurseKind]] = frozenset()

    reward_id: str = field(metadata=about("The reward.", example="rwd_0190163d8694739b8aaa1b7a5f0c1d2e", ref="reward"))

    def target(self) -> UUID:
        return ids.parse("reward", self.reward_id)

    def compile(self) -> Share:
        share = (1, 1)

        def one(_activity: ActivityFacts, _items: Sequence[Item]) -> tuple[int, int]:
            return share

        return one

    def words(self) -> str:
        return "a voucher"
