"""The condition `tag`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, or_

from app.models import Member
from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context


@CONDITIONS.register("tag")
@dataclass(frozen=True, slots=True, kw_only=True)
class Tag(Condition):
    """The member carries one of these tags, letter by letter."""

    tags: tuple[str, ...] = field(metadata=about("The tags.", example=["vip"]))

    def clause(self, context: Context) -> ColumnElement[bool]:  # noqa: ARG002 - the same in all programmes
        return or_(*(Member.tags.contains([tag]) for tag in dict.fromkeys(self.tags)))
