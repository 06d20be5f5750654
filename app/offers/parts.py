"""The parts of a campaign that are read field by field: each a kind of parameters, checked alone."""

from dataclasses import dataclass, field
from typing import Literal

from app.offers.schedules import Schedule
from app.parameters import Parameters, about

HOLDOUT_MAX = 50
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(Parameters):
    """A campaign's own fields."""

    segment_id: str | None = field(default=None, metadata=about("The audience: a saved segment.", ref="segment"))
    fallback: bool = field(
        default=False,
        metadata=about("Each member gets it by the first channel that reaches them, instead of by every one."),
    )
    holdout_percent: int = field(
        default=0, metadata=about("Members who get nothing, to compare with.", minimum=0, maximum=HOLDOUT_MAX)
    )
    rate_per_minute: int | None = field(
        default=None, metadata=about("Messages a minute at most.", minimum=1, maximum=600_000)
    )
    ramp_minutes: int | None = field(
        default=None, metadata=about("How long the rate takes to grow to its full height.", minimum=1, maximum=1440)
    )
    reward_id: str | None = field(default=None, metadata=about("The reward it speaks of.", ref="reward"))
    purpose: Literal["offers", "partners"] = field(
        default="offers", metadata=about("The consent that members must have given.")
    )
    attribution_days: int = field(
        default=7, metadata=about("How long a visit counts as brought by it.", minimum=1, maximum=90)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner(Parameters):
    """The rule that chooses a variant: some members test, the others get the one that did best."""

    metric: Literal["opened", "visits"] = field(metadata=about("What is compared.", example="opened"))
    after_minutes: int = field(metadata=about("When it is compared.", example=240, minimum=10, maximum=10_080))
    test_percent: int = field(metadata=about("How many members test.", example=20, minimum=5, maximum=50))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps(Parameters):
    """At most so many messages to a member in so many days, over all campaigns."""

    messages: int = field(metadata=about("Messages.", example=2, minimum=1, maximum=100))
    days: int = field(metadata=about("Days.", example=7, minimum=1, maximum=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(Parameters):
    """From one time of day to another, of the member's own clock; may cross midnight."""

    start: str = field(metadata=about("The first minute.", name="from", example="21:00", text_format="time"))
    end: str = field(metadata=about("The first minute after.", name="to", example="08:00", text_format="time"))

    def problems(self) -> list[tuple[str, str]]:
        """Object to hours that are none, or the whole day."""
        return [("to", "must differ from `from`")] if self.start == self.end else []


@dataclass(frozen=True, slots=True, kw_only=True)
class SendWindow(Parameters):
    """When messages may go out: hours of the member's own clock, and weekdays, 1 for Monday to 7."""

    start: str = field(metadata=about("The first minute.", name="from", example="09:00", text_format="time"))
    end: str = field(metadata=about("The first minute after.", name="to", example="19:00", text_format="time"))
    weekdays: tuple[int, ...] = field(default=(), metadata=about("All without them.", minimum=1, maximum=7))

    def problems(self) -> list[tuple[str, str]]:
        """Object to a window that is none, and to a day named twice."""
        found = [("to", "must differ from `from`")] if self.start == self.end else []
        if len(set(self.weekdays)) < len(self.weekdays):
            found.append(("weekdays", "must name each day once"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantHead(Parameters):
    """One of several texts under test."""

    name: str = field(metadata=about("Its name in the report.", example="A"))
    weight: int = field(default=1, metadata=about("Its share of the members.", minimum=1, maximum=1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead(Parameters):
    """A later message of a triggered campaign."""

    wait_seconds: int = field(
        metadata=about("How long after the one before.", example=86_400, minimum=60, maximum=180 * DAY_SECONDS)
    )


PARTS: dict[str, type[Parameters]] = {
    "schedule": Schedule, "winner": Winner, "caps": Caps, "quiet_hours": Hours,
    "send_window": SendWindow,
}  # fmt: skip
"""The objects in a campaign that are read field by field; its trigger is in `app.offers.triggers`."""
