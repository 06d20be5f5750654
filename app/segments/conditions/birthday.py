"""The condition `birthday`."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import ColumnElement, extract, func

from app.models import Member
from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context

_YEAR_DAYS = 366


@CONDITIONS.register("birthday")
@dataclass(frozen=True, slots=True, kw_only=True)
class Birthday(Condition):
    """The member's birthday lies in a window of days around today, in the programme's zone.

    In years without a 29 February, those born on it celebrate on the 28th.
    """

    from_days: int = field(
        default=0, metadata=about("First day, counted from today.", example=0, minimum=-_YEAR_DAYS, maximum=_YEAR_DAYS)
    )
    to_days: int = field(
        default=0, metadata=about("Last day, counted from today.", example=7, minimum=-_YEAR_DAYS, maximum=_YEAR_DAYS)
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.to_days < self.from_days:
            yield "to_days", "must not come before `from_days`"

    def clause(self, context: Context) -> ColumnElement[bool]:
        days = min(self.to_days - self.from_days, _YEAR_DAYS)
        first = context.today + timedelta(days=self.from_days)
        wanted = {key for step in range(days + 1) for key in _keys(first + timedelta(days=step))}
        born = extract("month", Member.birth_on) * 100 + extract("day", Member.birth_on)
        return func.coalesce(born.in_(sorted(wanted)), False)


def _keys(day: date) -> list[int]:
    """Return the birthdays that are celebrated on a day, each as month times 100 plus day."""
    key = day.month * 100 + day.day
    return [key, 229] if key == 228 and not calendar.isleap(day.year) else [key]  # noqa: PLR2004 - 28 and 29 February
