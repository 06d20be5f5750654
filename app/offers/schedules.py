"""When a campaign runs: once, once at each member's own wall clock, or by cron in a zone.

Cron is CronSim's, which follows Debian's cron through changes of the clock: what falls into the hour that is skipped
runs as soon as it is over, and what falls into the hour that comes twice runs the first time. An expression has five
fields and fires at most once an hour. Instants are aware and in UTC.
"""

import functools
import itertools
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app import parameters
from app.parameters import Parameters, about

AHEAD_MAX = timedelta(days=730)
"""A first run further away than this is a mistake in the year, or a cron that practically never fires."""
GAP_MIN = timedelta(hours=1)
CRON_MAX = 100
_SAMPLE_START = datetime(2026, 1, 1, tzinfo=UTC)
_SAMPLE = 50
"""Two days of a cron that fires each hour, and every day's pattern is the same."""
_FIRST_ZONE = ZoneInfo("Pacific/Kiritimati")
"""Where each wall clock time comes first on Earth: UTC+14."""

Faults = list[tuple[str, str]]
"""A field and what is wrong with it, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Parameters):
    """When a campaign runs: `at`, `local_at` or `cron`; without any of them at once."""

    at: str | None = field(
        default=None, metadata=about("Once, at this instant.", example="2026-12-01T17:00:00Z", text_format="date-time")
    )
    local_at: str | None = field(
        default=None,
        metadata=about(
            "Once, when each member's own clock says this: no offset. Whose clock is past it already gets it at once,"
            " quiet hours and `send_window` permitting: schedule it a day ahead to be in time everywhere."
        ),
    )
    cron: str | None = field(default=None, metadata=about("Each time that this cron expression of five fields says."))
    timezone: str | None = field(default=None, metadata=about("The zone of `cron`; the programme's without it."))
    ends_at: str | None = field(
        default=None, metadata=about("No run of `cron` and no trigger from this instant on.", text_format="date-time")
    )

    def problems(self) -> Faults:
        """Object to what cannot be read, whatever the time is now."""
        given = [name for name in ("at", "local_at", "cron") if getattr(self, name) is not None]
        found: Faults = [(name, f"cannot stand beside `{given[0]}`") for name in given[1:]]
        if self.local_at is not None and wall_clock(self.local_at) is None:
            found.append(("local_at", "must be a date and time without an offset, such as 2026-12-01T18:00:00"))
        if self.timezone is not None and self.timezone not in zones():
            found.append(("timezone", "must be a zone of the IANA time zone database, such as Europe/Paris"))
        if self.timezone is not None and self.cron is None:
            found.append(("timezone", "is the zone of `cron`"))
        if self.ends_at is not None and (self.at is not None or self.local_at is not None):
            found.append(("ends_at", "ends what repeats: what runs once has no end"))
        if self.cron is not None and not found:
            found += _cron_faults(self.cron)
        return found


@functools.cache
def zones() -> frozenset[str]:
    """Return the names of the IANA time zone database."""
    return frozenset(zoneinfo.available_timezones())


def wall_clock(text: str) -> datetime | None:
    """Return a date and time without an offset, or None for any other text."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo is None and "T" in text else None


def in_zone(local: datetime, zone: str) -> datetime:
    """Return the instant at which a zone's clocks say `local`: of an hour that comes twice the first.

    A skipped 02:30 becomes 03:30, so that a campaign is neither early nor lost. Where the zone is unknown, in UTC.
    """
    try:
        found = ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        found = ZoneInfo("UTC")
    return local.replace(tzinfo=found, fold=0).astimezone(UTC)


def is_repeating(schedule: Mapping[str, Any]) -> bool:
    """Return whether a schedule runs more than once."""
    return schedule.get("cron") is not None


def next_run(schedule: Mapping[str, Any], *, after: datetime, zone: str) -> datetime | None:
    """Return the first run of `cron` later than `after`, or None when there is none before `ends_at`.

    Of a schedule without `cron` there is no next run. `zone` is the programme's.
    """
    if not is_repeating(schedule):
        return None
    found = next(_runs(schedule["cron"], schedule.get("timezone") or zone, after), None)
    end = _instant(schedule.get("ends_at"))
    return found if found is not None and (end is None or found < end) else None


def first_run(schedule: Mapping[str, Any], *, now: datetime, zone: str) -> datetime | None:
    """Return when the engine has to make the first run, or None when it never has to.

    `local_at` is made when the first clock on Earth says so: each member's row is due at `in_zone` of their own.
    """
    if is_repeating(schedule):
        return next_run(schedule, after=now, zone=zone)
    if (at := _instant(schedule.get("at"))) is not None:
        return at
    if (local := _local(schedule.get("local_at"))) is not None:
        return max(now, local.replace(tzinfo=_FIRST_ZONE).astimezone(UTC))
    return now


def faults(schedule: Mapping[str, Any], *, now: datetime, zone: str) -> Faults:
    """Return what is wrong with a readable schedule at this instant: it is over, too far away, or never comes."""
    if (at := _instant(schedule.get("at"))) is not None:
        return _distance("at", at, now)
    if (local := _local(schedule.get("local_at"))) is not None:
        return _distance("local_at", in_zone(local, zone), now)
    end = _instant(schedule.get("ends_at"))
    if end is not None and end <= now:
        return [("ends_at", "is in the past")]
    if not is_repeating(schedule):
        return []
    found = next_run(schedule, after=now, zone=zone)
    if found is None:
        return [("cron", "never fires" if end is None else "does not fire before `ends_at`")]
    return [("cron", "does not fire within two years")] if found > now + AHEAD_MAX else []


def _distance(name: str, at: datetime, now: datetime) -> Faults:
    if at <= now:
        return [(name, "is in the past")]
    return [(name, "is more than two years away")] if at > now + AHEAD_MAX else []


def _cron_faults(cron: str) -> Faults:
    if len(cron) > CRON_MAX or len(cron.split()) != 5:  # noqa: PLR2004 - minute, hour, day, month, weekday
        return [("cron", "must have five fields: minute, hour, day, month, weekday, such as `0 18 * * 5`")]
    try:
        # Any instant will do to see the gaps, which a change of the clock would only blur: UTC has none.
        coming = itertools.takewhile(lambda run: run < _SAMPLE_START + AHEAD_MAX, _runs(cron, "UTC", _SAMPLE_START))
        runs = list(itertools.islice(coming, _SAMPLE))
    except CronSimError as error:
        return [("cron", f"cannot be read or never fires: {error}")]
    if any(later - earlier < GAP_MIN for earlier, later in itertools.pairwise(runs)):
        return [("cron", "must fire at most once an hour")]
    return []


def _runs(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    previous = after
    for found in CronSim(cron, after.astimezone(ZoneInfo(zone))):
        run = found.astimezone(UTC)
        # Two wall clock times of a skipped hour meet at its end: that is one run.
        if run > previous:
            yield run
            previous = run


def _instant(text: str | None) -> datetime | None:
    found = parameters.instant(text) if text is not None else None
    return found.astimezone(UTC) if found is not None else None


def _local(text: str | None) -> datetime | None:
    return wall_clock(text) if text is not None else None
