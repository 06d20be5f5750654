"""Workers as processes: what one that was killed had in hand comes again, under the same id (I6, F8)."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from app import clock, ids
from app.config import Settings
from app.models import Event, WebhookDelivery
from notifications.webhooks.claiming import LANES
from tests import world_workers
from tests.world import World
from tests.world_receiver import Receiver, Reply, deliveries_now, make_webhook, publish
from tests.world_workers import Start, workers

PATIENCE_SECONDS = 240
"""Longer than a lease: the database may commit a claim of a worker that is dead already."""
EVENTS = 40

wait_for = partial(world_workers.wait_for, patience_seconds=PATIENCE_SECONDS)


@pytest.fixture
def start(settings: Settings, world: World, tmp_path: Path) -> Iterator[Start]:
    """Start workers that trust the receiver's authority."""
    assert world.program_id  # the database is migrated
    trusting = {"ASSIDU_WEBHOOK_LOOPBACK": "allowed", "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    with workers(settings, tmp_path, trusting, patience_seconds=PATIENCE_SECONDS) as start_one:
        yield start_one


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
