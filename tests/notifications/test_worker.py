"""The worker as a process: it does the work, and ends in order when it is told to."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from app.config import Settings
from app.db import Database
from app.services import one_time_codes
from notifications.channels.protocol import open_channel
from notifications.worker import Worker
from tests import world_workers
from tests.notifications.mail_server import MailServerStandIn
from tests.world import World
from tests.world_notifications import deliveries_of, issue_voucher, make_person
from tests.world_signing import new_address
from tests.world_workers import Start, workers

PATIENCE_SECONDS = 120

wait_for = partial(world_workers.wait_for, patience_seconds=PATIENCE_SECONDS)


@pytest.fixture
def start(settings: Settings, world: World, tmp_path: Path) -> Iterator[Start]:
    """Start workers on the test's database."""
    assert world.program_id  # the database is migrated
    with workers(settings, tmp_path, {}, patience_seconds=PATIENCE_SECONDS) as start_one:
        yield start_one


def sent(home: Path) -> list[str]:
    """Return the addresses of what was sent."""
    outbox = home / "outbox.jsonl"
    return [json.loads(line)["address"] for line in outbox.read_text().splitlines()] if outbox.exists() else []


def test_a_voucher_reaches_the_phone_and_two_workers_end_in_order(start: Start, world: World, tmp_path: Path) -> None:
    person = make_person(world, phones=2)
    workers = [start(), start()]
    issue_voucher(world, person.member_id)
    wait_for(lambda: len(sent(tmp_path)) == 2)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(PATIENCE_SECONDS) for worker in workers] == [0, 0]
    assert sorted(sent(tmp_path)) == sorted(person.addresses)
    assert {row.state for row in deliveries_of(world)} == {"sent"}


def test_a_worker_ends_at_whatever_moment_of_its_beginning_it_is_told_to(settings: Settings, world: World) -> None:
    with closing(open_channel(settings, world.database)) as channel:
        ended = [
            asyncio.run(ended_after(Worker(settings, world.database, channel), milliseconds / 1000))
            for milliseconds in range(0, 80, 4)
        ]

    assert all(ended)


def test_a_worker_that_waits_for_a_database_that_is_away_ends_when_it_is_told_to(settings: Settings) -> None:
    away = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")
    database = Database(away)

    async def ended() -> bool:
        async with asyncio.timeout(PATIENCE_SECONDS / 2):
            return await ended_after(Worker(away, database, channel), 1)

    with closing(open_channel(away, database)) as channel:
        assert asyncio.run(ended())


async def ended_after(worker: Worker, seconds: float) -> bool:
    """Run the worker and stop it so long after its beginning; return whether it ended in order."""
    asyncio.get_running_loop().call_later(seconds, worker.stop)
    return await worker.run()


def test_a_worker_survives_losing_every_connection(start: Start, world: World, tmp_path: Path) -> None:
    worker = start()
    first = make_person(world)
    issue_voucher(world, first.member_id)
    # Also written down: what was sent, but is not known to be, is rightly sent again after its lease.
    wait_for(lambda: [row.state for row in deliveries_of(world, channel="push")] == ["sent"])
    cut_connections(world)
    second = make_person(world)
    issue_voucher(world, second.member_id)
    wait_for(lambda: sent(tmp_path) == first.addresses + second.addresses)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE_SECONDS) == 0


def test_a_code_that_was_asked_for_arrives_by_mail(start: Start, settings: Settings, tmp_path: Path) -> None:
    address = new_address()
    with MailServerStandIn() as server:
        url = f"smtp://127.0.0.1:{server.port}?tls=none"
        web = Database(replace(settings, smtp_url=url))
        worker = start(ASSIDU_SMTP_URL=url, ASSIDU_MAIL_FROM="Assidu <no-reply@assidu.example>")

        one_time_codes.send(web, to=one_time_codes.contact(email=address), locale="fr")

        wait_for(lambda: address in {got.recipient for got in server.received})
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_SECONDS) == 0
        web.dispose()
    [got] = [one for one in server.received if one.recipient == address]
    code = got.mail["Subject"].split()[0]
    assert code in got.part("plain")
    log = (tmp_path / "worker-0.log").read_text()
    assert code not in log
    assert address not in log


def cut_connections(world: World) -> None:
    """End every session of the database but ours, as a restart of the server does."""
    world.database.worker.dispose()
    world.database.web.dispose()
    with world.database.owner.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
