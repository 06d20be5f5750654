"""Winners: the better variant wins, once; where it cannot be told, the one with the most weight."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from app import clock
from app.config import Settings
from app.models import CampaignDelivery, CampaignRun
from app.offers import splitting
from app.services import campaign_reports
from app.services.intervals import GROUP_MIN
from notifications.campaigns import dispatching, plans, ticking, winners
from notifications.campaigns.winners import Trial, best
from tests.world import World
from tests.world_engine import CONTENT, begin, drainer_of, make_audience, rows_of, run_now
from tests.world_notifications import ScriptedChannel
from tests.world_reports import make_campaign, make_people, make_purchase, make_row, make_run

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
AFTER = timedelta(minutes=240)
MANY = GROUP_MIN


@pytest.mark.parametrize("opened", [(10, 11), (11, 10)])
def test_the_variant_that_more_opened_wins(world: World, opened: tuple[int, int]) -> None:
    run_id = make_trial(world, opened=opened)

    assert decide_at(world, NOON + AFTER) == 1
    assert winner_of(world, run_id) == ("A" if opened[0] > opened[1] else "B")


def test_the_variant_whose_members_came_wins_when_visits_count(world: World) -> None:
    run_id = make_trial(world, metric="visits", opened=(20, 0), came=(3, 4))

    decide_at(world, NOON + AFTER)

    assert winner_of(world, run_id) == "B"


def test_nothing_is_decided_before_its_time(world: World) -> None:
    run_id = make_trial(world, opened=(1, 20))

    assert decide_at(world, NOON + AFTER - timedelta(seconds=1)) == 0
    assert winner_of(world, run_id) is None


def test_those_who_test_and_wait_are_waited_for_but_not_for_ever(world: World) -> None:
    run_id = make_trial(world, opened=(1, 20), waiting="A")

    assert decide_at(world, NOON + AFTER) == 0
    assert decide_at(world, NOON + AFTER + plans.TEST_PATIENCE - timedelta(seconds=1)) == 0
    assert decide_at(world, NOON + AFTER + plans.TEST_PATIENCE) == 1
    assert winner_of(world, run_id) == "B"


def test_members_have_the_time_that_was_said_after_the_last_of_them_was_written_to(world: World) -> None:
    run_id = make_trial(world, opened=(1, 20), late=timedelta(hours=3))

    assert decide_at(world, NOON + timedelta(hours=3)) == 0
    assert decide_at(world, NOON + timedelta(hours=3) + AFTER - timedelta(seconds=1)) == 0
    assert decide_at(world, NOON + timedelta(hours=3) + AFTER) == 1
    assert winner_of(world, run_id) == "B"


def test_a_test_that_waits_for_the_morning_is_compared_after_it_and_the_rest_waits_with_it(
    world: World, settings: Settings
) -> None:
    rule = {"metric": "opened", "after_minutes": 240, "test_percent": 50}
    variants = [{"name": name, "weight": 1, "content": CONTENT} for name in "AB"]
    with clock.held(NOON + timedelta(hours=10)):
        members = make_audience(world, 60, timezone="Europe/London")
        run_id = begin(world, winner=rule, variants=variants, quiet_hours={"from": "21:00", "to": "08:00"})
        drainer = drainer_of(
            world.database, ScriptedChannel([f"phone-{member.hex}-0" for member in members]), settings=settings
        )
        sent = dict[int, int]()
        for _ in range(20):
            clock.advance(timedelta(hours=1))
            ticking.tick(world.database)
            with world.database.across_programs() as session:
                due = dispatching.runs_to_drain(session)
            for one in due:
                drainer.drain(run_id, one.channel)
            sent[clock.now().hour] = sum(row.state == "sent" for row in rows_of(world, run_id))

    campaign_id = run_now(world, run_id).campaign_id
    tests = sum(splitting.in_test(campaign_id, member, 50) for member in members)
    assert {hour: count for hour, count in sent.items() if hour in {7, 8, 11, 12}} == {
        7: 0,
        8: tests,
        11: tests,
        12: 60,
    }


def test_the_rest_is_taken_up_once_and_goes_when_the_last_zone_has_chosen(world: World, settings: Settings) -> None:
    rule = {"metric": "opened", "after_minutes": 240, "test_percent": 50}
    variants = [{"name": name, "weight": 1, "content": CONTENT} for name in "AB"]
    with clock.held(NOON):
        here = make_audience(world, 40, timezone="Europe/London")
        far = make_audience(world, 40, timezone="Pacific/Auckland")
        run_id = begin(world, winner=rule, variants=variants, quiet_hours={"from": "00:00", "to": "08:00"})
        channel = ScriptedChannel([f"phone-{member.hex}-0" for member in here + far])
        drainer = drainer_of(world.database, channel, settings=settings)
        taken, sent = dict[int, int](), dict[int, int]()
        for hour in range(12, 24):
            clock.advance(NOON + timedelta(hours=hour - 12) - clock.now())
            ticking.tick(world.database)
            taken[hour] = drainer.drain(run_id, "push")[0]
            sent[hour] = sum(row.state == "sent" for row in rows_of(world, run_id))

    campaign_id = run_now(world, run_id).campaign_id
    tests_here, tests_far = (sum(splitting.in_test(campaign_id, one, 50) for one in some) for some in (here, far))
    # In Auckland it is eight o'clock at 19:00 UTC; four hours later the variants are compared.
    assert (sent[12], sent[19], sent[22], sent[23]) == (tests_here, tests_here + tests_far, tests_here + tests_far, 80)
    assert sum(taken[hour] for hour in range(13, 23)) == 80 - tests_here


def test_those_who_wait_for_the_winner_are_not_waited_for(world: World) -> None:
    make_trial(world, opened=(1, 20), waiting=None)

    assert decide_at(world, NOON + AFTER) == 1


def test_a_winner_stays_the_winner(world: World) -> None:
    run_id = make_trial(world, opened=(0, 9))
    decide_at(world, NOON + AFTER)
    with world.database.transaction(world.program_id) as session:
        run = session.get_one(CampaignRun, run_id)
        session.add_all(make_row(run, one, "opened", variant="A") for one in make_people(session, 30))

    assert decide_at(world, NOON + AFTER * 2) == 0
    assert winner_of(world, run_id) == "B"


def test_mails_of_which_nobody_knows_who_read_them_decide_nothing(world: World) -> None:
    run_id = make_trial(world, opened=(0, 25), channel="email")

    decide_at(world, NOON + AFTER)

    assert winner_of(world, run_id) == "A"


@pytest.mark.parametrize("values", [{"state": "finished"}, {"definition": {}}, {"definition": {"winner": None}}])
def test_runs_that_need_no_winner_get_none(world: World, values: dict[str, Any]) -> None:
    run_id = make_trial(world, opened=(0, 25), **values)

    assert decide_at(world, NOON + AFTER) == 0
    assert winner_of(world, run_id) is None


def test_the_rest_gets_what_won_and_the_report_adds_up(world: World, settings: Settings) -> None:
    rule = {"metric": "opened", "after_minutes": 240, "test_percent": 50}
    variants = [{"name": name, "weight": 1, "content": CONTENT} for name in "AB"]
    with clock.held(NOON):
        members = make_audience(world, 240)
        run_id = begin(world, winner=rule, variants=variants)
        channel = ScriptedChannel([f"phone-{member.hex}-0" for member in members])
        drainer = drainer_of(world.database, channel, settings=settings)
        drainer.drain(run_id, "push")
        tested = [row for row in rows_of(world, run_id) if row.variant]
        with world.database.transaction(world.program_id) as session:
            of_b = [row.id for row in tested if row.variant == "B"]
            opened = update(CampaignDelivery).where(CampaignDelivery.id.in_(of_b))
            session.execute(opened.values(state="opened", opened_at=clock.now()))
        clock.advance(AFTER)
        ticking.tick(world.database)
        drainer.drain(run_id, "push")
        ticking.tick(world.database)
        rows = rows_of(world, run_id)
        with world.database.transaction(world.program_id) as session:
            run = session.get_one(CampaignRun, run_id)
            totals = campaign_reports.report(session, run.campaign_id).totals

    rest = {row.variant for row in rows if row.id not in {one.id for one in tested}}
    assert (run.winner, run.state, rest) == ("B", "finished", {"B"})
    assert 0 < len(tested) < len(rows) == totals.targeted == 240
    assert totals.states["sent"] + totals.states["opened"] == 240


VARIANTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 60), st.integers(0, 60)).map(lambda t: (t[0], max(t[1:]), min(t[1:]))),
    min_size=1,
    max_size=5,
)


@given(VARIANTS)
def test_the_choice_is_one_of_those_that_count_and_no_other_did_better(variants: list[tuple[int, int, int]]) -> None:
    tested = [Trial(str(place), *one) for place, one in enumerate(variants)]
    counting = [one for one in tested if one.weight]

    chosen = next((one for one in tested if one.name == best(tested)), None)

    assert (chosen is None) == (not counting)
    if chosen is None:
        return
    heaviest = max(one.weight for one in counting)
    if min(one.reached for one in counting) < GROUP_MIN:
        assert chosen.weight == heaviest
        return
    assert all(chosen.hits * one.reached >= one.hits * chosen.reached for one in counting)
    alike = [one for one in counting if one.hits * chosen.reached == chosen.hits * one.reached]
    assert chosen.weight == max(one.weight for one in alike)


def test_of_equals_the_first_wins() -> None:
    assert best([Trial("A", 1, 40, 4), Trial("B", 2, 40, 4), Trial("C", 2, 40, 4)]) == "B"
    assert best([Trial("A", 1, 0, 0), Trial("B", 1, 0, 0)]) == "A"


def make_trial(
    world: World, *, opened: tuple[int, int], came: tuple[int, int] = (0, 0), metric: str = "opened",
    channel: str = "push", waiting: str | None = "", late: timedelta = timedelta(0), **values: Any,
) -> UUID:  # fmt: skip
    """Make a run that tested A and B on many members each; `waiting` is the variant of a row that is still queued.

    The last of those who tested B was written to so `late`.
    """
    definition = {
        "variants": [{"name": "A"}, {"name": "B"}],
        "winner": {"metric": metric, "after_minutes": 240, "test_percent": 20},
    }
    with clock.held(NOON), world.database.transaction(world.program_id) as session:
        run = make_run(session, make_campaign(session, **definition))
        for name, value in values.items():
            setattr(run, name, value)
        for variant, opens, comes in zip("AB", opened, came, strict=True):
            people = make_people(session, MANY)
            for place, one in enumerate(people):
                state = "opened" if place < opens else "sent"
                row = make_row(run, one, state, variant=variant, channel=channel)
                row.sent_at = NOON + (late if (variant, place) == ("B", MANY - 1) else timedelta(0))
                session.add(row)
            session.add_all(make_purchase(one, NOON + timedelta(minutes=9)) for one in people[:comes])
            # What came before the message is not its doing.
            session.add_all(make_purchase(one, NOON - timedelta(minutes=9)) for one in people[comes : comes + 3])
        if waiting != "":
            (one,) = make_people(session, 1)
            session.add(make_row(run, one, "queued", variant=waiting))
        return run.id


def decide_at(world: World, instant: datetime) -> int:
    """Decide as the worker does at an instant."""
    with clock.held(instant):
        return winners.decide(world.database)


def winner_of(world: World, run_id: UUID) -> str | None:
    """Return the winner that the run says."""
    with world.database.transaction(world.program_id) as session:
        return session.get_one(CampaignRun, run_id).winner
