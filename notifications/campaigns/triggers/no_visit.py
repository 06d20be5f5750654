"""The trigger `no_visit`: so many days after the day of the last visit, or of joining; holds until the next visit.

Only absences that reach their length now: a campaign that begins does not wake everybody who left years ago.
"""

from sqlalchemy import ColumnElement, Text, exists, func, literal, not_, select, union_all

from app.models import Activity, Journey, Member
from app.segments.conditions.visits import VISITS
from app.segments.kinds import first_id
from notifications.campaigns.triggers import TRIGGERS, Candidates, Kind, Moment

GRACE_DAYS = 2
"""Workers may stand still so long without anybody being forgotten."""


def _due(moment: Moment) -> Candidates:
    context, program_id = moment.context, moment.context.program_id
    # The last visit was on a day from `first` on, and before `after`, the day whose absence is not yet long enough.
    first, after = context.days_ago(moment.days + GRACE_DAYS), context.days_ago(moment.days - 1)
    visits = [Activity.program_id == program_id, Activity.kind.in_(VISITS), Activity.reverses_activity_id.is_(None)]
    came = (
        select(Activity.member_id, func.max(Activity.occurred_at).label("last_at"))
        # Ids carry the time of recording: months before are not read.
        .where(*visits, Activity.id >= first_id(first), Activity.occurred_at >= first, Activity.occurred_at < after)
        .group_by(Activity.member_id)
    )
    joined = select(Member.id.label("member_id"), Member.joined_at.label("last_at")).where(
        Member.program_id == program_id,
        Member.joined_at >= first,
        Member.joined_at < after,
        not_(exists().where(*visits, Activity.member_id == Member.id)),
    )
    last = union_all(came, joined).subquery("last")
    day = func.to_char(func.timezone(literal(context.zone.key, Text), last.c.last_at), "YYYY-MM-DD")
    since = exists().where(*visits, Activity.member_id == last.c.member_id, Activity.occurred_at >= after)
    return select(last.c.member_id, day.label("cause")).where(not_(since))


def _holds(moment: Moment) -> ColumnElement[bool]:
    day = func.to_char(func.timezone(literal(moment.context.zone.key, Text), Activity.occurred_at), "YYYY-MM-DD")
    again = exists().where(
        Activity.program_id == Journey.program_id,
        Activity.member_id == Journey.member_id,
        Activity.kind.in_(VISITS),
        Activity.reverses_activity_id.is_(None),
        day > Journey.cause,
    )
    return not_(again)


TRIGGERS.register("no_visit")(Kind(due=_due, hourly=True, holds=_holds))
