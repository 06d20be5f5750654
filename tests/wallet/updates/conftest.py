"""A café with a wallet, and a lane that works when it is told to."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from app.db import Database
from app.models import Pass, PassUpdate
from tests.world import World
from tests.world_passes import ListeningPlatform, set_up_wallet
from tests.world_till import Cafe, Till, make_cafe
from wallet.updates.lanes import Lane


@pytest.fixture(autouse=True)
def nobody_elses_passes(database: Database) -> None:
    """Put away the passes that other tests left in this database: lanes serve every programme that there is."""
    with database.across_programs() as session:
        session.execute(update(Pass).values(state="removed"), execution_options={"synchronize_session": False})
        session.execute(delete(PassUpdate), execution_options={"synchronize_session": False})


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
