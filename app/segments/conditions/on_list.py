"""The condition `list`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, exists

from app import ids
from app.models import Member, SegmentMember
from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context


@CONDITIONS.register("list")
@dataclass(frozen=True, slots=True, kw_only=True)
class OnList(Condition):
    """The member is on a static list."""

    segment_id: str = field(
        metadata=about("A segment of the kind `list`.", example="seg_0190163d8694739b8aaa1b7a5f0c1d2e", ref="segment")
    )

    def clause(self, context: Context) -> ColumnElement[bool]:  # noqa: ARG002 - the same in all programmes
        listed = (
            SegmentMember.program_id == Member.program_id,
            SegmentMember.member_id == Member.id,
            SegmentMember.segment_id == ids.parse("segment", self.segment_id),
        )
        return exists().select_from(SegmentMember).where(*listed).correlate(Member)
