"""Tasks live and die with the transaction that defers them, and outlive the worker that runs them."""

import asyncio
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from procrastinate import App, jobs

from app import clock, ids
from app.db import Database
from app.models import CodeUse, IdempotencyKey
from app.services.jobs import JOBS
from notifications import periodic, queue, tasks
from notifications.campaigns.draining import Drainer
from notifications.channels.opening import Channels
from notifications.periodic import SCHEDULE, TaskFailedError, rescue_stalled
from notifications.sending import Sender
from tests.world import World
from tests.world_notifications import ScriptedChannel

_jobs = sa.table("procrastinate_jobs", *map(sa.column, ("id", "task_name", "queueing_lock", "status", "worker_id")))


@pytest.fixture
def task() -> str:
    """A task's name that no other test uses."""
    return f"test-{ids.new_id().hex}"


@pytest.fixture
def procrastinate_app(database: Database) -> App:
    drainer = Drainer(database, Channels(database.settings))
    return tasks.make_app(database, Sender(database, ScriptedChannel([])), drainer, threading.Event())


def states(database: Database, task: str) -> list[str]:
    with database.across_programs() as session:
        found = sa.select(_jobs.c.status).where(_jobs.c.task_name == task).order_by(_jobs.c.id)
        return [str(status) for status in session.scalars(found)]


def take(database: Database, task: str, *, worker_id: int | None = None) -> None:
    """Do what a worker does that takes the task and dies."""
    with database.across_programs() as session:
        session.execute(
            sa.update(_jobs)
            .where(_jobs.c.task_name == task, _jobs.c.status == sa.literal_column("'todo'"))
            .values(status=sa.literal_column("'doing'"), worker_id=worker_id)
        )


def test_a_task_is_queued_when_its_transaction_commits(world: World, task: str) -> None:
    with world.database.transaction(world.program_id) as session:
        assert queue.defer_once(session, task)
        assert states(world.database, task) == []
    assert states(world.database, task) == ["todo"]


def test_a_task_is_not_queued_when_its_transaction_rolls_back(world: World, task: str) -> None:
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
        session.rollback()
    assert states(world.database, task) == []


def test_a_task_that_waits_already_is_not_queued_twice_and_the_transaction_goes_on(world: World, task: str) -> None:
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    with world.database.transaction(world.program_id) as session:
        assert not queue.defer_once(session, task)
        session.add(IdempotencyKey(
            scope=task, key="k", fingerprint=b"", recorded_at=clock.now(), status=200, answer="", permanent=False
        ))  # fmt: skip
    assert states(world.database, task) == ["todo"]
    with world.database.transaction(world.program_id) as session:
        assert session.scalars(sa.select(IdempotencyKey).where(IdempotencyKey.scope == task)).one().key == "k"


def test_a_task_that_runs_already_is_queued_again(world: World, task: str) -> None:
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    take(world.database, task)
    with world.database.transaction(world.program_id) as session:
        assert queue.defer_once(session, task)
    assert states(world.database, task) == ["doing", "todo"]


def test_a_waiting_task_cannot_start_before_the_transaction_that_relies_on_it_commits(world: World, task: str) -> None:
    fetch = sa.select(_jobs.c.id).where(_jobs.c.task_name == task).with_for_update(skip_locked=True)
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
        with world.database.across_programs() as worker:
            assert worker.execute(fetch).all() == []
    with world.database.across_programs() as worker:
        assert len(worker.execute(fetch).all()) == 1


def test_what_a_dead_worker_had_in_hand_is_queued_again(world: World, procrastinate_app: App, task: str) -> None:
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    take(world.database, task)
    run_rescue(procrastinate_app)
    assert states(world.database, task) == ["todo"]


def test_a_dead_workers_task_gives_way_to_one_that_waits_already(
    world: World, procrastinate_app: App, task: str
) -> None:
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    take(world.database, task)
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    run_rescue(procrastinate_app)
    assert states(world.database, task) == ["todo"]


def test_a_task_that_kills_its_worker_each_time_is_given_up(world: World, procrastinate_app: App, task: str) -> None:
    with world.database.transaction(world.program_id) as session:
        queue.defer_once(session, task)
    for _ in range(periodic.TRIES_MAX + 1):
        take(world.database, task)
        run_rescue(procrastinate_app)
    assert states(world.database, task) == [jobs.Status.FAILED.value]


def test_every_job_has_its_hour_and_every_hour_is_one(procrastinate_app: App) -> None:
    assert set(JOBS) <= set(SCHEDULE)
    registered = {name for name, _ in procrastinate_app.periodic_registry.periodic_tasks}
    assert {f"job:{name}" for name in JOBS} | {
        queue.SEND_DELIVERIES, queue.DELIVER_WEBHOOKS, "rescue_stalled", "clean_queue", "begin_journeys",
        "begin_daily",
    } == registered  # fmt: skip
    for known in procrastinate_app.periodic_registry.periodic_tasks.values():
        assert known.croniter.get_next() > 0  # a wrong cron raises


@pytest.mark.parametrize("name", sorted(JOBS.keys()))
def test_every_job_runs_as_the_worker_role_and_again(database: Database, world: World, name: str) -> None:
    assert world.program_id
    JOBS[name](database)
    assert isinstance(periodic.run_job(database, name), int)


def test_spent_codes_are_forgotten_after_an_hour(world: World) -> None:
    old, new = ids.new_id(), ids.new_id()
    with clock.held(clock.now()):
        with world.database.transaction(world.program_id) as session:
            session.add(CodeUse(card_id=old, period=1, created_at=clock.now() - timedelta(minutes=61)))
            session.add(CodeUse(card_id=new, period=1, created_at=clock.now() - timedelta(minutes=59)))
        JOBS["forget_spent_codes"](world.database)
    with world.database.transaction(world.program_id) as session:
        assert set(session.scalars(sa.select(CodeUse.card_id))) == {new}


def test_a_job_that_fails_says_its_name_and_nothing_else(database: Database) -> None:
    def fail(_: Database) -> int:
        raise ValueError("zoe@mail.example is in this sentence")

    JOBS["test_fails"] = fail
    try:
        with pytest.raises(TaskFailedError) as raised:
            periodic.run_job(database, "test_fails")
    finally:
        del JOBS["test_fails"]
    assert str(raised.value) == "test_fails"
    assert raised.value.__cause__ is None


def run_rescue(app: App) -> None:
    async def once() -> None:
        async with app.open_async():
            await rescue_stalled(app.job_manager)

    asyncio.run(once())
