"""The condition `tier`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, false

from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context


@CONDITIONS.register("tier")
@dataclass(frozen=True, slots=True, kw_only=True)
class Tier(Condition):
    """The member holds one of these tiers. A member without a tier does not satisfy it."""

    tier_ids: tuple[str, ...] = field(metadata=about("The tiers.", example=["gold"]))

    def clause(self, context: Context) -> ColumnElement[bool]:  # noqa: ARG002
        # No member has a tier yet, as rules have it.
        return false()
