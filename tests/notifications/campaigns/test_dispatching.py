"""Which runs get their turn: by priority within a programme, and by tasks that may come twice or not at all."""

import threading
from collections import Counter
from uuid import UUID

from sqlalchemy import Text, column, func, insert, select, table, update

from app import clock, ids
from app.config import Settings
from app.models import Customer, Device, Member
from app.services import events
from notifications.campaigns import dispatching, making, ticking
from notifications.campaigns.plans import Plan
from notifications.relay import Relay
from notifications.subscribers import SUBSCRIBERS
from tests.world import World, make_world
from tests.world_engine import (
    begin,
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

SUBSCRIBERS.load("notifications.subscribers")
JOBS = table("procrastinate_jobs", column("task_name"), column("args"), column("queue_name"), column("status"))


def waiting_for(world: World, run_id: UUID) -> Counter[str]:
    """Count the tasks about a run that wait, by name and queue."""
    with world.database.across_programs() as session:
        rows = session.execute(
            select(JOBS.c.task_name, JOBS.c.queue_name).where(
                func.jsonb_extract_path_text(JOBS.c.args, "run_id") == run_id.hex, JOBS.c.status.cast(Text) == "todo"
            )
        )
        return Counter(f"{name}@{lane}" for name, lane in rows)


def test_waking_twice_queues_one_task_for_each_run_and_channel(world: World) -> None:
    make_audience(world, 2)
    run_id = begin(world, channels=["push", "email", "inbox"])
    dispatching.wake(world.database)
    dispatching.wake(world.database)
    assert waiting_for(world, run_id) == {
        "drain_run@campaigns-push": 1, "drain_run@campaigns-email": 1, "drain_run@campaigns": 1,
    }  # fmt: skip


def test_a_tick_begins_a_due_campaign_and_queues_its_making(world: World) -> None:
    make_audience(world, 1)
    campaign_id = make_campaign(world)
    dispatching.Ticker(world.database).run_once()
    assert waiting_for(world, run_of(world, campaign_id).id) == {"make_run@campaigns": 1}


def test_a_campaign_that_is_let_go_begins_without_a_tick(world: World) -> None:
    make_audience(world, 1)
    campaign_id = make_campaign(world)
    with world.database.transaction(world.program_id) as session:
        events.publish(session, kind="campaign.scheduled", data={"campaign": ids.show("campaign", campaign_id)})
    relay = Relay(world.database)
    while not runs_of(world, campaign_id):
        assert relay.run_once()
    assert waiting_for(world, run_of(world, campaign_id).id) == {"make_run@campaigns": 1}


def test_what_was_made_is_sent_while_the_rest_is_being_made(world: World) -> None:
    make_audience(world, 5)
    campaign_id = make_campaign(world)
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    seen: list[tuple[int, Counter[str]]] = []

    def look(plan: Plan) -> None:
        dispatching.defer_drains(world.database, plan)
        seen.append((len(rows_of(world, run_id)), waiting_for(world, run_id)))

    making.make(world.database, run_id, chunk=2, made_some=look)
    assert seen[0] == (2, {"drain_run@campaigns-push": 1})
    assert len(rows_of(world, run_id)) == 5


def test_making_has_drains_queued(world: World) -> None:
    make_audience(world, 1)
    campaign_id = make_campaign(world)
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    dispatching.make_run(world.database, threading.Event(), run_id=run_id.hex)
    assert waiting_for(world, run_id) == {"drain_run@campaigns-push": 1}


def test_a_run_that_was_paused_while_it_was_made_is_made_on_as_soon_as_it_is_resumed(world: World) -> None:
    make_audience(world, 5)
    campaign_id = make_campaign(world)
    ticking.start_due(world.database)
    run_id = run_of(world, campaign_id).id
    making.make(world.database, run_id, chunk=2, made_some=lambda _: set_run(world, run_id, "paused"))
    assert len(rows_of(world, run_id)) == 2
    set_run(world, run_id, "making")
    with world.database.across_programs() as session:
        assert run_id in dispatching.runs_to_make(session)
    making.make(world.database, run_id)
    assert states_of(world, run_id) == {"queued": 5}


def test_of_a_programmes_runs_those_of_the_highest_priority_go_first(world: World, settings: Settings) -> None:
    other = make_world(world.database)
    for place in (world, other):
        make_audience(place, 2)
    low, high = begin(world, priority=1), begin(world, priority=5)
    foreign = begin(other)

    def due() -> set[UUID]:
        with world.database.across_programs() as session:
            return {one.run_id for one in dispatching.runs_to_drain(session)}

    assert due() == {high, foreign}
    drainer = drainer_of(world.database, ScriptedChannel([]), settings=settings)
    drainer.drain(high, "push")
    assert due() == {low, foreign}


def test_a_doubled_drain_sends_nothing_twice(world: World, settings: Settings) -> None:
    members = make_audience(world, 60)
    addresses = [f"phone-{member.hex}-0" for member in members]
    run_id = begin(world)
    channel = ScriptedChannel(addresses)
    drainer = drainer_of(world.database, channel, settings=settings, batch=7)
    stop = threading.Event()
    drains = [
        threading.Thread(
            target=dispatching.drain_run,
            args=(world.database, drainer, stop),
            kwargs={"run_id": run_id.hex, "channel": "push"},
        )
        for _ in range(3)
    ]
    for drain in drains:
        drain.start()
    for drain in drains:
        drain.join()
    assert Counter(message.address for message in channel.sent) == dict.fromkeys(addresses, 1)
    assert states_of(world, run_id) == {"sent": 60}


def test_a_phone_that_changed_hands_shows_nothing_of_its_former_holder(world: World, settings: Settings) -> None:
    leaving, later, staying = make_audience(world, 3)
    channel = ScriptedChannel([f"phone-{member.hex}-0" for member in (leaving, later, staying)])
    drainer = drainer_of(world.database, channel, settings=settings)
    drainer._pace("push").size = drainer._pace("push").most = 1
    run_id = begin(world)
    hand_over(world, leaving)
    # The second changes hands when the batch is taken already; which of the two is sent first is chance.
    first: list[UUID] = []

    def while_sending() -> None:
        if not first:
            first.append(later)
            hand_over(world, later)

    channel.before_send = while_sending
    drainer.drain(run_id, "push")
    states = {row.member_id: row.state for row in rows_of(world, run_id)}
    shown = [message.address for message in channel.sent]
    assert f"phone-{leaving.hex}-0" not in shown
    assert (states[leaving], states[staying]) == ("skipped", "sent")
    assert shown.count(f"phone-{later.hex}-0") == (1 if shown[0] == f"phone-{later.hex}-0" else 0)
    assert run_now(world, run_id).state == "running"


def hand_over(world: World, member_id: UUID) -> None:
    """Let another person sign in on the member's phone."""
    stranger = ids.new_id()
    with world.database.owner.begin() as connection:
        holder = select(Member.customer_id).where(Member.id == member_id).scalar_subquery()
        now = clock.now()
        connection.execute(insert(Customer).values(id=stranger, created_at=now, email=f"{stranger.hex}@mail.example"))
        connection.execute(update(Device).where(Device.customer_id == holder).values(customer_id=stranger))
