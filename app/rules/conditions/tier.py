"""The condition `tier`."""

from dataclasses import dataclass, field
from typing import ClassVar

from app.parameters import about
from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Need, Predicate


@CONDITIONS.register("tier")
@dataclass(frozen=True, slots=True, kw_only=True)
class Tier(Condition):
    """The member holds one of these tiers when it happens. A member without a tier does not satisfy it."""

    needs: ClassVar[frozenset[Need]] = frozenset((Need.TIER,))

    tier_ids: tuple[str, ...] = field(metadata=about("The tiers.", example=["gold"]))

    def compile(self) -> Predicate:
        wanted = frozenset(self.tier_ids)

        def holds(_activity: ActivityFacts, member: MemberFacts) -> bool:
            return member.tier_id in wanted

        return holds

    def words(self) -> str:
        return f"one of the tiers {', '.join(self.tier_ids)}"
