"""What a run's definition says, read once: channels, variants, caps, windows, pace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app import clock
from app.models import CampaignRun, Program
from app.offers import definitions, splitting
from app.segments.kinds import Context
from app.services import reachability
from notifications.campaigns.windows import Window

CONSENTED = reachability.CONSENTED
CAPPED = frozenset({"push", "email", "wallet", "console"})
"""Channels whose messages count for caps."""
REPLACING = frozenset({"push", "inbox", "wallet", "console"})
"""Channels where a second copy replaces the first, so that an uncertain send may be repeated."""
RAMP_PER_MINUTE = 60_000
"""What a ramp leads to in a campaign that names no rate of its own."""
RAMP_FROM = 0.05
CONTACTS_KEPT = timedelta(days=31)
WINNER_PATIENCE = timedelta(minutes=10)
TEST_PATIENCE = timedelta(hours=36)
"""How long after the earliest instant members who test and were not written to yet are waited for: a night, and a
whole day of time zones."""


Content = Mapping[str, Mapping[str, Any]]
"""Texts by language."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many messages by a channel in so long a time."""

    messages: int
    within: timedelta


@dataclass(frozen=True)
class Plan:
    """A run as the engine works on it; read with `read`."""

    run_id: UUID
    campaign_id: UUID
    program_id: UUID
    starts_at: datetime
    definition: Mapping[str, Any]
    settings: Mapping[str, Any]
    program_name: str
    program_locale: str
    program_timezone: str
    currency: str = "EUR"
    won_by: str | None = None
    paced_until: datetime | None = None
    reward_name: str | None = None
    brand: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channels(self) -> list[str]:
        """The channels, in the marketer's order."""
        return list(dict.fromkeys(self.definition.get("channels") or ["push"]))

    @property
    def fallback(self) -> bool:
        """Whether each member is reached by one channel only, the first that does."""
        return bool(self.definition.get("fallback"))

    @property
    def is_test(self) -> bool:
        """Whether it goes to people who were named, to see it before others do: asked for, so no restraint but consent.

        It keeps nobody's place under a cap, either: see `counts`.
        """
        return bool(self.definition.get("test"))

    def context(self) -> Context:
        """Return what questions about the run's members are asked in, now, by a worker."""
        return Context(
            program_id=self.program_id, now=clock.now(), zone=ZoneInfo(self.program_timezone),
            locale=self.program_locale, across=True,
        )  # fmt: skip

    def says(self, channel: str) -> bool:
        """Tell whether the campaign, which may have been changed meanwhile, still says this by a channel."""
        return channel in self.channels and definitions.has_step(self.definition, int(self.definition.get("step") or 0))

    def counts(self, channel: str) -> bool:
        """Tell whether a message by a channel counts for the member's caps, whether or not there is one."""
        return channel in CAPPED and not self.is_test

    @property
    def purpose(self) -> str:
        """What a consent must be for."""
        return str(self.definition.get("purpose") or "offers")

    @property
    def variants(self) -> list[dict[str, Any]]:
        """The variants, each with its content by language."""
        return list(self.definition.get("variants") or [])

    @property
    def holdout_percent(self) -> float:
        """Which share of the audience gets nothing, so that the effect can be told."""
        return float(self.definition.get("holdout_percent") or 0)

    @property
    def winner(self) -> Mapping[str, Any] | None:
        """How the winner among variants is chosen, if the others wait for one."""
        return self.definition.get("winner") or None

    def late_variant(self, member_id: UUID, at: datetime) -> str | None:
        """Return the variant of a member who waited for the winner; None while nobody has won.

        When there is no winner ten minutes after there should be, members are split by weight.
        """
        if self.won_by or not self.winner:
            return self.won_by
        earliest = earliest_comparison(self.starts_at, self.winner)
        latest = earliest + TEST_PATIENCE
        # Once all who test were written to, the run is kept still until their variants are compared.
        known = self.paced_until if self.paced_until and self.paced_until >= earliest else latest
        if at < min(known, latest) + WINNER_PATIENCE:
            return None
        return splitting.variant(self.campaign_id, member_id, self.variants)

    @property
    def parked_until(self) -> datetime:
        """Where rows are put that are due while nobody has won: as late as a winner is waited for.

        Whoever chooses one finds them there (`winners.release`), so that nobody takes them up and puts them back.
        """
        assert self.winner is not None
        return parked_until(self.starts_at, self.winner)

    @property
    def local_at(self) -> datetime | None:
        """The wall clock's time at which each member gets it where they are; naive."""
        text = (self.definition.get("schedule") or {}).get("local_at")
        return datetime.fromisoformat(text).replace(tzinfo=None) if text else None

    @property
    def window(self) -> Window:
        """When a member may be written to, by the campaign's own words or else the programme's; a test at any time."""
        if self.is_test:
            return Window()
        quiet = self.definition.get("quiet_hours") or self.settings.get("quiet_hours")
        return Window.read(quiet, self.definition.get("send_window"))

    def caps(self, channel: str) -> list[Cap]:
        """Return the programme's and the campaign's caps on a channel."""
        if not self.counts(channel):
            return []
        said = [(self.settings.get("caps") or {}).get(channel), self.definition.get("caps")]
        return [Cap(int(cap["messages"]), timedelta(days=int(cap["days"]))) for cap in said if cap]

    def rate_per_second(self, at: datetime) -> float | None:
        """Return how many sends may begin in a second at an instant; None without limit."""
        rate, ramp = self.definition.get("rate_per_minute"), self.definition.get("ramp_minutes")
        if self.is_test or (not rate and not ramp):
            return None
        full = float(rate or RAMP_PER_MINUTE) / 60
        if not ramp:
            return full
        risen = (at - self.starts_at) / timedelta(minutes=float(ramp))
        return full * min(1.0, max(RAMP_FROM, risen))

    def content(self, variant: str | None) -> Content:
        """Return what a variant says, by language; the first variant's when it has gone."""
        known = self._messages()
        found = next((one for one in known if one.get("name") == variant), known[0] if known else {})
        return found.get("content") or {}

    def contents(self) -> list[Content]:
        """Return what all variants and steps say."""
        return [one.get("content") or {} for one in self._messages()]

    def _messages(self) -> list[dict[str, Any]]:
        steps = [one for step in self.definition.get("steps") or [] for one in step.get("variants") or []]
        return [*self.variants, *steps]


def earliest_comparison(starts_at: datetime, winner: Mapping[str, Any]) -> datetime:
    """Return when a run's variants are compared if all who test are written to at its beginning."""
    return starts_at + timedelta(minutes=float(winner["after_minutes"]))


def parked_until(starts_at: datetime, winner: Mapping[str, Any]) -> datetime:
    """Return where a run puts rows that are due and wait for its winner."""
    return earliest_comparison(starts_at, winner) + TEST_PATIENCE + WINNER_PATIENCE


def read(run: CampaignRun, program: Program) -> Plan:
    """Return the plan of a run."""
    return Plan(
        run_id=run.id, campaign_id=run.campaign_id, program_id=run.program_id, starts_at=run.starts_at,
        definition=run.definition, settings=program.campaign_settings, program_name=program.name,
        program_locale=program.locale, program_timezone=program.timezone, currency=program.currency, won_by=run.winner,
        paced_until=run.paced_until,
        brand=program.brand,
    )  # fmt: skip
