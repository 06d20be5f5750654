"""The trigger `birthday`: on the day, or so many days before it, in the programme's zone; once for each year.

In years without a 29 February, those born on it celebrate on the 28th.
"""

from datetime import timedelta

from sqlalchemy import Text, literal, select

from app.models import Member
from app.segments.conditions.birthday import Birthday
from notifications.campaigns.triggers import TRIGGERS, Candidates, Kind, Moment


def _due(moment: Moment) -> Candidates:
    celebrated = moment.context.today + timedelta(days=moment.days)
    on_that_day = Birthday(from_days=moment.days, to_days=moment.days).clause(moment.context)
    return select(Member.id.label("member_id"), literal(str(celebrated.year), Text).label("cause")).where(
        Member.program_id == moment.context.program_id, on_that_day
    )


TRIGGERS.register("birthday")(Kind(due=_due, hourly=True))
