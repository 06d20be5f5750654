"""The condition `recency`."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, not_

from app.models import Activity, Member
from app.parameters import about
from app.segments.conditions.visits import VISITS
from app.segments.kinds import CONDITIONS, DAYS_MAX, Condition, Context, own_activities


@CONDITIONS.register("recency")
@dataclass(frozen=True, slots=True, kw_only=True)
class Recency(Condition):
    """How long ago the member came last. Whoever never came is away since joining, and came within no days."""

    last: Literal["within", "before"] = field(
        metadata=about("Whether the last visit is within the days, or before them all.", example="before")
    )
    days: int = field(
        metadata=about(
            "Today and so many days before, in the programme's zone.", example=30, minimum=0, maximum=DAYS_MAX
        )
    )
    activities: tuple[str, ...] = field(
        default=(), metadata=about("Kinds of activities; purchases and visits when left out.", example=["purchase"])
    )

    def clause(self, context: Context) -> ColumnElement[bool]:
        recent = own_activities(context, kinds=self.activities or VISITS, within_days=self.days)
        came = exists().select_from(Activity).where(recent).correlate(Member)
        if self.last == "within":
            return came
        return and_(Member.joined_at < context.days_ago(self.days), not_(came))
