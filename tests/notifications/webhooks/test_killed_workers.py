"""Workers as processes: what one that was killed had in hand comes again, under the same id (I6, F8)."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from app import clock, ids
from app.config import Settings
from app.models import Event, WebhookDelivery
from notifications.webhooks.claiming import LANES
from tests.world import World
from tests.world_receiver import Receiver, Reply, deliveries_now, make_webhook, publish

START = """
import sys
from app.config import Settings
from notifications.worker import main
sys.exit(main(Settings.from_env()))
"""
PATIENCE_SECONDS = 100
"""Longer than a lease: the database may commit a claim of a worker that is dead already."""
EVENTS = 40

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start(settings: Settings, world: World, tmp_path: Path) -> Iterator[Start]:
    """Start workers that trust the receiver's authority; whatever still runs at the end is killed."""
    assert world.program_id  # the database is migrated
    started: list[subprocess.Popen[bytes]] = []
    environment = {
        "ASSIDU_HOME": str(tmp_path),
        "DATABASE_URL": settings.database_url,
        "ASSIDU_DATABASE_ROLE_PREFIX": settings.database_role_prefix,
        "ASSIDU_SECRET_KEY": settings.secret_key,
        "ASSIDU_WEBHOOK_LOOPBACK": "allowed",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
    }

    def start_one() -> subprocess.Popen[bytes]:
        log = tmp_path / f"worker-{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-c", START], env=environment, stdout=output, stderr=output)
        started.append(process)
        wait_for(lambda: b"worker_started" in log.read_bytes())
        return process

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def end_leases(world: World) -> None:
    """Let a minute pass for what is held."""
    now = clock.now()
    with world.database.transaction(world.program_id) as session:
        for held in (
            update(WebhookDelivery).where(WebhookDelivery.state == "sending").values(due_at=now),
            update(Event).where(Event.handled_at.is_(None)).values(lease_until=now),
        ):
            session.execute(held, execution_options={"synchronize_session": False})


def test_every_event_arrives_although_its_worker_is_killed_in_mid_attempt(
    start: Start, world: World, receiver: Receiver
) -> None:
    make_webhook(world, receiver.url)
    make_webhook(world, f"{receiver.url}/second")
    receiver.always = Reply(200, pause=0.2)
    worker = start()
    published = [ids.show("event", publish(world).id) for _ in range(EVENTS)]
    wait_for(lambda: len(receiver.told) >= 10)
    worker.kill()
    worker.wait()
    time.sleep(0.5)
    end_leases(world)
    worker = start()
    receiver.always = Reply(200)
    wait_for(lambda: len(deliveries_now(world)) == 2 * EVENTS)
    wait_for(lambda: {one.state for one in deliveries_now(world)} == {"delivered"})
    for path in ("/hooks", "/hooks/second"):
        assert {told.headers["webhook-id"] for told in receiver.to(path)} == set(published)
    # Twice came only what was in hand when the worker died: as much as its lanes hold.
    assert len(receiver.told) <= 2 * EVENTS + 2 * LANES
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_SECONDS) == 0
