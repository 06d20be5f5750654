"""Reports of large campaigns, kept: what took seconds to count is shown at once, with the instant that it is of.

A report of fewer rows is counted when it is asked for. A larger one is good for two minutes while something is being
sent, for a quarter of an hour while the attribution window is open, then for a day, and never longer than until a run
begins or ends. The worker counts it anew before it is stale, as long as somebody asks for it, and counts each large
campaign once when a run of it has ended. A kept report is of one snapshot: it adds up like any other.

Of campaigns that were over long ago the rows are forgotten; what their reports said last is kept for good.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import defer

from app import clock
from app.db import Database, Session
from app.models import CampaignDelivery, CampaignRun, KeptReport
from app.services import campaign_reports
from app.services.campaign_arms import Arm, Outcomes
from app.services.campaign_reports import Counted, Line, Report
from app.services.intervals import Amounts

KEPT_FROM = 50_000
"""Rows; fewer are counted in a fifth of a second."""
WHILE_SENDING = timedelta(minutes=2)
WHILE_WINDOW_IS_OPEN = timedelta(minutes=15)
AFTERWARDS = timedelta(days=1)
AHEAD = timedelta(seconds=70)
"""So long before it is stale the worker, which comes every minute, counts a report anew."""
LIFETIMES = 10
"""A report for which nobody asked for so many of its lifetimes is left to whoever asks next."""
ENDED_WITHIN = timedelta(hours=1)
ASKED_STEP = timedelta(minutes=1)
"""How finely `asked_at` is noted: reading is not to write each time."""
FOR_GOOD = datetime(9999, 1, 1, tzinfo=UTC)
"""When a report is stale whose rows are gone: never."""
OPEN_STATES = ("making", "running", "paused")


def report(session: Session, campaign_id: UUID, *, run_id: UUID | None = None, kept_from: int = KEPT_FROM) -> Report:
    """Return a campaign's report, or one run's: counted now, or the one that is kept. Raises NotFoundError."""
    campaign = campaign_reports.get_campaign(session, campaign_id)
    runs = campaign_reports.runs_of(session, campaign_id, run_id)
    kept = session.get(KeptReport, (session.program, run_id or campaign_id))
    now = clock.now()
    if kept is not None and _is_good(kept, runs, now):
        if kept.asked_at < now - ASKED_STEP:
            kept.asked_at = now
        return campaign_reports.assemble(session, campaign, runs, _read(kept))
    counted = campaign_reports.count(session, campaign, runs, run_id=run_id)
    if sum(line.deliveries for line in counted.lines) >= kept_from:
        _keep(session, campaign_id, run_id, counted, asked_at=now, stale_at=_stale_at(runs, counted))
    return campaign_reports.assemble(session, campaign, runs, counted)


def lines(session: Session, campaign_id: UUID, *, run_id: UUID | None = None) -> Iterator[Line]:
    """Yield the finest counts of a campaign in the order of runs and hours, of one run if asked for.

    Raises NotFoundError at once.
    """
    kept = session.get(KeptReport, (session.program, run_id or campaign_id))
    if kept is None or kept.stale_at < FOR_GOOD or kept.campaign_id != campaign_id:
        return campaign_reports.lines_of(session, campaign_id, run_id=run_id)
    return iter(sorted(_read(kept).lines, key=_place))


def _place(line: Line) -> tuple[Any, ...]:
    texts = (line.channel, line.variant, line.state, line.reason)
    return (line.run_id, line.hour, *((text is None, text or "") for text in texts))


def seal(session: Session, campaign_id: UUID) -> None:
    """Keep the reports of a campaign that is over, and of each of its runs, for good: its rows may go then."""
    campaign = campaign_reports.get_campaign(session, campaign_id)
    all_runs = session.scalars(select(CampaignRun.id).where(CampaignRun.campaign_id == campaign_id)).all()
    sealed = set(
        session.scalars(
            select(KeptReport.subject_id).where(KeptReport.campaign_id == campaign_id, KeptReport.stale_at == FOR_GOOD)
        )
    )
    for run_id in (None, *all_runs):
        # What is sealed was counted from rows that may be gone by now.
        if (run_id or campaign_id) not in sealed:
            runs = campaign_reports.runs_of(session, campaign_id, run_id)
            counted = campaign_reports.count(session, campaign, runs, run_id=run_id)
            _keep(session, campaign_id, run_id, counted, asked_at=clock.now(), stale_at=FOR_GOOD)


def refresh(database: Database, *, kept_from: int = KEPT_FROM) -> int:
    """Count anew what is asked for and will be stale, and large campaigns of which a run has ended; return how many."""
    now = clock.now()
    with database.across_programs() as session:
        rows = session.scalars(
            select(KeptReport)
            .where(KeptReport.stale_at <= now + AHEAD, KeptReport.asked_at >= now - LIFETIMES * AFTERWARDS)
            .options(defer(KeptReport.document))
        ).all()
        ended = session.execute(_ended(now, kept_from)).all()
    subjects = {
        (row.program_id, row.campaign_id, None if row.subject_id == row.campaign_id else row.subject_id): row.asked_at
        for row in rows
        if row.asked_at >= now - LIFETIMES * (row.stale_at - row.counted_at)
    }
    subjects = {(row.program_id, row.campaign_id, None): now for row in ended} | subjects
    for (program_id, campaign_id, run_id), asked_at in subjects.items():
        with database.transaction(program_id) as session:
            campaign = campaign_reports.get_campaign(session, campaign_id)
            runs = campaign_reports.runs_of(session, campaign_id, run_id)
            counted = campaign_reports.count(session, campaign, runs, run_id=run_id)
            _keep(session, campaign_id, run_id, counted, asked_at=asked_at, stale_at=_stale_at(runs, counted))
    return len(subjects)


def _ended(now: datetime, kept_from: int) -> Any:
    """Select large campaigns of which a run ended since they were counted."""
    run = CampaignRun
    of_campaign = (KeptReport.program_id == run.program_id, KeptReport.subject_id == run.campaign_id)
    many = (
        select(CampaignDelivery.id)
        .where(CampaignDelivery.run_id == run.id)
        .offset(kept_from - 1)
        .limit(1)
        .correlate(run)
        .scalar_subquery()
    )
    return (
        select(run.program_id, run.campaign_id)
        .where(
            run.finished_at > now - ENDED_WITHIN, run.definition["test"].is_(None),
            ~exists().where(*of_campaign, KeptReport.counted_at >= run.finished_at), many.is_not(None),
        )
        .distinct()
    )  # fmt: skip


def _is_good(kept: KeptReport, runs: Iterable[CampaignRun], now: datetime) -> bool:
    changed = [at for run in runs for at in (run.created_at, run.finished_at) if at is not None]
    return kept.counted_at <= now < kept.stale_at and all(at <= kept.counted_at for at in changed)


def _keep(
    session: Session, campaign_id: UUID, run_id: UUID | None, counted: Counted, *, asked_at: datetime,
    stale_at: datetime,
) -> None:  # fmt: skip
    values = {
        "campaign_id": campaign_id, "counted_at": counted.counted_at, "asked_at": asked_at,
        "stale_at": stale_at, "document": _written(counted),
    }  # fmt: skip
    row = insert(KeptReport).values(program_id=session.program, subject_id=run_id or campaign_id, **values)
    newer = KeptReport.counted_at <= counted.counted_at
    session.execute(
        row.on_conflict_do_update(index_elements=["program_id", "subject_id"], set_=values, where=newer),
        execution_options={"synchronize_session": False},
    )


def _stale_at(runs: Iterable[CampaignRun], counted: Counted) -> datetime:
    if any(run.state in OPEN_STATES for run in runs):
        return counted.counted_at + WHILE_SENDING
    complete_at = counted.outcomes.complete_at
    visits_count = complete_at is not None and complete_at > counted.counted_at
    return counted.counted_at + (WHILE_WINDOW_IS_OPEN if visits_count else AFTERWARDS)


def _written(counted: Counted) -> dict[str, Any]:
    outcomes = counted.outcomes
    return {
        "lines": [
            [line.run_id.hex, line.hour.isoformat(), line.channel, line.variant, line.state, line.reason,
             line.deliveries]
            for line in counted.lines
        ],
        "variants": [[name, _arm_written(arm)] for name, arm in outcomes.variants.items()],
        "held_out": _arm_written(outcomes.held_out),
        "complete_at": outcomes.complete_at.isoformat() if outcomes.complete_at else None,
    }  # fmt: skip


def _arm_written(arm: Arm) -> list[int]:
    spent = arm.revenue
    return [arm.members, arm.reached, arm.visited, arm.reached_visited, spent.count, spent.total, spent.squares]


def _read(kept: KeptReport) -> Counted:
    said = kept.document
    complete_at = said["complete_at"]
    return Counted(
        lines=[
            Line(
                run_id=UUID(run), hour=datetime.fromisoformat(hour), channel=channel, variant=variant, state=state,
                reason=reason, deliveries=deliveries,
            )
            for run, hour, channel, variant, state, reason, deliveries in said["lines"]
        ],
        outcomes=Outcomes(
            variants={name: _arm(numbers) for name, numbers in said["variants"]},
            held_out=_arm(said["held_out"]),
            complete_at=datetime.fromisoformat(complete_at) if complete_at else None,
        ),
        counted_at=kept.counted_at,
    )  # fmt: skip


def _arm(numbers: list[int]) -> Arm:
    members, reached, visited, reached_visited, *spent = numbers
    return Arm(
        members=members, reached=reached, visited=visited, reached_visited=reached_visited, revenue=Amounts(*spent)
    )
