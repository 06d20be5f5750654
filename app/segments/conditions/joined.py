"""The condition `joined`."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement

from app.models import Member
from app.parameters import about
from app.segments.kinds import CONDITIONS, DAYS_MAX, Condition, Context


@CONDITIONS.register("joined")
@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Condition):
    """When the member joined."""

    when: Literal["within", "before"] = field(
        default="within", metadata=about("Whether it was within the days, or before them.")
    )
    days: int = field(
        metadata=about(
            "Today and so many days before, in the programme's zone.", example=30, minimum=0, maximum=DAYS_MAX
        )
    )

    def clause(self, context: Context) -> ColumnElement[bool]:
        since = context.days_ago(self.days)
        return Member.joined_at >= since if self.when == "within" else Member.joined_at < since
