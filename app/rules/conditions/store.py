"""The condition `store`."""

from dataclasses import dataclass, field

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Predicate


@CONDITIONS.register("store")
@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Condition):
    """It happened at one of these stores. An activity without a store does not satisfy it."""

    store_ids: tuple[str, ...] = field(
        metadata=about("The stores.", example=["sto_0190163d8694739b8aaa1b7a5f0c1d2e"], ref="store")
    )

    def compile(self) -> Predicate:
        wanted = frozenset(ids.parse("store", text) for text in self.store_ids)

        def at_store(activity: ActivityFacts, _member: MemberFacts) -> bool:
            return activity.store_id in wanted

        return at_store

    def words(self) -> str:
        return f"one of the stores {', '.join(self.store_ids)}"
