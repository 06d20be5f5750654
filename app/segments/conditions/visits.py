"""The condition `visits`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func

from app.parameters import about
from app.segments.kinds import CONDITIONS, DAYS_MAX, Comparison, Condition, Context, compare_total

VISITS = ("purchase", "visit")
"""The activities that are visits unless a condition says otherwise."""


@CONDITIONS.register("visits")
@dataclass(frozen=True, slots=True, kw_only=True)
class Visits(Condition):
    """How often the member came: purchases and visits, or activities of the kinds named. Refunds do not count."""

    op: Comparison = field(default="at_least", metadata=about("How the number of visits compares with the count."))
    count: int = field(metadata=about("A number of visits.", example=3, minimum=0, maximum=1_000_000))
    within_days: int | None = field(
        default=None,
        metadata=about(
            "Only today and so many days before, in the programme's zone; ever when left out.",
            example=90, minimum=0, maximum=DAYS_MAX,
        ),
    )  # fmt: skip
    activities: tuple[str, ...] = field(
        default=(), metadata=about("Kinds of activities; purchases and visits when left out.", example=["purchase"])
    )

    def clause(self, context: Context) -> ColumnElement[bool]:
        kinds = self.activities or VISITS
        return compare_total(context, func.count(), self.op, self.count, kinds=kinds, within_days=self.within_days)
