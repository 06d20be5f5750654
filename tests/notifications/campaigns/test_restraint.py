"""Restraint: nothing after a consent was taken back, nothing in quiet hours, nothing above a cap."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app import clock
from app.config import Settings
from app.models import Program
from notifications.campaigns import making, ticking
from notifications.campaigns.windows import Window
from notifications.channels.protocol import SendResult
from tests.world import World
from tests.world_engine import (
    begin,
    drainer_of,
    make_audience,
    make_campaign,
    rows_of,
    run_of,
    states_of,
    withdraw,
)
from tests.world_notifications import ScriptedChannel

LATER = SendResult(outcome="retry", reason="unavailable", retry_after_seconds=1)


def set_caps(world: World, messages: int, *, days: int = 7) -> None:
    with world.database.transaction(world.program_id) as session:
        program = session.get_one(Program, world.program_id)
        program.campaign_settings = {"caps": {"push": {"messages": messages, "days": days}}}


@pytest.mark.parametrize(
    "point",
    [
        "before it is due",
        "before its rows are made",
        "before it is sent",
        "while it waits to be tried again",
        "after it was sent",
    ],
)
def test_nothing_is_begun_after_a_consent_was_taken_back(world: World, settings: Settings, point: str) -> None:
    start = clock.now()
    leaver, *others = make_audience(world, 3)
    address = f"phone-{leaver.hex}-0"
    channel = ScriptedChannel([address])
    if point == "while it waits to be tried again":
        channel.answers = {address: [LATER]}
    drainer = drainer_of(world.database, channel, settings=settings)

    def leave_at(now: str) -> None:
        if point == now:
            withdraw(world, leaver)

    campaign_id = make_campaign(world)
    leave_at("before it is due")
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    leave_at("before its rows are made")
    making.make(world.database, run_id)
    leave_at("before it is sent")
    drainer.drain(run_id, "push")
    begun = len(channel.sent)
    leave_at("while it waits to be tried again")
    leave_at("after it was sent")
    with clock.held(start + timedelta(hours=1)):
        drainer.drain(run_id, "push")
    assert len(channel.sent) == begun == (1 if point.startswith(("while", "after")) else 0)
    assert {row.state for row in rows_of(world, run_id) if row.member_id in others} == {"sent"}


def test_a_consent_taken_back_while_the_batch_is_being_sent_stops_its_rest(world: World, settings: Settings) -> None:
    members = make_audience(world, 4)
    channel = ScriptedChannel([f"phone-{member.hex}-0" for member in members])
    drainer = drainer_of(world.database, channel, settings=settings)
    drainer._pace("push").size = drainer._pace("push").most = 1

    def all_leave() -> None:
        if not channel.sent:
            for member in members:
                withdraw(world, member)

    channel.before_send = all_leave
    run_id = begin(world)
    drainer.drain(run_id, "push")
    assert len(channel.sent) == 1
    assert states_of(world, run_id) == {"sent": 1, "skipped/no_consent": 3}


def test_without_a_statement_nothing_is_allowed(world: World) -> None:
    make_audience(world, 2, consented=False)
    assert states_of(world, begin(world)) == {"skipped/no_consent": 2}


def test_twenty_campaigns_at_once_stay_under_the_cap(world: World, settings: Settings) -> None:
    set_caps(world, 2)
    members = make_audience(world, 12)
    addresses = [f"phone-{member.hex}-0" for member in members]
    runs = [begin(world) for _ in range(20)]
    channel = ScriptedChannel(addresses)
    together = threading.Barrier(4)

    def drain(mine: list[UUID]) -> None:
        drainer = drainer_of(world.database, channel, settings=settings, batch=5)
        together.wait()
        for run_id in mine:
            drainer.drain(run_id, "push")

    threads = [threading.Thread(target=drain, args=(runs[place::4],)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = {address: [message.address for message in channel.sent].count(address) for address in addresses}
    assert set(counts.values()) == {2}
    states = [row.state for run_id in runs for row in rows_of(world, run_id)]
    assert (states.count("sent"), states.count("skipped")) == (24, 20 * 12 - 24)


def test_a_failed_send_gives_its_place_back_and_a_repeated_one_keeps_it(world: World, settings: Settings) -> None:
    set_caps(world, 1)
    failing, waiting = make_audience(world, 2)
    answers = {
        f"phone-{failing.hex}-0": [SendResult(outcome="refused", reason="message_invalid")],
        f"phone-{waiting.hex}-0": [LATER],
    }
    channel = ScriptedChannel(list(answers), answers=answers)
    drainer = drainer_of(world.database, channel, settings=settings)
    first, second = begin(world), begin(world)
    drainer.drain(first, "push")
    drainer.drain(second, "push")
    assert states_of(world, first) == {"failed/message_invalid": 1, "queued/unavailable": 1}
    assert {row.member_id: row.state for row in rows_of(world, second)} == {failing: "sent", waiting: "skipped"}
    with clock.held(clock.now() + timedelta(minutes=5)):
        drainer.drain(first, "push")
    assert states_of(world, first) == {"failed/message_invalid": 1, "sent": 1}


def test_a_cap_of_a_week_is_free_again_after_it(world: World, settings: Settings) -> None:
    make_audience(world, 1)
    drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
    now = clock.now()

    def send_at(at: datetime) -> dict[str, int]:
        with clock.held(at):
            run_id = begin(world, caps={"messages": 1, "days": 7})
            drainer.drain(run_id, "push")
            return states_of(world, run_id)

    assert send_at(now) == {"sent": 1}
    assert send_at(now + timedelta(days=6, hours=23)) == {"skipped/capped": 1}
    assert send_at(now + timedelta(days=7, seconds=1)) == {"sent": 1}


def test_quiet_hours_are_the_members_own(world: World, settings: Settings) -> None:
    make_audience(world, 1, timezone="Europe/Paris")
    make_audience(world, 1, timezone="America/New_York")
    make_audience(world, 1, timezone="Mars/Olympus")
    with clock.held(datetime(2026, 12, 1, 21, 0, tzinfo=UTC)):
        run_id = begin(world, quiet_hours={"from": "21:00", "to": "08:00"})
        drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
        drainer.drain(run_id, "push")
        states = sorted((row.state, row.due_at.isoformat()) for row in rows_of(world, run_id))
    # It is 22:00 in Paris and 16:00 in New York; who is nowhere is where the programme is, in Paris.
    assert [state for state, _ in states] == ["queued", "queued", "sent"]
    assert {due for state, due in states if state == "queued"} == {"2026-12-02T07:00:00+00:00"}


def test_a_row_that_comes_due_in_quiet_hours_waits_for_their_end(world: World, settings: Settings) -> None:
    make_audience(world, 1)
    drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
    with clock.held(datetime(2026, 12, 1, 19, 59, tzinfo=UTC)):
        run_id = begin(world, quiet_hours={"from": "21:00", "to": "08:00"})
        clock.advance(timedelta(minutes=1))
        drainer.drain(run_id, "push")
        (row,) = rows_of(world, run_id)
        assert (row.state, row.due_at, row.attempts) == ("queued", datetime(2026, 12, 2, 7, tzinfo=UTC), 0)
        clock.advance(timedelta(hours=11))
        drainer.drain(run_id, "push")
        assert states_of(world, run_id) == {"sent": 1}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-03-28T22:30:00+01:00", "2026-03-29T08:00:00+02:00"),  # the night that is an hour short
        ("2026-10-24T22:30:00+02:00", "2026-10-25T08:00:00+01:00"),  # the night that is an hour long
        ("2026-03-29T08:00:00+02:00", "2026-03-29T08:00:00+02:00"),
        ("2026-06-01T20:59:59+02:00", "2026-06-01T20:59:59+02:00"),
        ("2026-06-01T21:00:00+02:00", "2026-06-02T08:00:00+02:00"),
    ],
)
def test_quiet_hours_end_by_the_wall_clock_when_clocks_change(at: str, allowed: str) -> None:
    window = Window.read({"from": "21:00", "to": "08:00"}, None)
    assert window.next_allowed(instant(at), "Europe/Paris") == instant(allowed)


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:50:00+02:00", "2026-10-25T02:50:00+02:00"),
        ("2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_quiet_hours_that_end_in_the_hour_that_comes_twice_end_each_time(at: str, allowed: str) -> None:
    window = Window.read({"from": "21:00", "to": "02:30"}, None)
    assert window.next_allowed(instant(at), "Europe/Paris") == instant(allowed)


def test_a_send_window_waits_for_its_weekday() -> None:
    window = Window.read(None, {"from": "11:00", "to": "14:00", "weekdays": [5]})
    monday, friday = instant("2026-11-23T12:00:00+01:00"), instant("2026-11-27T11:00:00+01:00")
    assert window.next_allowed(monday, "Europe/Paris") == friday


def test_a_window_that_lies_in_quiet_hours_never_opens(world: World, settings: Settings) -> None:
    make_audience(world, 1)
    window = {"from": "22:00", "to": "23:00"}
    run_id = begin(world, quiet_hours={"from": "21:00", "to": "08:00"}, send_window=window)
    drainer_of(world.database, ScriptedChannel([]), settings=settings).drain(run_id, "push")
    assert states_of(world, run_id) == {"skipped/quiet": 1}


def test_each_member_gets_it_at_their_own_time(world: World) -> None:
    for zone in ("Europe/Paris", "America/New_York", "Asia/Tokyo"):
        make_audience(world, 1, timezone=zone)
    with clock.held(datetime(2026, 12, 1, 4, 0, tzinfo=UTC)):
        run_id = begin(world, schedule={"local_at": "2026-12-01T18:00:00"})
    assert [row.due_at.hour for row in sorted(rows_of(world, run_id), key=lambda row: row.due_at)] == [9, 17, 23]


def test_whose_clock_is_past_the_time_gets_it_at_once(world: World) -> None:
    for zone in ("Europe/Paris", "Asia/Tokyo"):
        make_audience(world, 1, timezone=zone)
    with clock.held(datetime(2026, 12, 1, 12, 0, tzinfo=UTC)):
        run_id = begin(world, schedule={"local_at": "2026-12-01T18:00:00"})
    assert [row.due_at.hour for row in sorted(rows_of(world, run_id), key=lambda row: row.due_at)] == [12, 17]
