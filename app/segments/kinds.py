"""What a segment's condition is, what it is compiled in, and the registry that finds it: a new kind is a new file."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, not_, select

from app import clock, ids
from app.models import Activity, Member
from app.parameters import Parameters
from app.registry import Registry

Comparison = Literal["at_least", "at_most", "exactly", "more_than", "less_than"]
DAYS_MAX = 3660
"""Ten years: a window longer than that says "ever"."""

_CLOCKS_APART = timedelta(days=1)
"""How far a till's clock may be ahead of the server's, generously: an activity's id tells when we learnt of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a clause is made for: a programme, an instant, and how it will be asked.

    The worker's sessions see people across programmes (`across`); those of requests reach devices and customers
    through doors only. A clause that is asked of `whole` programmes reads what it compares once for all members;
    otherwise it looks at each member's own rows, so that a page of members costs what the page holds.
    """

    program_id: UUID
    now: datetime
    zone: ZoneInfo
    locale: str
    across: bool = False
    whole: bool = False

    @property
    def today(self) -> date:
        """The day in the programme's zone."""
        return self.now.astimezone(self.zone).date()

    def days_ago(self, days: int) -> datetime:
        """Return the instant at which the programme's day `days` days ago began, in UTC."""
        try:
            day = self.today - timedelta(days=days)
        except OverflowError:
            day = date.min + timedelta(days=1)
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)


class Condition(Parameters):
    """A question about one member."""

    __slots__ = ()

    def clause(self, context: Context) -> ColumnElement[bool]:
        """Return the answer as a condition on `Member`, never NULL."""
        raise NotImplementedError


CONDITIONS: Registry[type[Condition]] = Registry("segment conditions")


_OPERATORS: dict[Comparison, Callable[[Any, Any], Any]] = {
    "at_least": operator.ge, "at_most": operator.le, "exactly": operator.eq, "more_than": operator.gt,
    "less_than": operator.lt,
}  # fmt: skip


def compare(left: ColumnElement[Any], op: Comparison, right: Any) -> ColumnElement[bool]:
    """Return `left op right`."""
    found: ColumnElement[bool] = _OPERATORS[op](left, right)
    return found


def own_activities(
    context: Context, *, kinds: tuple[str, ...] = (), within_days: int | None = None, reversals: bool = False
) -> ColumnElement[bool]:
    """Return what ties `Activity` to `Member`: of these kinds, in these days of the programme, refunds left out."""
    tied = (Activity.program_id == Member.program_id, Activity.member_id == Member.id)
    return and_(*tied, activities(context, kinds=kinds, within_days=within_days, reversals=reversals))


def activities(
    context: Context, *, kinds: tuple[str, ...] = (), within_days: int | None = None, reversals: bool = False
) -> ColumnElement[bool]:
    """Return which activities are looked at, of whichever member.

    A window of days also bounds the ids, which carry the time of recording, so that months before it are not read.
    """
    conditions = [Activity.program_id == context.program_id]
    if kinds:
        conditions.append(Activity.kind.in_(kinds))
    if not reversals:
        conditions.append(Activity.reverses_activity_id.is_(None))
    if within_days is not None:
        since = context.days_ago(within_days)
        conditions += [Activity.occurred_at >= since, Activity.id >= first_id(since)]
    return and_(*conditions)


def compare_total(
    context: Context, total: ColumnElement[int], op: Comparison, amount: int, **which: Any
) -> ColumnElement[bool]:
    """Return how a total over a member's activities, 0 where there are none, compares; `which` is for `activities`."""
    if not context.whole:
        own = select(total).where(own_activities(context, **which)).correlate(Member).scalar_subquery()
        return compare(own, op, amount)
    # Either who satisfies it with what they did, or all but those who do not: whoever did nothing is in no group.
    nothing_does = bool(_OPERATORS[op](0, amount))
    satisfied = compare(total, op, amount)
    groups = select(Activity.member_id).where(activities(context, **which)).group_by(Activity.member_id)
    found = Member.id.in_(groups.having(not_(satisfied) if nothing_does else satisfied))
    return not_(found) if nothing_does else found


def first_id(since: datetime) -> UUID:
    """Return an id that sorts before those of all rows about what happened from `since` on (RFC 9562 §5.7).

    Ids carry the machine's time. Where a test or a sandbox holds the clock ahead of it, the bound moves as far back.
    """
    machine = datetime.fromtimestamp((ids.new_id().int >> 80) / 1000, UTC)
    ahead = max(clock.now() - machine, timedelta(0))
    milliseconds = max(int((since - ahead - _CLOCKS_APART).timestamp() * 1000), 0)
    return UUID(int=milliseconds << 80)
