"""Journeys from what begins them to their last step, on the real database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from app import clock, ids
from app.models import Campaign, CampaignRun, Journey, Member
from app.offers import definitions
from app.offers.triggers import EVENTS
from notifications.campaigns import beginning, journeys, leaving, triggers
from notifications.campaigns.triggers import TRIGGERS
from tests.world import World
from tests.world_journeys import (
    give_voucher,
    hear,
    hear_all,
    journeys_of,
    make_triggered,
    messages_of,
    publish,
    set_status,
    use_voucher,
    visit,
    words,
)
from tests.world_notifications import make_member_without_app
from tests.world_till import Till, make_cafe, make_guest

NOON = datetime(2027, 3, 10, 11, 0, tzinfo=UTC)
"""12:00 in Paris."""
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.held(NOON):
        yield


def test_an_event_begins_one_journey_however_often_it_is_heard(world: World) -> None:
    member, other = make_member_without_app(world), make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed")
    clock.advance(DAY)
    event = publish(world, "reward.redeemed", member)
    assert [hear(world, event), hear(world, event)] == [1, 0]
    assert hear(world, publish(world, "voucher.used", other)) == 0
    assert journeys.walk(world.database) >= 1
    assert messages_of(world, campaign) == [(member, 0, 0, "queued", None)]
    assert [one.reason for one in journeys_of(world, campaign)] == ["finished"]


def test_each_event_begins_anew_unless_it_comes_again_too_soon(world: World) -> None:
    member = make_member_without_app(world)
    always = make_triggered(world, "reward.redeemed")
    rarely = make_triggered(world, "reward.redeemed", trigger={"again_after_days": 30})
    for days in (1, 1, 30):
        clock.advance(days * DAY)
        hear(world, publish(world, "reward.redeemed", member))
        journeys.walk(world.database)
    assert [row[2] for row in messages_of(world, always)] == [0, 1, 2]
    assert [row[2] for row in messages_of(world, rarely)] == [0, 1]


def test_nobody_is_on_the_way_through_a_campaign_twice(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed", trigger={"delay_seconds": 3600})
    clock.advance(DAY)
    assert [hear(world, publish(world, "reward.redeemed", member)) for _ in range(3)] == [1, 0, 0]
    assert len(journeys_of(world, campaign)) == 1


def test_a_delay_passes_before_the_first_message(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed", trigger={"delay_seconds": 3600})
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    clock.advance(timedelta(minutes=59))
    journeys.walk(world.database)
    assert messages_of(world, campaign) == []
    clock.advance(timedelta(minutes=1))
    journeys.walk(world.database)
    assert messages_of(world, campaign) == [(member, 0, 0, "queued", None)]


def test_conditions_and_the_audience_are_asked_of_the_member(world: World) -> None:
    plain = make_member_without_app(world)
    with world.database.transaction(world.program_id) as session:
        regular = Member(joined_at=clock.now(), tags=["regular"])
        best = Member(joined_at=clock.now(), tags=["regular", "best"])
        session.add_all([regular, best])
    campaign = make_triggered(
        world, "reward.redeemed", trigger={"conditions": {"kind": "tag", "tags": ["best"]}},
        audience={"where": {"kind": "tag", "tags": ["regular"]}},
    )  # fmt: skip
    clock.advance(DAY)
    begun = [hear(world, publish(world, "reward.redeemed", one)) for one in (plain, regular.id, best.id)]
    assert begun == [0, 0, 1]
    assert [one.member_id for one in journeys_of(world, campaign)] == [best.id]


def test_steps_follow_each_other_with_their_own_texts_and_waits(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(
        world, "reward.redeemed",
        steps=[
            {"wait_seconds": 86_400, "variants": words("Deuxième")},
            {"wait_seconds": 3600, "variants": words("Troisième")},
        ],
    )  # fmt: skip
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    seen = []
    for pause in (timedelta(0), DAY - timedelta(seconds=1), timedelta(seconds=1), timedelta(hours=1), DAY):
        clock.advance(pause)
        journeys.walk(world.database)
        seen.append(len(messages_of(world, campaign)))
    assert seen == [1, 1, 2, 3, 3]
    assert [row[1] for row in messages_of(world, campaign)] == [0, 1, 2]
    with world.database.transaction(world.program_id) as session:
        query = select(CampaignRun).where(CampaignRun.campaign_id == campaign).order_by(CampaignRun.starts_at)
        said = [run.definition["variants"][0]["content"]["fr"]["title"] for run in session.scalars(query)]
    assert said == ["Premier", "Deuxième", "Troisième"]


def test_who_meets_the_exit_condition_gets_no_later_message(world: World) -> None:
    member, other = make_member_without_app(world), make_member_without_app(world)
    step = {"wait_seconds": 86_400, "variants": words("2"), "exit_if": {"kind": "tag", "tags": ["done"]}}
    campaign = make_triggered(world, "reward.redeemed", steps=[step])
    clock.advance(DAY)
    for one in (member, other):
        hear(world, publish(world, "reward.redeemed", one))
    journeys.walk(world.database)
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Member).where(Member.id == member).values(tags=["done"]))
    clock.advance(DAY)
    journeys.walk(world.database)
    assert [row[:2] for row in messages_of(world, campaign) if row[1]] == [(other, 1)]
    assert {one.member_id: one.reason for one in journeys_of(world, campaign)} == {member: "exited", other: "finished"}


def test_a_used_voucher_needs_no_reminder(world: World) -> None:
    member, other = make_member_without_app(world), make_member_without_app(world)
    campaign = make_triggered(world, "voucher.issued", trigger={"delay_seconds": 3600})
    clock.advance(DAY)
    vouchers = {one: give_voucher(world, one) for one in (member, other)}
    for one, voucher in vouchers.items():
        hear(world, publish(world, "voucher.issued", one, voucher=ids.show("voucher", voucher)))
    use_voucher(world, vouchers[member])
    clock.advance(timedelta(hours=1))
    journeys.walk(world.database)
    assert [row[0] for row in messages_of(world, campaign)] == [other]
    ends = {one.member_id: one.reason for one in journeys_of(world, campaign)}
    assert ends == {member: "no_longer_true", other: "finished"}


def test_a_message_that_waits_for_the_morning_is_taken_back_when_its_reason_goes(world: World) -> None:
    member, other = make_member_without_app(world), make_member_without_app(world)
    campaign = make_triggered(world, "voucher.issued", quiet_hours={"from": "21:00", "to": "08:00"})
    clock.advance(DAY + timedelta(hours=11))
    vouchers = {one: give_voucher(world, one) for one in (member, other)}
    for one, voucher in vouchers.items():
        hear(world, publish(world, "voucher.issued", one, voucher=ids.show("voucher", voucher)))
    journeys.tick(world.database)
    assert {row[3] for row in messages_of(world, campaign)} == {"queued"}
    use_voucher(world, vouchers[member])
    seen = []
    # Until half a minute before eight in Paris nobody looks.
    for pause in (timedelta(0), timedelta(hours=8, minutes=59, seconds=30)):
        clock.advance(pause)
        seen.append(leaving.withdraw(world.database))
    assert seen == [0, 1]
    rows = {row[0]: row[3:] for row in messages_of(world, campaign)}
    assert rows == {member: ("skipped", "exited"), other: ("queued", None)}


def test_a_paused_campaign_stands_still_and_begins_nothing(world: World) -> None:
    member, late = make_member_without_app(world), make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed")
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    set_status(world, campaign, "paused")
    clock.advance(DAY)
    assert hear(world, publish(world, "reward.redeemed", late)) == 0
    journeys.tick(world.database)
    assert messages_of(world, campaign) == []
    set_status(world, campaign, "running")
    journeys.tick(world.database)
    assert [row[0] for row in messages_of(world, campaign)] == [member]


def test_a_cancelled_campaign_ends_its_journeys(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "reward.redeemed")
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    set_status(world, campaign, "cancelled")
    journeys.tick(world.database)
    assert messages_of(world, campaign) == []
    assert [one.reason for one in journeys_of(world, campaign)] == ["campaign_over"]


def test_nothing_begins_from_the_campaigns_end_on(world: World) -> None:
    member = make_member_without_app(world)
    make_triggered(world, "reward.redeemed", schedule={"ends_at": (NOON + DAY).isoformat()})
    clock.advance(DAY)
    assert hear(world, publish(world, "reward.redeemed", member)) == 0


def test_the_held_out_get_no_message_of_any_step_and_are_counted(world: World) -> None:
    members = [make_member_without_app(world) for _ in range(40)]
    campaign = make_triggered(
        world, "reward.redeemed", holdout_percent=50, steps=[{"wait_seconds": 60, "variants": words("2")}]
    )
    clock.advance(DAY)
    for one in members:
        hear(world, publish(world, "reward.redeemed", one))
    for _ in range(3):
        journeys.walk(world.database)
        clock.advance(timedelta(minutes=1))
    rows = messages_of(world, campaign)
    held_out = {row[0] for row in rows if row[3] == "held_out"}
    first, second = ({row[0] for row in rows if row[1] == step} for step in (0, 1))
    assert 0 < len(held_out) < 40
    assert (first, second) == (set(members), set(members) - held_out)


@pytest.mark.parametrize(("hours", "begun"), [(0, 0), (11, 0), (12, 1), (48, 1), (200, 0)])
def test_a_voucher_is_reminded_of_so_many_days_before_its_last_in_the_programmes_zone(
    world: World, hours: int, begun: int
) -> None:
    """The last day is the 14th: three days before begins at midnight in Paris, 23:00 UTC of the 10th."""
    member = make_member_without_app(world)
    give_voucher(world, member, valid_until=datetime(2027, 3, 14, 23, 0, tzinfo=UTC))
    give_voucher(world, member, valid_until=datetime(2027, 3, 14, 20, 0, tzinfo=UTC))
    give_voucher(world, make_member_without_app(world))
    campaign = make_triggered(world, "voucher_expiring", trigger={"days": 3})
    clock.advance(timedelta(hours=hours))
    for _ in range(2):
        beginning.begin_timed(world.database, hourly=False)
    assert len(journeys_of(world, campaign)) == begun


def test_a_birthday_is_told_once_a_year(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        member = Member(joined_at=clock.now(), birth_on=date(1990, 3, 17))
        session.add_all([member, Member(joined_at=clock.now(), birth_on=date(1990, 3, 18)), Member(joined_at=NOON)])
    campaign = make_triggered(world, "birthday", trigger={"days": 7})
    for days in (0, 0, 366, 0):
        clock.advance(timedelta(days=days))
        beginning.begin_timed(world.database, hourly=True)
        journeys.walk(world.database)
    told = [(one.member_id, one.cause) for one in journeys_of(world, campaign) if one.member_id == member.id]
    assert told == [(member.id, "2027"), (member.id, "2028")]


@pytest.mark.parametrize(("year", "day"), [(2027, 28), (2028, 29)])
def test_who_was_born_on_the_29th_of_february_is_told_every_year(world: World, year: int, day: int) -> None:
    with world.database.transaction(world.program_id) as session:
        session.add(Member(joined_at=clock.now(), birth_on=date(1992, 2, 29)))
    campaign = make_triggered(world, "birthday")
    found = []
    for noon in (datetime(year, 2, 28, 11, tzinfo=UTC), datetime(year, 2, 28, 11, tzinfo=UTC) + DAY):
        with clock.held(noon):
            beginning.begin_timed(world.database, hourly=True)
            found.append(len(journeys_of(world, campaign)))
    assert found == ([1, 1] if day == 28 else [0, 1])


def test_an_absence_is_told_when_it_reaches_its_length_and_ends_with_a_visit(world: World) -> None:
    gone, back, regular, long_gone, never = (make_member_without_app(world) for _ in range(5))
    with world.database.transaction(world.program_id) as session:
        long_ago = (
            update(Member).where(Member.id.in_([gone, back, regular, long_gone])).values(joined_at=NOON - 400 * DAY)
        )
        session.execute(long_ago)
    for one in (gone, back, regular):
        visit(world, one, at=NOON)
    visit(world, long_gone, at=NOON - 300 * DAY)
    campaign = make_triggered(world, "no_visit", trigger={"days": 30, "delay_seconds": 3600})
    clock.advance(29 * DAY)
    visit(world, regular)
    assert beginning.begin_timed(world.database, hourly=True) == 0
    clock.advance(DAY)
    for _ in range(2):
        beginning.begin_timed(world.database, hourly=True)
    assert {one.member_id for one in journeys_of(world, campaign)} == {gone, back, never}
    visit(world, back)
    clock.advance(timedelta(hours=1))
    journeys.walk(world.database)
    assert {row[0] for row in messages_of(world, campaign)} == {gone, never}
    clock.advance(DAY)
    assert beginning.begin_timed(world.database, hourly=True) == 0


def test_who_comes_near_a_reward_is_told_once_for_each_approach(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    guest, other = make_guest(cafe), make_guest(cafe)
    till = Till(client, cafe)
    campaign = make_triggered(world, "near_reward", trigger={"within": 5})
    stamps = make_triggered(world, "near_reward", trigger={"within": 9}, reward_id=ids.show("reward", cafe.coffee))
    clock.advance(DAY)
    told = []
    # The cake costs 30 points.
    for euros in (20, 6, 1, 10):
        till.scan(guest, "purchase", amount=euros * 100)
        hear_all(world, "activity.recorded")
        journeys.walk(world.database)
        told.append(len(messages_of(world, campaign)))
    assert told == [0, 1, 1, 1]
    assert messages_of(world, stamps) == []
    till.scan(other)
    hear_all(world, "activity.recorded")
    assert [one.member_id for one in journeys_of(world, stamps)] == [other.id]


def test_a_zone_begins_once_a_day_for_each_store(world: World) -> None:
    member = make_member_without_app(world)
    campaign = make_triggered(world, "zone_entered")
    store = ids.show("store", world.store_id)
    begun = []
    for hours in (1, 1, 24):
        clock.advance(timedelta(hours=hours))
        begun.append(hear(world, publish(world, "zone.entered", member, store=store)))
        journeys.walk(world.database)
    assert begun == [1, 0, 1]
    assert len(messages_of(world, campaign)) == sum(begun)


def test_a_zone_begins_for_the_stores_that_were_named_only(world: World) -> None:
    member, store = make_member_without_app(world), ids.show("store", world.store_id)
    here = make_triggered(world, "zone_entered", trigger={"store_ids": [store]})
    elsewhere = make_triggered(world, "zone_entered", trigger={"store_ids": [ids.show("store", ids.new_id())]})
    clock.advance(DAY)
    hear(world, publish(world, "zone.entered", member, store=store))
    assert (len(journeys_of(world, here)), len(journeys_of(world, elsewhere))) == (1, 0)


def test_an_activity_begins_what_waits_for_its_kind(world: World) -> None:
    member = make_member_without_app(world)
    reviews = make_triggered(world, "activity.recorded", trigger={"activities": ["review", "share"]})
    every = make_triggered(world, "activity.recorded")
    clock.advance(DAY)
    for kind in ("visit", "review"):
        hear(world, publish(world, "activity.recorded", member, kind=kind))
        journeys.walk(world.database)
    assert (len(messages_of(world, reviews)), len(messages_of(world, every))) == (1, 2)


def test_a_campaign_that_cannot_go_on_keeps_no_other_waiting(world: World) -> None:
    member = make_member_without_app(world)
    broken = make_triggered(world, "reward.redeemed", trigger={"conditions": {"kind": "tag", "tags": ["x"]}})
    sound = make_triggered(world, "reward.redeemed")
    clock.advance(DAY)
    hear(world, publish(world, "reward.redeemed", member))
    with world.database.transaction(world.program_id) as session:
        session.add(Journey(campaign_id=broken, member_id=member, cause="x", due_at=clock.now() - DAY, step=1))
        run = session.scalars(select(CampaignRun).where(CampaignRun.campaign_id == broken)).one()
        run.definition = {**run.definition, "steps": [{}]}
        # The campaign still has the step, of which the run can make nothing.
        session.get_one(Campaign, broken).definition = run.definition
    journeys.walk(world.database)
    assert [row[0] for row in messages_of(world, sound)] == [member]
    waiting = journeys_of(world, broken)[0]
    assert waiting.ended_at is None
    assert waiting.lease_until is not None


def test_every_event_that_a_campaign_may_name_has_its_trigger() -> None:
    triggers.load()
    assert set(TRIGGERS) == set(EVENTS)


@given(st.integers(min_value=0, max_value=12), st.integers(min_value=0, max_value=10))
def test_a_steps_definition_never_lacks_texts(step: int, steps: int) -> None:
    said = {"variants": ["first"], "steps": [{"variants": [index + 1]} for index in range(steps)]}
    found = definitions.of_step(said, step)["variants"]
    assert found == (["first"] if not step or not steps else [min(step, steps)])
