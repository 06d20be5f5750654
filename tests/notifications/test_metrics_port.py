"""The worker's figures on a port of their own."""

import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.serving import free_port
from app import clock
from app.config import Settings, SettingsError
from app.db import Database
from app.services import events
from notifications import metrics_port
from notifications.relay import Relay
from tests.world import World
from tests.world_workers import Start, workers

HOST = "127.0.0.1"
COMMAND = "from api.cli import cli; cli(['worker'])"


def test_what_waits_and_for_how_long_is_shown_and_gone_when_it_is_handed_out(world: World, served: int) -> None:
    with clock.held(clock.now() - timedelta(minutes=5)):
        publish(world)

    waiting = figures(served)
    drain(world.database)
    handled = figures(served)

    assert (waiting["assidu_database_up"], waiting["assidu_events_waiting"]) == (1, 1)
    assert waiting["assidu_events_oldest_seconds"] >= 300
    assert (handled["assidu_events_waiting"], handled["assidu_events_oldest_seconds"]) == (0, 0)


def test_a_database_that_is_away_is_a_figure_and_no_failure(settings: Settings) -> None:
    port = free_port(HOST)
    away = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing", worker_metrics_port=port)

    with metrics_port.served(away):
        found = figures(port)

    assert found["assidu_database_up"] == 0
    assert "assidu_events_waiting" not in found


def test_a_port_that_is_taken_is_said_by_the_settings_name(settings: Settings, served: int) -> None:
    with (
        pytest.raises(SettingsError, match="ASSIDU_WORKER_METRICS_PORT"),
        metrics_port.served(replace(settings, worker_metrics_port=served)),
    ):
        pass


def test_without_a_port_nothing_listens(settings: Settings) -> None:
    with metrics_port.served(settings):
        assert settings.worker_metrics_port == 0


def test_a_worker_serves_its_figures_until_it_ends(settings: Settings, world: World, tmp_path: Path) -> None:
    port = free_port(HOST)
    with workers(settings, tmp_path, {"ASSIDU_WORKER_METRICS_PORT": str(port)}, main=COMMAND) as start:
        found = run(start, world, port)

    assert found["assidu_database_up"] == 1
    assert "process_cpu_seconds" in found


def run(start: Start, world: World, port: int) -> dict[str, float]:
    """Start a worker, read its figures, and end it in order."""
    publish(world)
    worker = start()
    found = figures(port)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    return found


def publish(world: World) -> None:
    """Write a fact that nobody listens to."""
    with world.database.transaction(world.program_id) as session:
        events.publish(session, kind="entry.posted", data={})


def drain(database: Database) -> None:
    """Hand out all that waits."""
    while Relay(database).run_once():
        pass


def figures(port: int) -> dict[str, float]:
    """Return the first sample of each figure, as Prometheus reads them."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=60) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {family.name: family.samples[0].value for family in families if family.samples}


@pytest.fixture
def served(settings: Settings) -> Iterator[int]:
    """Serve the figures; give the port."""
    port = free_port(HOST)
    with metrics_port.served(replace(settings, worker_metrics_port=port)):
        yield port
