"""When what was earned runs out: the policies of a purse, checked and applied in the programme's zone.

Boundaries are local, stored as UTC instants, and half-open: at `expires_at` the lot is gone.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.errors import InvalidError
from app.rules.drafts import ACTIVITY_PATTERN

DAYS_MAX = 36_500
UNITS = ("day", "month", "quarter", "year")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}

FIELDS: dict[str, dict[str, str]] = {
    "never": {},
    "after_days": {"days": "whole days from 1, counted on the programme's calendar"},
    "end_of": {"unit": "day, month, quarter or year", "after": "how many units later, from 0"},
    "fixed_dates": {"dates": 'days of the year such as "12-31": gone when that day begins'},
    "inactivity": {"days": "whole days without a chosen activity", "kinds": "the chosen kinds of activity"},
}
"""The policies and what each takes, for the documentation."""


def checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy as it is kept; raise InvalidError whose pointers begin with `#/expiry`."""
    policy = raw.get("policy")
    if not isinstance(policy, str) or policy not in FIELDS:
        raise _problem("/policy", f"One of {', '.join(FIELDS)}.")
    for name in raw:
        if name != "policy" and name not in FIELDS[policy]:
            raise _problem(f"/{name}", f"Unknown field of the policy `{policy}`.")
    for name in FIELDS[policy]:
        if name not in raw:
            raise _problem(f"/{name}", f"The policy `{policy}` needs {FIELDS[policy][name]}.")
        _CHECKS[name](raw[name])
    return dict(raw)


def expires_at(policy: Mapping[str, Any], earned_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the instant at which a lot earned at `earned_at` is gone, or None (never, or by inactivity)."""
    local = earned_at.astimezone(zone)
    match policy.get("policy", "never"):
        case "after_days":
            later = local.date() + timedelta(days=policy["days"])
            return datetime.combine(later, local.time(), zone).astimezone(UTC)
        case "end_of":
            return _midnight(_end_of(policy["unit"], local.date(), policy["after"]), zone)
        case "fixed_dates":
            return _midnight(_next_of(policy["dates"], local.date()), zone)
        case _:
            return None


def slides_to(policy: Mapping[str, Any], kind: str, happened_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return until when an activity of this kind keeps an account alive, or None where the policy is another."""
    if policy.get("policy") != "inactivity" or kind not in policy["kinds"]:
        return None
    later = happened_at.astimezone(zone).date() + timedelta(days=policy["days"] + 1)
    return _midnight(later, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _end_of(unit: str, day: date, after: int) -> date:
    """Return the first day after the unit that lies `after` units behind the one with `day` in it."""
    if unit == "day":
        return day + timedelta(days=after + 1)
    length = _MONTHS[unit]
    months = (day.year * 12 + day.month - 1) // length * length + length * (after + 1)
    return date(months // 12, months % 12 + 1, 1)


def _next_of(dates: list[str], day: date) -> date:
    coming = [
        found
        for year in range(day.year, day.year + 9)  # 29 February may be eight years away
        for text in dates
        if (found := _on(year, text)) is not None and found > day
    ]
    return min(coming)


def _on(year: int, text: str) -> date | None:
    try:
        return date(year, int(text[:2]), int(text[3:]))
    except ValueError:
        return None


def _check_days(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= DAYS_MAX:
        raise _problem("/days", f"A whole number from 1 to {DAYS_MAX}.")


def _check_after(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1200:  # noqa: PLR2004 - a century
        raise _problem("/after", "A whole number from 0 to 1200.")


def _check_unit(value: Any) -> None:
    if value not in UNITS:
        raise _problem("/unit", f"One of {', '.join(UNITS)}.")


def _check_dates(value: Any) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= 20:  # noqa: PLR2004 - as many as anybody offers
        raise _problem("/dates", "A list of 1 to 20 days.")
    for place, text in enumerate(value):
        # 2024 is a leap year: 29 February is a day.
        if not isinstance(text, str) or len(text) != 5 or text[2] != "-" or _on(2024, text) is None:  # noqa: PLR2004
            raise _problem(f"/dates/{place}", 'A day of the year such as "12-31".')


def _check_kinds(value: Any) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= 20:  # noqa: PLR2004 - as many as anybody has
        raise _problem("/kinds", "A list of 1 to 20 kinds of activity.")
    for place, kind in enumerate(value):
        if not isinstance(kind, str) or re.fullmatch(ACTIVITY_PATTERN, kind) is None:
            raise _problem(f"/kinds/{place}", "A kind of activity, such as `purchase`.")


_CHECKS: dict[str, Callable[[Any], None]] = {
    "days": _check_days,
    "after": _check_after,
    "unit": _check_unit,
    "dates": _check_dates,
    "kinds": _check_kinds,
}


def _problem(pointer: str, detail: str) -> InvalidError:
    return InvalidError("The expiry policy is not valid.", errors=[{"pointer": f"#/expiry{pointer}", "detail": detail}])
