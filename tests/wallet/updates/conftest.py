"""A café with a wallet, and a lane that works when it is told to."""

import pytest
from flask.testing import FlaskClient

from app.db import Database
from tests.world import World
from tests.world_passes import ListeningPlatform, set_up_wallet
from tests.world_till import Cafe, Till, make_cafe
from wallet.updates.lanes import Lane


@pytest.fixture(autouse=True)
def alone(empty_database: None) -> None:
    """Lanes serve all programmes that there are: each test has its own alone."""


@pytest.fixture
def cafe(world: World) -> Cafe:
    made = make_cafe(world)
    set_up_wallet(world)
    return made


@pytest.fixture
def till(client: FlaskClient, cafe: Cafe) -> Till:
    return Till(client, cafe)


@pytest.fixture
def platform() -> ListeningPlatform:
    return ListeningPlatform()


@pytest.fixture
def lane(database: Database, platform: ListeningPlatform) -> Lane:
    return Lane(database, platform, platform.courier)
