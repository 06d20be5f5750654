"""Reports that are kept say what they said when they were counted, no longer than they may, and are counted anew."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update
from sqlalchemy import event as sqlalchemy_event

from app import clock, ids
from app.models import CampaignDelivery, CampaignRun, KeptReport
from app.services import campaign_reports, jobs, kept_reports
from app.services.campaign_reports import Line, Report
from tests.world import World
from tests.world_reports import make_campaign, make_people, make_purchase, make_row, make_run

pytestmark = pytest.mark.usefixtures("empty_database")

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
STATES = ("held_out", "skipped", "sent", "opened", "failed", "unknown", "queued")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.held(NOON):
        yield


def test_a_kept_report_is_word_for_word_the_one_that_was_counted(world: World) -> None:
    campaign_id, run_id = make_sent(world)
    clock.advance(timedelta(hours=1))

    for of_run in (None, run_id):
        counted = ask(world, campaign_id, of_run)
        change_everything(world, run_id)
        assert ask(world, campaign_id, of_run) == counted
        with world.database.transaction(world.program_id) as session:
            assert campaign_reports.report(session, campaign_id, run_id=of_run).totals != counted.totals
        change_back(world, run_id)


@pytest.mark.parametrize(
    ("run", "later", "lifetime"),
    [
        ({"state": "running"}, timedelta(hours=1), kept_reports.WHILE_SENDING),
        ({"state": "finished"}, timedelta(hours=1), kept_reports.WHILE_WINDOW_IS_OPEN),
        ({"state": "finished"}, timedelta(days=8), kept_reports.AFTERWARDS),
    ],
)
def test_it_is_good_for_as_long_as_little_changes(
    world: World, run: dict[str, str], later: timedelta, lifetime: timedelta
) -> None:
    campaign_id, run_id = make_sent(world, **run)
    clock.advance(later)
    counted = ask(world, campaign_id)
    change_everything(world, run_id)

    clock.advance(lifetime - timedelta(seconds=1))
    assert ask(world, campaign_id) == counted
    clock.advance(timedelta(seconds=1))
    assert ask(world, campaign_id).totals.states["cancelled"] == len(STATES)


@pytest.mark.parametrize("change", ["begins", "ends"])
def test_it_is_not_good_for_a_moment_after_a_run_begins_or_ends(world: World, change: str) -> None:
    campaign_id, run_id = make_sent(world)
    ask(world, campaign_id)
    clock.advance(timedelta(seconds=5))
    with world.database.transaction(world.program_id) as session:
        run = session.get_one(CampaignRun, run_id)
        if change == "ends":
            run.state, run.finished_at = "finished", clock.now()
        else:
            session.add(CampaignRun(campaign_id=campaign_id, starts_at=clock.now(), definition={}))
    change_everything(world, run_id)

    assert ask(world, campaign_id).totals.states["cancelled"] == len(STATES)


def test_a_small_report_is_counted_each_time(world: World) -> None:
    campaign_id, run_id = make_sent(world)

    ask(world, campaign_id, kept_from=len(STATES) + 1)
    change_everything(world, run_id)

    assert ask(world, campaign_id, kept_from=len(STATES) + 1).totals.states["cancelled"] == len(STATES)
    assert kept(world) == []


def test_the_worker_counts_anew_what_is_asked_for_and_leaves_the_rest(world: World) -> None:
    asked, forgotten = make_sent(world)[0], make_sent(world)[0]
    for one in (asked, forgotten):
        ask(world, one)
    for _ in range(30):
        clock.advance(timedelta(minutes=1))
        ask(world, asked)
        kept_reports.refresh(world.database, kept_from=1)

    ages = {row.campaign_id: clock.now() - row.counted_at for row in kept(world)}
    assert ages[asked] <= timedelta(minutes=1)
    assert ages[forgotten] >= timedelta(minutes=8)


def test_a_large_campaign_is_counted_when_its_run_has_ended(world: World) -> None:
    large, run_id = make_sent(world)
    make_sent(world, rows=STATES[:2], state="finished", finished_at=NOON)
    kept_reports.refresh(world.database, kept_from=5)
    before = kept(world)
    with world.database.transaction(world.program_id) as session:
        run = session.get_one(CampaignRun, run_id)
        run.state, run.finished_at = "finished", clock.now()

    first, again = (kept_reports.refresh(world.database, kept_from=5) for _ in range(2))

    assert before == []
    assert [row.campaign_id for row in kept(world)] == [large]
    assert (first, again) == (1, 0)


def test_another_programmes_report_is_never_seen(world: World, client: FlaskClient) -> None:
    campaign_id, _run = make_sent(world)
    ask(world, campaign_id)

    answer = client.get(f"/v1/campaigns/{ids.show('campaign', campaign_id)}/report", headers=world.as_("marketer"))
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    assert answer.json["totals"]["targeted"] == len(STATES)


def test_a_kept_report_reads_no_delivery(world: World) -> None:
    campaign_id, _run = make_sent(world)
    ask(world, campaign_id)
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = world.database.web
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        ask(world, campaign_id)
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)

    assert said
    assert not [statement for statement in said if "campaign_delivery" in statement]


def test_of_what_was_over_long_ago_the_reports_stay_and_the_rows_go(world: World) -> None:
    old, old_run = make_sent(world, state="finished", finished_at=NOON, status="archived")
    _young, young_run = make_sent(world, state="finished", finished_at=NOON + timedelta(days=1), status="finished")
    _running, running_run = make_sent(world, status="running")
    clock.advance(timedelta(days=world.database.settings.campaigns_kept_days, seconds=1))
    before = [ask(world, old, of, kept_from=99) for of in (None, old_run)]
    lines_before = lines_of(world, old)

    forget(world)
    forget(world)

    assert [rows_of(world, run) for run in (old_run, young_run, running_run)] == [0, len(STATES), len(STATES)]
    assert [ask(world, old, of, kept_from=99) for of in (None, old_run)] == before
    assert before[0].totals.targeted == len(STATES)
    assert before[0].outcomes.treated.visited == len(STATES) - 2  # one waits, one was held out
    clock.advance(timedelta(days=900))
    assert ask(world, old, kept_from=99).totals == before[0].totals
    assert lines_of(world, old) == lines_before != []


def test_rows_that_go_in_part_are_not_counted_again(world: World) -> None:
    old, run = make_sent(world, state="finished", finished_at=NOON, status="finished")
    clock.advance(timedelta(days=world.database.settings.campaigns_kept_days, seconds=1))
    with world.database.transaction(world.program_id) as session:
        kept_reports.seal(session, old)
    with world.database.across_programs() as session:
        session.execute(
            delete(CampaignDelivery).where(CampaignDelivery.run_id == run, CampaignDelivery.state == "sent")
        )

    forget(world)

    assert (rows_of(world, run), ask(world, old).totals.targeted) == (0, len(STATES))


def forget(world: World) -> None:
    jobs.JOBS["forget_campaign_rows"](world.database)


def rows_of(world: World, run_id: UUID) -> int:
    with world.database.transaction(world.program_id) as session:
        query = select(func.count()).select_from(CampaignDelivery).where(CampaignDelivery.run_id == run_id)
        return session.scalars(query).one()


def lines_of(world: World, campaign_id: UUID) -> list[Line]:
    with world.database.transaction(world.program_id) as session:
        return list(kept_reports.lines(session, campaign_id))


def ask(world: World, campaign_id: UUID, run_id: UUID | None = None, *, kept_from: int = 1) -> Report:
    with world.database.transaction(world.program_id) as session:
        return kept_reports.report(session, campaign_id, run_id=run_id, kept_from=kept_from)


def kept(world: World) -> list[KeptReport]:
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(KeptReport)))


def make_sent(
    world: World, *, rows: tuple[str, ...] = STATES, status: str = "running", **run: object
) -> tuple[UUID, UUID]:
    """Make a campaign with a row of each state, and a purchase after each."""
    with world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session)
        campaign.status = status
        made = make_run(session, campaign, **run)
        for state, member_id in zip(rows, make_people(session, len(rows)), strict=True):
            reason = "capped" if state == "skipped" else None
            session.add(make_row(made, member_id, state, reason=reason))
            session.add(make_purchase(member_id, NOON + timedelta(minutes=1)))
        return campaign.id, made.id


def change_everything(world: World, run_id: UUID) -> None:
    with world.database.transaction(world.program_id) as session:
        session.execute(update(CampaignDelivery).where(CampaignDelivery.run_id == run_id).values(state="cancelled"))


def change_back(world: World, run_id: UUID) -> None:
    with world.database.transaction(world.program_id) as session:
        rows = session.scalars(select(CampaignDelivery).where(CampaignDelivery.run_id == run_id)).all()
        for row, state in zip(rows, STATES, strict=True):
            row.state = state
