"""Reports of campaigns: every number is a sum of rows, whatever the rows are."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import ids
from app.db import Database
from app.errors import NotFoundError
from app.models import CampaignDelivery, CampaignRun
from app.services import campaign_reports
from app.services.campaign_reports import Counts, Report
from app.services.deliveries import STATES
from tests.world import World, make_world
from tests.world_reports import make_campaign, make_people, make_row, make_run

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)

ROWS = st.lists(
    st.tuples(
        st.integers(0, 1),
        # A message of a campaign that is in a worker's hand is queued, with a lease.
        st.sampled_from([state for state in STATES if state != "sending"]),
        st.sampled_from([None, "capped", "no_consent"]),
        st.sampled_from(["push", "email"]),
        st.sampled_from([None, "A", "B"]),
        st.integers(0, 200),
    ),
    max_size=40,
)


@given(ROWS)
@settings(max_examples=40)
def test_everything_adds_up_to_the_audience(database: Database, rows: list[tuple[Any, ...]]) -> None:
    world = make_world(database)
    with database.transaction(world.program_id) as session:
        campaign, noise = make_campaign(session), make_campaign(session)
        runs = [make_run(session, campaign, starts_at=NOON + timedelta(days=day)) for day in (0, 1)]
        members = make_people(session, len(rows) + 1)
        session.add(make_row(make_run(session, noise), members[-1]))
        for member_id, (run, state, reason, channel, variant, minutes) in zip(members, rows, strict=False):
            due_at = NOON + timedelta(minutes=minutes)
            session.add(
                make_row(runs[run], member_id, state, reason=reason, channel=channel, variant=variant, due_at=due_at)
            )
        session.flush()
        found = campaign_reports.report(session, campaign.id)
        lines = list(campaign_reports.lines_of(session, campaign.id))
        each = [campaign_reports.report(session, campaign.id, run_id=run.id) for run in runs]

    assert states_of(found.totals) == Counter(row[1] for row in rows)
    assert found.totals.targeted == len(rows)
    for parts in (
        [counts for _, counts in found.runs], found.variants.values(), found.channels.values(), found.hours.values(),
        [report.totals for report in each],
    ):  # fmt: skip
        assert_sums_to(found.totals, parts)
    assert sum(line.deliveries for line in lines) == len(rows)
    assert {run.id: counts.targeted for run, counts in found.runs} == {
        run.id: sum(row[0] == place for row in rows) for place, run in enumerate(runs)
    }
    for counts in (found.totals, *found.variants.values()):
        assert sum(counts.skipped_by_reason.values()) == counts.states["skipped"]
        assert sum(counts.failed_by_reason.values()) == counts.states["failed"]


def test_hours_are_those_of_the_programmes_clock_also_on_the_day_that_it_goes_back(database: Database) -> None:
    world = make_world(database, timezone="Asia/Kolkata")
    paris = make_world(database)
    first_two = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)

    indian = of_rows(world, lambda run, members: [make_row(run, members[0], due_at=NOON)])
    twice = of_rows(
        paris,
        lambda run, members: [
            make_row(run, one, due_at=first_two + timedelta(hours=later)) for later, one in enumerate(members)
        ],
    )  # fmt: skip

    assert [hour for hour, _ in indian.hours] == [NOON - timedelta(minutes=30)]
    assert [hour for hour, _ in twice.hours] == [
        first_two.replace(hour=hour, minute=0) for hour in range(3)
    ]  # fmt: skip


def test_a_message_counts_in_the_hour_in_which_it_was_sent(world: World) -> None:
    later = NOON + timedelta(hours=3)

    found = of_rows(world, lambda run, members: [make_row(run, members[0], due_at=NOON, sent_at=later)])

    assert list(found.hours) == [(later, "A")]


def test_hours_long_ago_are_told_in_one_line(world: World) -> None:
    hours = campaign_reports.HOURS_MAX + 3

    found = of_rows(
        world,
        lambda run, members: [make_row(run, members[0], channel=f"c{hour}", due_at=NOON + timedelta(hours=hour))
                              for hour in range(hours)],
    )  # fmt: skip

    assert len(found.hours) == campaign_reports.HOURS_MAX + 1
    assert found.hours[None, "A"].targeted == 3
    assert_sums_to(found.totals, found.hours.values())


def test_runs_before_the_last_hundred_are_told_together(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        campaign, (member_id,) = make_campaign(session), make_people(session, 1)
        for day in range(campaign_reports.RUNS_MAX + 2):
            session.add(make_row(make_run(session, campaign, starts_at=NOON + timedelta(days=day)), member_id))
        session.flush()
        found = campaign_reports.report(session, campaign.id)

    assert found.runs[0][0].starts_at == NOON + timedelta(days=campaign_reports.RUNS_MAX + 1)
    assert found.earlier_runs is not None
    assert found.earlier_runs.targeted == 2
    assert_sums_to(found.totals, [*(counts for _, counts in found.runs), found.earlier_runs])


def test_a_campaign_that_never_ran_reports_nothing(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        found = campaign_reports.report(session, make_campaign(session).id)

    assert found.totals.targeted == 0
    assert not found.runs
    assert found.outcomes.complete_at is None


def test_another_programmes_campaign_and_another_campaigns_run_are_not_found(world: World, database: Database) -> None:
    other = make_world(database)
    with database.transaction(other.program_id) as session:
        foreign = make_campaign(session).id

    with world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session)
        others_run = make_run(session, make_campaign(session))
        for campaign_id, run_id in ((foreign, None), (campaign.id, others_run.id), (campaign.id, ids.new_id())):
            with pytest.raises(NotFoundError):
                campaign_reports.report(session, campaign_id, run_id=run_id)


def of_rows(world: World, make: Callable[[CampaignRun, list[Any]], Iterable[CampaignDelivery]]) -> Report:
    """Return the report of a campaign with these rows."""
    with world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session)
        session.add_all(make(make_run(session, campaign), make_people(session, 3)))
        session.flush()
        return campaign_reports.report(session, campaign.id)


def assert_sums_to(total: Counts, parts: Iterable[Counts]) -> None:
    """Assert that parts add up to a total, state by state and reason by reason."""
    parts = list(parts)
    for name in ("states", "skipped_by_reason", "failed_by_reason"):
        summed: Counter[str] = Counter()
        for part in parts:
            summed.update(getattr(part, name))
        assert +summed == +Counter(getattr(total, name)), name


def states_of(counts: Counts) -> Counter[str]:
    """Return the states that rows are in."""
    return +Counter(counts.states)
