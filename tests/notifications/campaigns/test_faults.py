"""Workers that are killed or frozen in the middle of a campaign: real processes, and phones that collapse copies."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from app.config import Settings
from notifications.campaigns.pacing import SLICE_LEAST
from notifications.stand_in import StandIn
from tests import world_workers
from tests.world import World
from tests.world_engine import make_audience, make_campaign, rows_of, run_of, runs_of, set_run, states_of
from tests.world_workers import Start, workers

MAIN = """
import sys
from datetime import timedelta
from app.config import Settings
from app.models import CampaignRun
from notifications.campaigns import claiming, making
from notifications.worker import main
# The lease of a minute is three seconds here, so that a test need not wait for it.
claiming.LEASE = making.LEASE = timedelta(seconds=3)
sys.exit(main(Settings.from_env()))
"""
PATIENCE_SECONDS = 300.0

wait_for = partial(world_workers.wait_for, patience_seconds=PATIENCE_SECONDS)


@pytest.fixture
def start(settings: Settings, world: World, stand_in: StandIn, tmp_path: Path) -> Iterator[Start]:
    """Start workers that push to the stand-in."""
    assert world.program_id  # the database is migrated
    pushing = {
        "ASSIDU_PUSH_CHANNEL": "push",
        "ASSIDU_FIREBASE_ENDPOINT": stand_in.url,
        "ASSIDU_FIREBASE_CA_FILE": str(stand_in.ca_file),
        "ASSIDU_FIREBASE_CREDENTIALS": str(stand_in.service_account_file),
    }
    with workers(settings, tmp_path, pushing, main=MAIN, patience_seconds=PATIENCE_SECONDS) as start_one:
        yield start_one


def screens_of(stand_in: StandIn, members: list[UUID]) -> list[int]:
    """Return how many messages each member's phone shows."""
    shown = stand_in.phones.addresses()
    return [shown.get(f"phone-slow1-{member.hex}-0", 0) for member in members]


def stands_still(stand_in: StandIn) -> bool:
    """Tell whether nothing comes for longer than a worker needs for its next slice."""
    before = len(stand_in.posts)
    time.sleep(3)
    return len(stand_in.posts) == before


def test_killing_workers_loses_no_message_and_shows_none_twice(start: Start, world: World, stand_in: StandIn) -> None:
    members = make_audience(world, 4000, prefix="phone-slow1")
    workers = [start() for _ in range(3)]
    campaign_id = make_campaign(world)
    for victim in workers[:2]:
        before = len(stand_in.posts)
        wait_for(lambda before=before: len(stand_in.posts) > before + 100)  # type: ignore[misc]
        assert 0 in screens_of(stand_in, members), "all was sent before a worker could be killed"
        victim.kill()
    for _ in range(2):
        start()
    run_id = run_of(world, campaign_id).id
    wait_for(lambda: run_of(world, campaign_id).state == "finished")
    assert states_of(world, run_id) == {"sent": 4000}
    assert set(screens_of(stand_in, members)) == {1}
    assert len(runs_of(world, campaign_id)) == 1


def test_a_worker_that_was_frozen_past_its_lease_sends_and_writes_nothing(
    start: Start, world: World, stand_in: StandIn, tmp_path: Path
) -> None:
    members = make_audience(world, 400, prefix="phone-slow1")
    frozen = start()
    campaign_id = make_campaign(world)
    wait_for(lambda: len(stand_in.posts) > 0)
    frozen.send_signal(signal.SIGSTOP)
    start()
    wait_for(lambda: set(screens_of(stand_in, members)) == {1})
    wait_for(lambda: set(states_of(world, run_of(world, campaign_id).id)) == {"sent"})
    arrived = len(stand_in.posts)
    written = {row.id: row.provider_id for row in rows_of(world, run_of(world, campaign_id).id)}
    frozen.send_signal(signal.SIGCONT)
    wait_for(lambda: b"lease_lost" in (tmp_path / "worker-0.log").read_bytes())
    # What was in the middle of one write when it froze leaves as it wakes: less than a connection's hundred streams.
    assert len(stand_in.posts) - arrived < SLICE_LEAST
    assert {row.id: row.provider_id for row in rows_of(world, run_of(world, campaign_id).id)} == written
    assert set(screens_of(stand_in, members)) == {1}


def test_a_pause_takes_hold_on_every_worker(start: Start, world: World, stand_in: StandIn) -> None:
    make_audience(world, 3000, prefix="phone-slow1")
    for _ in range(2):
        start()
    campaign_id = make_campaign(world)
    wait_for(lambda: len(stand_in.posts) > 100)
    run_id = run_of(world, campaign_id).id
    set_run(world, run_id, "paused")
    wait_for(lambda: stands_still(stand_in))
    assert len(stand_in.posts) < 3000
