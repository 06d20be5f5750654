"""When a member may be written to: quiet hours and send windows on the wall clock of where they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from app.offers import schedules

LOOK_AHEAD_DAYS = 8
"""A window of one weekday comes again within so many days."""
EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True)
class Window:
    """Hours that are closed (`quiet`, may cross midnight), and hours and weekdays (1 = Monday) that are open.

    An end is outside: quiet until 08:00 lets 08:00 pass; a window until 20:00 does not.
    """

    quiet: tuple[time, time] | None = None
    open: tuple[time, time] | None = None
    weekdays: frozenset[int] = EVERY_DAY

    @classmethod
    def read(cls, quiet: Mapping[str, Any] | None, opening: Mapping[str, Any] | None) -> "Window":
        """Read `{from, to}` of quiet hours and `{from, to, weekdays}` of a send window; either may be absent."""
        opening = opening or {}
        return cls(
            quiet=_hours(quiet),
            open=_hours(opening),
            weekdays=frozenset(opening.get("weekdays") or EVERY_DAY),
        )

    @property
    def always(self) -> bool:
        """Whether every instant is allowed."""
        return self.quiet is None and self.open is None and self.weekdays == EVERY_DAY

    def allows(self, at: datetime, zone: str) -> bool:
        """Tell whether a member in `zone` may be written to at an instant."""
        if self.always:
            return True
        wall = at.astimezone(zone_of(zone))
        if self.quiet is not None and _within(wall.time(), self.quiet):
            return False
        return wall.isoweekday() in self.weekdays and (self.open is None or _within(wall.time(), self.open))

    def next_allowed(self, at: datetime, zone: str) -> datetime | None:
        """Return the first instant, from `at` on, at which a member in `zone` may be written to; None when never.

        Only edges of hours, midnights and what clocks skip can begin an allowed time, so only these are tried.
        """
        if self.allows(at, zone):
            return at
        return next((edge for edge in self._edges(at, zone) if self.allows(edge, zone)), None)

    def _edges(self, at: datetime, zone: str) -> list[datetime]:
        where = zone_of(zone)
        today = at.astimezone(where).date()
        hours = {time(0)}
        if self.quiet is not None:
            hours.add(self.quiet[1])
        if self.open is not None:
            hours.add(self.open[0])
        locals_ = [
            datetime.combine(today + timedelta(days=day), hour) for day in range(LOOK_AHEAD_DAYS + 1) for hour in hours
        ]
        edges = {schedules.in_zone(local, zone) for local in locals_}
        # Of an hour that comes twice, the second time as well.
        edges |= {local.replace(tzinfo=where, fold=1).astimezone(UTC) for local in locals_}
        return sorted(edge for edge in edges if edge > at)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its name, UTC for one that nobody knows: devices say what they like."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _within(at: time, hours: tuple[time, time]) -> bool:
    begins, ends = hours
    if begins <= ends:
        return begins <= at < ends
    return at >= begins or at < ends


def _hours(said: Mapping[str, Any] | None) -> tuple[time, time] | None:
    if not said or not said.get("from") or not said.get("to"):
        return None
    begins, ends = time.fromisoformat(said["from"]), time.fromisoformat(said["to"])
    return (begins, ends) if begins != ends else None
