"""The truth about a campaign: how many of its audience were held out, skipped, sent to, and so on.

Counted by run, variant, channel and hour, from the rows of `campaign_delivery` by one grouped query in one snapshot, so
that every total is the sum of its parts: `targeted = held_out + skipped + queued + sending + sent + opened + failed +
unknown + cancelled`.
What came of it, visits and revenue, is in `app.services.campaign_outcomes`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, func, literal, select

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError
from app.models import Campaign, CampaignDelivery, CampaignRun
from app.services import campaign_outcomes, programs
from app.services.campaign_arms import Outcomes
from app.services.deliveries import STATES

ATTRIBUTION_DAYS = 7
HOURS_MAX = 31 * 24
"""So many of the last hours are told one by one; what was before them is told in one line."""
RUNS_MAX = 100
WORK_MEMORY = "64MB"
"""What PostgreSQL may use to group members, before it writes to disk."""
TIMEOUT_MS = 60_000
"""A report of millions of rows takes seconds, more than other requests are given."""


@dataclass(slots=True)
class Counts:
    """Rows by state, each of them in exactly one; `targeted` is their sum. Reasons are those of rows in that state."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    skipped_by_reason: dict[str, int] = field(default_factory=dict)
    failed_by_reason: dict[str, int] = field(default_factory=dict)

    @property
    def targeted(self) -> int:
        """All the rows."""
        return sum(self.states.values())

    @property
    def delivered(self) -> int:
        """Those that their channel took, opened since or not."""
        return self.states["sent"] + self.states["opened"]

    def add(self, state: str, reason: str | None, count: int) -> None:
        """Count rows of a state."""
        self.states[state] += count
        reasons = {"skipped": self.skipped_by_reason, "failed": self.failed_by_reason}.get(state)
        if reasons is not None:
            reasons[reason or "unsaid"] = reasons.get(reason or "unsaid", 0) + count


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the finest count: so many rows of a run, hour, channel, variant, state and reason.

    `hour` is when the hour began, in the programme's zone, in which the message was sent, or is or was due.
    """

    run_id: UUID
    hour: datetime
    channel: str
    variant: str | None
    state: str
    reason: str | None
    deliveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a report is made of: the finest lines, and what came of the messages, as of an instant."""

    lines: list[Line]
    outcomes: Outcomes
    counted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A campaign's counts and outcomes, of all its runs or of one. Hours before those shown lie under None."""

    campaign: Campaign
    timezone: str
    currency: str
    counted_at: datetime
    attribution_days: int
    totals: Counts
    runs: list[tuple[CampaignRun, Counts]]
    earlier_runs: Counts | None
    variants: dict[str | None, Counts]
    channels: dict[str, Counts]
    hours: dict[tuple[datetime | None, str | None], Counts]
    outcomes: Outcomes


def report(session: Session, campaign_id: UUID, *, run_id: UUID | None = None) -> Report:
    """Count a campaign, or one run of it, this moment. Raises NotFoundError."""
    campaign = get_campaign(session, campaign_id)
    runs = runs_of(session, campaign_id, run_id)
    return assemble(session, campaign, runs, count(session, campaign, runs, run_id=run_id))


def count(session: Session, campaign: Campaign, runs: list[CampaignRun], *, run_id: UUID | None = None) -> Counted:
    """Count a campaign, or one run of it: a second or so for each 300,000 rows."""
    patient(session)
    counted_at = clock.now()
    window = timedelta(days=_days(campaign, runs))
    lines = list(_lines(session, _finest(campaign.id, run_id, programs.get(session).timezone)))
    # A row is unique by run, channel, member, and how often the member went through a triggered campaign.
    one_each = campaign.kind != "triggered" and len({(line.run_id, line.channel) for line in lines}) <= 1
    return Counted(
        lines=lines,
        outcomes=campaign_outcomes.measure(session, campaign.id, run_id=run_id, window=window, one_each=one_each),
        counted_at=counted_at,
    )


def assemble(session: Session, campaign: Campaign, runs: list[CampaignRun], counted: Counted) -> Report:
    """Return the report that adds up what was counted."""
    program, lines = programs.get(session), counted.lines
    shown = runs[:RUNS_MAX]
    by_run = _grouped(lines, lambda line: line.run_id)
    return Report(
        campaign=campaign,
        timezone=program.timezone,
        currency=program.currency,
        counted_at=counted.counted_at,
        attribution_days=_days(campaign, runs),
        totals=_sum(lines),
        runs=[(run, by_run.get(run.id, Counts())) for run in shown],
        earlier_runs=_earlier_runs(lines, shown) if len(runs) > RUNS_MAX else None,
        variants=_grouped(lines, lambda line: line.variant),
        channels=_grouped(lines, lambda line: line.channel),
        hours=_hours(lines),
        outcomes=counted.outcomes,
    )


