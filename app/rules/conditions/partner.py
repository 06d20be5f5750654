"""The condition `partner`."""

from dataclasses import dataclass, field

from app import ids
from app.parameters import about
from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Predicate


@CONDITIONS.register("partner")
@dataclass(frozen=True, slots=True, kw_only=True)
class Partner(Condition):
    """It happened at one of these partners of a coalition, in whichever of their stores."""

    partner_ids: tuple[str, ...] = field(
        metadata=about("The partners.", example=["prt_0190163d8694739b8aaa1b7a5f0c1d2e"], ref="partner")
    )

    def compile(self) -> Predicate:
        wanted = frozenset(ids.parse("partner", text) for text in self.partner_ids)

        def at_partner(activity: ActivityFacts, _member: MemberFacts) -> bool:
            return activity.partner_id in wanted

        return at_partner

    def words(self) -> str:
        return f"one of the partners {', '.join(self.partner_ids)}"
