"""The condition `weekday_hours`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from app.parameters import about
from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Predicate

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60


@CONDITIONS.register("weekday_hours")
@dataclass(frozen=True, slots=True, kw_only=True)
class WeekdayHours(Condition):
    """It happened on these weekdays, between these hours of the programme's wall clock, the end excluded.

    Hours may cross midnight: Friday from 22:00 until 02:00 ends on Saturday at 02:00, and belongs to Friday.
    Where clocks go back, an hour that comes twice counts twice; where they go forward, an hour that does not
    come is not made up for.
    """

    days: tuple[Day, ...] = field(
        default=(),
        metadata=about("The weekdays on which the hours begin; all when left out.", example=["fri", "sat"]),
    )
    start: str = field(
        default="00:00",
        metadata=about("The first minute.", name="from", text_format="time", example="22:00"),
    )
    until: str = field(
        default="00:00",
        metadata=about(
            "The first minute after; 00:00 is midnight, the day's end.", text_format="time", example="02:00"
        ),
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        if not self.days and self.start == self.until == "00:00":
            yield "days", "is required when there are no hours"
        if self.start == self.until != "00:00":
            yield "until", "must differ from `from`"

    def compile(self) -> Predicate:
        days = frozenset(_DAYS.index(day) for day in self.days) or frozenset(range(7))
        start, until = _minutes(self.start), _minutes(self.until) or _DAY_MINUTES

        def within(activity: ActivityFacts, _member: MemberFacts) -> bool:
            local = activity.local_at
            minute, weekday = local.hour * 60 + local.minute, local.weekday()
            if start < until:
                return start <= minute < until and weekday in days
            return (minute >= start and weekday in days) or (minute < until and (weekday - 1) % 7 in days)

        return within

    def words(self) -> str:
        days = ", ".join(self.days) or "any day"
        return f"{days} from {self.start} until {self.until} in the programme's time zone"


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