def lines_of(session: Session, campaign_id: UUID, *, run_id: UUID | None = None) -> Iterator[Line]:
    """Yield the finest counts of a campaign in the order of runs and hours. Raises NotFoundError at once."""
    get_campaign(session, campaign_id)
    runs_of(session, campaign_id, run_id)
    patient(session)
    query = _finest(campaign_id, run_id, programs.get(session).timezone)
    return _lines(session, query.order_by("run_id", "hour", "channel", "variant", "state", "reason"))


def get_campaign(session: Session, campaign_id: UUID) -> Campaign:
    """Return the campaign; raise NotFoundError."""
    found = session.scalar(select(Campaign).where(Campaign.id == campaign_id))
    if found is None:
        raise NotFoundError("No such campaign in this programme.", campaign=ids.show("campaign", campaign_id))
    return found


def attribution_days(definition: dict[str, Any]) -> int:
    """Return for how many days after a message a visit is said to be due to it."""
    return int(definition.get("attribution_days") or ATTRIBUTION_DAYS)


def _days(campaign: Campaign, runs: list[CampaignRun]) -> int:
    return attribution_days(runs[0].definition if runs else campaign.definition)


def patient(session: Session) -> None:
    """Let this transaction's statements take as long, and as much memory, as a report of a million rows needs."""
    session.execute(
        select(
            func.set_config("statement_timeout", str(TIMEOUT_MS), True), func.set_config("work_mem", WORK_MEMORY, True)
        )
    )  # fmt: skip


def runs_of(session: Session, campaign_id: UUID, run_id: UUID | None) -> list[CampaignRun]:
    """Return a campaign's runs but those of tests, newest first, or the one that is asked for; raise NotFoundError."""
    query = select(CampaignRun).where(CampaignRun.campaign_id == campaign_id).order_by(CampaignRun.starts_at.desc())
    if run_id is None:
        return list(session.scalars(query.where(CampaignRun.definition["test"].is_(None))))
    found = session.scalar(query.where(CampaignRun.id == run_id))
    if found is None:
        raise NotFoundError("No such run of this campaign.", run=ids.show("campaign_run", run_id))
    return [found]


def _finest(campaign_id: UUID, run_id: UUID | None, timezone: str) -> Select[Any]:
    row = CampaignDelivery
    hour = func.date_trunc("hour", func.coalesce(row.sent_at, row.due_at), timezone).label("hour")
    # As `GET /deliveries` calls a row in a worker's hand. Constants, so that both clauses say the very same.
    queued, sending = (literal(state, literal_execute=True) for state in ("queued", "sending"))
    state = case((and_(row.state == queued, row.lease_until.is_not(None)), sending), else_=row.state).label("state")
    query = (
        select(row.run_id, hour, row.channel, row.variant, state, row.reason, func.count().label("deliveries"))
        .where(row.campaign_id == campaign_id)
        .group_by(row.run_id, hour, row.channel, row.variant, state, row.reason)
    )
    own = row.run_id.not_in(campaign_outcomes.tests_of(campaign_id)) if run_id is None else row.run_id == run_id
    return query.where(own)


def _lines(session: Session, query: Select[Any]) -> Iterator[Line]:
    for row in session.execute(query):
        yield Line(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _sum(lines: Iterable[Line]) -> Counts:
    total = Counts()
    for line in lines:
        total.add(line.state, line.reason, line.deliveries)
    return total


def _grouped(lines: Iterable[Line], key: Any) -> dict[Any, Counts]:
    """Sum lines up by a key, keys in order, None first."""
    groups: dict[Any, list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return {name: _sum(groups[name]) for name in sorted(groups, key=lambda name: (name is not None, name or ""))}


def _earlier_runs(lines: Iterable[Line], shown: Iterable[CampaignRun]) -> Counts:
    told = {run.id for run in shown}
    return _sum(line for line in lines if line.run_id not in told)


def _hours(lines: list[Line]) -> dict[tuple[datetime | None, str | None], Counts]:
    told = set(sorted({line.hour for line in lines}, reverse=True)[:HOURS_MAX])
    groups: dict[tuple[datetime | None, str | None], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.hour if line.hour in told else None, line.variant), []).append(line)
    ordered = sorted(groups, key=lambda key: (key[0].timestamp() if key[0] else 0.0, key[1] or ""))
    return {key: _sum(groups[key]) for key in ordered}
