"""What came of a campaign: windows, visits, revenue less refunds, and what those held out say about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock
from app.db import Database, Session
from app.models import CampaignDelivery, CampaignRun
from app.services import campaign_outcomes
from app.services.campaign_arms import NOBODY, Outcomes
from app.services.deliveries import STATES
from tests.world import World, make_world
from tests.world_reports import make_campaign, make_people, make_purchase, make_row, make_run

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
MINUTE = timedelta(minutes=1)

OF_CAMPAIGNS = [state for state in STATES if state != "sending"]

Tell = Callable[[Session, CampaignRun, list[Any]], None]


@pytest.mark.parametrize(
    ("after", "counts"),
    [(-MINUTE, False), (timedelta(0), True), (WEEK - MINUTE, True), (WEEK, False)],
    ids=["before", "at once", "at its end", "after it"],
)
def test_a_visit_counts_from_the_sending_until_the_windows_end(world: World, after: timedelta, *, counts: bool) -> None:
    sent_at = NOON + timedelta(hours=3)

    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        session.add_all([make_row(run, people[0], sent_at=sent_at), make_row(run, people[1], sent_at=sent_at)])
        session.add(make_purchase(people[0], sent_at + after, 1250))

    arm = measured(world, tell).variants["A"]

    assert (arm.members, arm.reached, arm.visited, arm.reached_visited) == (2, 2, int(counts), int(counts))
    assert arm.revenue.total == (1250 if counts else 0)


def test_the_window_of_who_got_nothing_opens_when_it_was_due(world: World) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        session.add_all([make_row(run, people[0], "held_out"), make_row(run, people[1], "skipped", reason="capped")])
        session.add_all([make_purchase(people[0], NOON, 300), make_purchase(people[0], NOON - MINUTE, 500)])
        session.add(make_purchase(people[1], NOON + MINUTE, 700))

    found = measured(world, tell)

    assert (found.held_out.members, found.held_out.visited, found.held_out.revenue.total) == (1, 1, 300)
    assert (found.treated.members, found.treated.reached, found.treated.visited) == (1, 0, 1)
    assert found.treated.revenue.total == 700


def test_messages_that_wait_or_were_cancelled_have_no_outcome(world: World) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        for one, state in zip(people, campaign_outcomes.OUTSIDE, strict=False):
            session.add_all([make_row(run, one, state), make_purchase(one, NOON + MINUTE)])

    found = measured(world, tell)

    assert found.treated == NOBODY
    assert found.complete_at is None


def test_one_purchase_counts_once_however_many_messages_came_before(world: World) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        session.add_all([make_row(run, people[0], channel=channel) for channel in ("push", "email", "inbox")])
        session.add_all([make_purchase(people[0], NOON + MINUTE, 400), make_purchase(people[0], NOON + MINUTE, 600)])
        session.add(make_purchase(people[0], NOON + MINUTE, None, kind="visit"))

    arm = measured(world, tell).variants["A"]

    assert (arm.members, arm.visited, arm.revenue.total, arm.revenue.squares) == (1, 1, 1000, 1_000_000)


def test_what_is_given_back_is_taken_off_whenever_that_was(world: World) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        sale, whole = make_purchase(people[0], NOON + MINUTE, 1000), make_purchase(people[1], NOON + MINUTE, 900)
        session.add_all([make_row(run, one) for one in people])
        session.add_all([sale, whole])
        session.add_all([
            make_purchase(people[0], NOON + WEEK * 2, 250, reverses_activity_id=sale.id),
            make_purchase(people[0], NOON + WEEK * 3, 50, reverses_activity_id=sale.id),
            make_purchase(people[1], NOON + MINUTE * 2, 900, reverses_activity_id=whole.id, data={"whole": True}),
        ])  # fmt: skip

    arm = measured(world, tell).variants["A"]

    assert (arm.members, arm.visited) == (3, 2)
    assert (arm.revenue.total, arm.revenue.squares) == (700, 490_000)


def test_items_that_are_brought_back_are_taken_off_at_their_price(world: World) -> None:
    items = [{"sku": "CAF", "quantity": 2, "amount": 500}, {"sku": "GAT", "quantity": 1, "amount": 400}]

    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        sale = make_purchase(people[0], NOON + MINUTE, 900, items=items)
        session.add_all([make_row(run, one) for one in people])
        session.add_all([sale, make_purchase(people[0], NOON + MINUTE, 100), make_purchase(people[1], NOON, 30)])
        back = [{"sku": "CAF", "quantity": 1}]
        session.add(make_purchase(people[0], NOON + WEEK, None, items=back, reverses_activity_id=sale.id))

    arm = measured(world, tell).variants["A"]

    assert (arm.visited, arm.reached_visited) == (2, 2)
    assert (arm.revenue.total, arm.revenue.squares) == (900 - 250 + 100 + 30, 750**2 + 30**2)


def test_other_campaigns_members_and_other_programmes_count_for_nothing(world: World) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        other = make_run(session, make_campaign(session), starts_at=NOON)
        session.add_all([make_row(run, people[0]), make_row(other, people[1])])
        session.add_all([make_purchase(one, NOON + MINUTE) for one in people])

    assert measured(world, tell).treated.visited == 1


def test_a_clock_that_is_held_far_away_changes_nothing(world: World) -> None:
    for instant in (NOON - timedelta(days=400), NOON + timedelta(days=400)):
        with clock.held(instant):

            def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
                session.add(make_row(run, people[0], due_at=clock.now()))
                session.add(make_purchase(people[0], clock.now() + timedelta(days=1)))

            made = told(world, tell)
            clock.advance(timedelta(days=8))
            assert measure(world, made).treated.visited == 1


def test_uplift_is_told_with_its_interval(world: World) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        session.add_all([make_row(run, one) for one in people[:80]])
        session.add_all([make_row(run, one, "held_out") for one in people[80:]])
        came = people[:56] + people[80:104]
        session.add_all([make_purchase(one, NOON + MINUTE, 1000 + place) for place, one in enumerate(came)])

    found = measured(world, tell, people=140)
    uplift = found.uplift(found.treated)

    assert uplift.why is None
    assert uplift.visit_rate is not None
    assert uplift.visit_rate.difference == pytest.approx(56 / 80 - 24 / 60)
    assert uplift.visit_rate.is_clear
    assert uplift.revenue_per_member is not None
    assert uplift.revenue_per_member.difference == pytest.approx(
        found.treated.revenue.mean - found.held_out.revenue.mean
    )
    assert uplift.revenue_per_member.low > 0


@pytest.mark.parametrize(("held_out", "why"), [(0, "Nobody was held out."), (5, "Too few members")])
def test_without_enough_held_out_nothing_is_claimed(world: World, held_out: int, why: str) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        session.add_all([make_row(run, one, "held_out" if n < held_out else "sent") for n, one in enumerate(people)])

    found = measured(world, tell, people=45)
    uplift = found.uplift(found.treated)

    assert uplift.visit_rate is None
    assert uplift.revenue_per_member is None
    assert uplift.why is not None
    assert uplift.why.startswith(why)


MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(OF_CAMPAIGNS), st.sampled_from("AB"),
        st.sampled_from(("push", "email", "inbox")), st.integers(0, 2),
    ),
    min_size=1, max_size=6, unique_by=lambda row: (row[0], row[3]),
)  # fmt: skip
SALES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-1, 10), st.integers(0, 900), st.lists(st.integers(1, 500), max_size=2)),
    min_size=3,
    max_size=10,
)


@given(MESSAGES, SALES)
@settings(max_examples=40)
def test_random_stories_are_told_as_a_plain_count_tells_them(
    database: Database, messages: list[tuple[Any, ...]], sales: list[tuple[Any, ...]]
) -> None:
    def tell(session: Session, run: CampaignRun, people: list[Any]) -> None:
        for who, state, variant, channel, day in messages:
            at = NOON + timedelta(days=day)
            kept = None if state == "held_out" else variant
            session.add(make_row(run, people[who], state, variant=kept, channel=channel, due_at=at))
        for who, day, amount, refunds in sales:
            sale = make_purchase(people[who], NOON + timedelta(days=day), amount)
            session.add(sale)
            session.add_all(
                make_purchase(people[who], NOON + timedelta(days=day + 1), back, reverses_activity_id=sale.id)
                for back in refunds
            )

    found = measured(make_world(database), tell, people=4)

    arms = {**found.variants, "held out": found.held_out}
    assert {
        name: (arm.members, arm.reached, arm.visited, arm.reached_visited, arm.revenue.total, arm.revenue.squares)
        for name, arm in arms.items()
        if arm.members
    } == plainly(messages, sales)


def plainly(messages: list[tuple[Any, ...]], sales: list[tuple[Any, ...]]) -> dict[str, tuple[int, ...]]:
    """Count the same in Python, row by row."""
    opened: dict[tuple[str, int], list[tuple[int, bool]]] = {}
    for who, state, variant, _, day in messages:
        if state not in campaign_outcomes.OUTSIDE:
            arm = "held out" if state == "held_out" else variant
            opened.setdefault((arm, who), []).append((day, state in campaign_outcomes.REACHED))
    counted: dict[str, tuple[int, ...]] = {}
    for (arm, who), days in opened.items():
        hits = [
            (amount, refunds, any(reached for start, reached in days if start <= day < start + 7))
            for member, day, amount, refunds in sales
            if member == who and any(start <= day < start + 7 for start, _ in days)
        ]
        spent = sum(max(0, amount - sum(refunds)) for amount, refunds, _ in hits)
        one = (1, any(reached for _, reached in days), bool(hits), any(hit[2] for hit in hits), spent, spent * spent)
        counted[arm] = tuple(map(sum, zip(counted.get(arm, (0,) * 6), one, strict=True)))
    return counted


def measured(world: World, tell: Tell, *, people: int = 3) -> Outcomes:
    """Return what came of a campaign of which `tell` writes the story."""
    with clock.held(NOON):
        campaign_id = told(world, tell, people=people)
    with clock.held(NOON + WEEK * 4):
        return measure(world, campaign_id)


def told(world: World, tell: Tell, *, people: int = 3) -> Any:
    """Write a campaign's story; return the campaign's id."""
    with world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session)
        tell(session, make_run(session, campaign, starts_at=NOON), make_people(session, people))
        return campaign.id


def measure(world: World, campaign_id: Any) -> Outcomes:
    """Measure it as the web role does, in both ways where nobody has two messages."""
    with world.database.transaction(world.program_id) as session:
        found = campaign_outcomes.measure(session, campaign_id, window=WEEK)
        members = session.scalars(
            select(CampaignDelivery.member_id).where(CampaignDelivery.campaign_id == campaign_id)
        ).all()
        if len(set(members)) == len(members):
            assert campaign_outcomes.measure(session, campaign_id, window=WEEK, one_each=True) == found
        return found
