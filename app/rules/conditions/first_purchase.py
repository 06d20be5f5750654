"""The condition `first_purchase`."""

from dataclasses import dataclass
from typing import ClassVar

from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Need, Predicate


@CONDITIONS.register("first_purchase")
@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPurchase(Condition):
    """The member has no earlier purchase in the programme. A purchase that was reversed whole does not count."""

    needs: ClassVar[frozenset[Need]] = frozenset((Need.PURCHASES,))

    def compile(self) -> Predicate:
        def first(_activity: ActivityFacts, member: MemberFacts) -> bool:
            return member.purchases_count == 0

        return first

    def words(self) -> str:
        return "the member's first purchase"
