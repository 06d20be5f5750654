"""Firebase's stand-in on a real socket, and the push channel that trusts it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import ids
from notifications.channels.protocol import OutgoingMessage
from notifications.channels.push import PushChannel
from notifications.stand_in import StandIn
from wire.stand_in.accounts import service_account

MakeMessage = Callable[..., OutgoingMessage]
TIMEOUT_SECONDS = 4
"""Less than what `slow5` takes, and as much as a busy machine may."""


def make_message(address: str = "phone-1", **fields: object) -> OutgoingMessage:
    values = {"delivery_id": ids.new_id(), "title": "Ten stamps", "body": "Your coffee is on us", **fields}
    return OutgoingMessage(address=address, **values)  # type: ignore[arg-type]


def open_channel(stand_in: StandIn, timeout_seconds: float = TIMEOUT_SECONDS) -> PushChannel:
    return PushChannel(
        stand_in.service_account_info,
        endpoint=stand_in.url,
        ca_file=stand_in.ca_file,
        timeout_seconds=timeout_seconds,
    )


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """What tells people of things serves all programmes: a test that has a database has it for itself."""
    if "database" in request.fixturenames:
        request.getfixturevalue("empty_database")


@pytest.fixture(scope="session")
def service_account_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account made once, since its RSA key takes longer than all the rest of a stand-in."""
    home = tmp_path_factory.mktemp("service-account")
    service_account(home, token_uri="https://localhost/token", project_id="assidu-stand-in")
    return home / "service-account.json"


@pytest.fixture
def stand_in(tmp_path: Path, service_account_file: Path) -> Iterator[StandIn]:
    """A stand-in of its own for this test, so that its counts are this test's."""
    home = tmp_path / "stand-in"
    home.mkdir()
    shutil.copy(service_account_file, home)
    with StandIn(home) as running:
        yield running


@pytest.fixture
def channel(stand_in: StandIn) -> Iterator[PushChannel]:
    """The push channel, which gives up on an answer before `slow5` comes."""
    opened = open_channel(stand_in)
    yield opened
    opened.close()
