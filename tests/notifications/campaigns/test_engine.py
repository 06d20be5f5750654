"""A campaign from due to finished, on the real database."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import CampaignRun, Member, Program, Reward
from app.offers import splitting
from app.services import cards, vouchers
from app.services.config import ConfigCache
from notifications.campaigns import making, plans, rates, ticking
from notifications.channels.protocol import SendResult
from tests.world import World
from tests.world_engine import (
    CONTENT,
    begin,
    campaign_now,
    drainer_of,
    make_audience,
    make_campaign,
    rows_of,
    run_now,
    run_of,
    runs_of,
    set_run,
    states_of,
)
from tests.world_notifications import ScriptedChannel

TWO = [{"name": "A", "weight": 1, "content": CONTENT}, {"name": "B", "weight": 3, "content": CONTENT}]


def phones_of(members: list[UUID]) -> list[str]:
    return [f"phone-{member.hex}-0" for member in members]


def test_a_campaign_reaches_each_phone_once_and_finishes(world: World, settings: Settings) -> None:
    members = make_audience(world, 30)
    run_id = begin(world)
    assert states_of(world, run_id) == {"queued": 30}
    channel = ScriptedChannel(phones_of(members))
    drainer = drainer_of(world.database, channel, settings=settings, batch=7)
    assert drainer.drain(run_id, "push") == (30, False)
    assert sorted(message.address for message in channel.sent) == sorted(phones_of(members))
    assert {message.title for message in channel.sent} == {"Bonjour Zoé"}
    assert states_of(world, run_id) == {"sent": 30}
    ticking.finish_done(world.database)
    run = run_now(world, run_id)
    assert (run.state, campaign_now(world, run.campaign_id).status) == ("finished", "finished")


def test_a_message_names_the_campaigns_reward(world: World, settings: Settings) -> None:
    members = make_audience(world, 1)
    with world.database.transaction(world.program_id) as session:
        cake = Reward(name="Gâteau", kind="free_item", value={"name": "Gâteau"})
        session.add(cake)
    said = [{"name": "A", "content": {"fr": {"title": '{{ reward | "rien" }}', "body": "Pour vous"}}}]
    run_id = begin(world, variants=said, reward_id=ids.show("reward", cake.id))
    channel = ScriptedChannel(phones_of(members))

    drainer_of(world.database, channel, settings=settings).drain(run_id, "push")

    assert [message.title for message in channel.sent] == ["Gâteau"]


def test_a_message_names_the_members_own_card_and_voucher(world: World, settings: Settings) -> None:
    one, other = make_audience(world, 2)
    with world.database.transaction(world.program_id) as session:
        cake = Reward(name="Gâteau", kind="free_item", value={"name": "Gâteau"}, valid_days=3)
        session.add(cake)
        session.flush()
        members = {member.id: member for member in session.scalars(select(Member).where(Member.id.in_([one, other])))}
        keyring = world.database.keyring
        numbers = {id_: cards.issue(session, keyring, member).number for id_, member in members.items()}
    with world.database.transaction(world.program_id) as session:
        reward = ConfigCache(world.database).current(session).rewards[cake.id]
        voucher = vouchers.issue(session, keyring, member_id=one, reward=reward)
        code = vouchers.code_of(keyring, voucher)
    content = {"fr": {"title": "{{ card_number }}", "body": '{{ voucher_code | "rien" }}'}}
    run_id = begin(world, variants=[{"name": "A", "weight": 1, "content": content}])
    channel = ScriptedChannel(phones_of([one, other]))

    drainer_of(world.database, channel, settings=settings).drain(run_id, "push")

    said = {message.address: (message.title, message.body) for message in channel.sent}
    first, second = phones_of([one, other])
    assert said == {first: (numbers[one], code), second: (numbers[other], "rien")}


def test_rows_add_up_to_the_audience_with_those_whom_nothing_reaches(world: World) -> None:
    make_audience(world, 40)
    # So many of each that not all of them are held out, but once in a million times.
    make_audience(world, 20, phones=0)
    make_audience(world, 20, consented=False)
    run_id = begin(world, holdout_percent=50, variants=TWO)
    rows = rows_of(world, run_id)
    states = states_of(world, run_id)
    assert len(rows) == len({row.member_id for row in rows}) == 80
    assert sum(states.values()) == 80
    assert set(states) == {"queued", "held_out", "skipped/no_device", "skipped/no_consent"}
    assert {row.variant for row in rows if row.state == "held_out"} == {None}
    campaign_id = run_now(world, run_id).campaign_id
    for row in rows:
        assert (row.state == "held_out") == splitting.held_out(campaign_id, row.member_id, 50)
        if row.state != "held_out":
            assert row.variant == splitting.variant(campaign_id, row.member_id, TWO)


@given(campaign=st.uuids(), member=st.uuids(), part=st.sampled_from([0, 1, 2]))
def test_members_are_split_alike_in_sql_and_here(database: Database, campaign: UUID, member: UUID, part: int) -> None:
    with database.transaction() as session:
        asked = session.scalar(select(func.split_number(campaign, member, part)))
    assert asked == splitting.number(campaign, member, part)


def test_deliveries_have_ids_of_version_7_of_when_they_were_made(world: World) -> None:
    make_audience(world, 3)
    before = clock.now()
    rows = rows_of(world, begin(world))
    assert {row.id.version for row in rows} == {7}
    assert {row.id.variant for row in rows} == {RFC_4122}
    made_ms = {row.id.int >> 80 for row in rows}
    assert all(before.timestamp() * 1000 - 1 < at <= clock.now().timestamp() * 1000 for at in made_ms)


def test_making_that_was_cut_off_goes_on_where_it_was_and_doubles_nobody(world: World) -> None:
    make_audience(world, 25)
    campaign_id = make_campaign(world)
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    stop = threading.Event()
    stop.set()
    making.make(world.database, run_id, stop)
    assert rows_of(world, run_id) == []
    makers = [
        threading.Thread(target=making.make, args=(world.database, run_id), kwargs={"chunk": 4}) for _ in range(3)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert states_of(world, run_id) == {"queued": 25}
    assert run_now(world, run_id).made_at is not None


def test_a_fallback_campaign_reaches_each_member_by_the_first_channel_that_does(
    world: World, settings: Settings
) -> None:
    with_phone = make_audience(world, 4, prefix="phone-unregistered")
    make_audience(world, 3, phones=0)
    run_id = begin(world, channels=["push", "email"], fallback=True)
    assert sorted(row.channel for row in rows_of(world, run_id)) == ["email"] * 3 + ["push"] * 4
    gone = SendResult(outcome="gone", reason="unregistered")
    addresses = [f"phone-unregistered-{member.hex}-0" for member in with_phone]
    channel = ScriptedChannel(addresses, answers={address: [gone] for address in addresses})
    drainer = drainer_of(world.database, channel, settings=settings)
    drainer.drain(run_id, "push")
    drainer.drain(run_id, "email")
    by_channel = {(row.channel, row.state) for row in rows_of(world, run_id)}
    assert by_channel == {("push", "failed"), ("email", "sent")}
    assert len({row.member_id for row in rows_of(world, run_id) if row.state == "sent"}) == 7


def test_one_dead_phone_is_forgotten_and_the_other_still_gets_it(world: World, settings: Settings) -> None:
    (member,) = make_audience(world, 1, phones=2)
    dead, alive = f"phone-{member.hex}-0", f"phone-{member.hex}-1"
    run_id = begin(world)
    channel = ScriptedChannel([dead, alive], answers={dead: [SendResult(outcome="gone", reason="unregistered")]})
    drainer_of(world.database, channel, settings=settings).drain(run_id, "push")
    assert states_of(world, run_id) == {"sent": 1}
    again = begin(world)
    drainer_of(world.database, channel, settings=settings).drain(again, "push")
    assert [message.address for message in channel.sent].count(dead) == 1
    assert [message.address for message in channel.sent].count(alive) == 2


@pytest.mark.parametrize(("channel_kind", "becomes"), [("push", "queued/timeout"), ("email", "unknown/timeout")])
def test_an_uncertain_send_is_repeated_only_where_a_copy_replaces_it(
    world: World, settings: Settings, channel_kind: str, becomes: str
) -> None:
    make_audience(world, 1)
    run_id = begin(world, channels=[channel_kind])
    lost = SendResult(outcome="unknown", reason="timeout")

    class Losing(ScriptedChannel):
        def send(self, messages: object) -> list[SendResult]:
            return [lost] * len(messages)  # type: ignore[arg-type]

    drainer_of(world.database, Losing([]), settings=settings).drain(run_id, channel_kind)
    assert states_of(world, run_id) == {becomes: 1}


def test_two_schedulers_begin_a_due_campaign_once(world: World) -> None:
    campaign_id = make_campaign(world)
    together = threading.Barrier(4)

    def schedule() -> None:
        together.wait()
        ticking.start_due(world.database)

    threads = [threading.Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs_of(world, campaign_id)) == 1
    assert campaign_now(world, campaign_id).status == "running"


def test_a_recurring_campaign_gets_its_next_run(world: World) -> None:
    campaign_id = make_campaign(world, kind="recurring", schedule={"cron": "0 18 * * 5", "timezone": "Europe/Paris"})
    ticking.start_due(world.database)
    next_run_at = campaign_now(world, campaign_id).next_run_at
    assert next_run_at is not None
    assert next_run_at > clock.now()
    assert next_run_at.isoweekday() == 5


def test_a_stop_at_a_tenth_lets_no_more_than_the_slice_in_hand_go(world: World, settings: Settings) -> None:
    members = make_audience(world, 200)
    run_id = begin(world)
    channel = ScriptedChannel(phones_of(members))

    def stop_at_a_tenth() -> None:
        if len(channel.sent) == 20:
            set_run(world, run_id, "cancelled")

    channel.before_send = stop_at_a_tenth
    drainer = drainer_of(world.database, channel, settings=settings)
    drainer._pace("push").size = drainer._pace("push").most = 10
    drainer.drain(run_id, "push")
    assert len(channel.sent) == 30
    ticking.settle_cancelled(world.database)
    assert states_of(world, run_id) == {"sent": 30, "cancelled": 170}
    assert run_now(world, run_id).finished_at is not None


def test_a_paused_run_is_neither_made_nor_sent_and_goes_on_when_resumed(world: World, settings: Settings) -> None:
    make_audience(world, 10)
    campaign_id = make_campaign(world)
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    set_run(world, run_id, "paused")
    assert making.make(world.database, run_id) == 0
    set_run(world, run_id, "making")
    making.make(world.database, run_id)
    set_run(world, run_id, "paused")
    drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
    assert drainer.drain(run_id, "push") == (0, False)
    ticking.tick(world.database)
    assert run_now(world, run_id).state == "paused"
    set_run(world, run_id, "running")
    drainer.drain(run_id, "push")
    assert states_of(world, run_id) == {"sent": 10}


def test_a_rate_lets_so_many_begin_and_no_more(world: World, settings: Settings) -> None:
    make_audience(world, 50)
    with clock.held(clock.now()):
        run_id = begin(world, rate_per_minute=600)
        drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
        drainer.drain(run_id, "push")
        assert states_of(world, run_id)["sent"] == 10
        clock.advance(timedelta(seconds=2))
        drainer.drain(run_id, "push")
        assert states_of(world, run_id)["sent"] == 20


def test_what_is_put_back_takes_nothing_from_the_rate(world: World, settings: Settings) -> None:
    asleep = make_audience(world, 30, timezone="Asia/Tokyo")
    awake = make_audience(world, 15, timezone="Europe/Paris")
    with clock.held(datetime(2026, 12, 1, 15, tzinfo=UTC)):
        run_id = begin(world, rate_per_minute=600, quiet_hours={"from": "21:00", "to": "08:00"})
        sent = ScriptedChannel(phones_of([*asleep, *awake]))
        drainer_of(world.database, sent, settings=settings).drain(run_id, "push", seconds=600)
    assert states_of(world, run_id) == {"sent": 10, "queued": 35}
    assert {message.address for message in sent.sent} <= set(phones_of(awake))


def test_what_a_pause_stops_in_hand_is_not_missing_when_it_goes_on(world: World, settings: Settings) -> None:
    members = make_audience(world, 30)
    with clock.held(clock.now()):
        run_id = begin(world, rate_per_minute=600)
        channel = ScriptedChannel(phones_of(members))
        channel.before_send = lambda: set_run(world, run_id, "paused")
        drainer = drainer_of(world.database, channel, settings=settings)
        drainer._pace("push").size = drainer._pace("push").most = 2
        drainer.drain(run_id, "push", seconds=600)
        before = states_of(world, run_id)
        channel.before_send = None
        set_run(world, run_id, "running")
        drainer.drain(run_id, "push", seconds=600)
    # The slice that was let go at the same moment is sent; eight of the second's ten are left.
    assert (before, states_of(world, run_id)) == ({"sent": 2, "queued": 28}, {"sent": 10, "queued": 20})


def test_a_run_that_waits_for_its_winner_is_not_woken_by_what_is_put_back(world: World) -> None:
    make_audience(world, 4)
    with clock.held(clock.now()):
        run_id = begin(world, rate_per_minute=600)
        until = clock.now() + timedelta(hours=4)
        with world.database.across_programs() as session:
            session.get_one(CampaignRun, run_id).paced_until = until
            run, program = session.get_one(CampaignRun, run_id), session.get_one(Program, world.program_id)
            rates.unspend(session, plans.read(run, program), 4)
    assert run_now(world, run_id).paced_until == until


def test_too_many_requests_keep_one_lane_still_and_no_other(world: World, settings: Settings) -> None:
    make_audience(world, 3)
    run_id = begin(world, channels=["push", "email"])

    class Refusing(ScriptedChannel):
        def send(self, messages: object) -> list[SendResult]:
            busy = SendResult(outcome="retry", reason="quota_exceeded", retry_after_seconds=60)
            sent = SendResult(outcome="sent")
            return [busy if message.address.startswith("phone") else sent for message in messages]  # type: ignore[attr-defined]

    drainer = drainer_of(world.database, Refusing([]), settings=settings)
    drainer.drain(run_id, "push")
    drainer.drain(run_id, "email")
    with clock.held(clock.now() + timedelta(seconds=30)):
        assert drainer.drain(run_id, "push") == (0, False)
    assert {row.state for row in rows_of(world, run_id) if row.channel == "email"} == {"sent"}
    assert {row.state for row in rows_of(world, run_id) if row.channel == "push"} == {"queued"}
