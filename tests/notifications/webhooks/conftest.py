"""A receiver over TLS, and a courier that knows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import Database
from notifications.webhooks.courier import Courier
from tests.world_receiver import Receiver


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver of this test's own."""
    running = Receiver(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def courier(database: Database, receiver: Receiver) -> Courier:
    """A courier that may go to the receiver."""
    return Courier(database, receiver.client)
