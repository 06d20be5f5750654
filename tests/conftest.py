"""The real database: one embedded server for a run, a fresh database for each process, anew for tests that ask."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as Hypothesis  # noqa: N812 - `settings` is ours

from api.app import create_app
from app import crypto
from app.config import Settings
from app.db import Database
from app.embedded import EmbeddedServer
from notifications.campaigns import dispatching, journeys, ticking
from tests import tools
from tests.databases import Original
from tests.world import World, make_world

# Nothing is judged by how long it takes, which is the machine's affair; fixtures are made once for all examples.
UNTIMED: dict[str, Any] = {
    "deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}  # fmt: skip
# `pytest --hypothesis-profile=nightly`: every property much longer.
Hypothesis.register_profile("nightly", derandomize=False, max_examples=500, stateful_step_count=50, **UNTIMED)
# A change is tried with the same examples wherever it is tried, so that what fails failed before it landed;
# `--hypothesis-profile nightly` looks further, by chance.
Hypothesis.register_profile("change", derandomize=True, **UNTIMED)
Hypothesis.load_profile("change")

_server_home = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--must-have", default="", metavar="PROGRAMS",
        help="programs, with commas between, without which tests fail that would be skipped: openssl,certtool",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    tools.demand(filter(None, config.getoption("--must-have").split(",")))
    if hasattr(config, "workerinput"):
        return
    folder = tempfile.TemporaryDirectory(prefix="assidu-tests-", ignore_cleanup_errors=True)
    config.stash[_server_home] = folder
    Path(folder.name).chmod(0o755)
    EmbeddedServer(
        Path(folder.name), options=("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=400")
    ).start()


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_server_home, None)
    if folder is not None:
        EmbeddedServer(Path(folder.name)).stop()
        folder.cleanup()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["server_home"] = node.config.stash[_server_home].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of one demo in one process, although pytest-xdist 3.8 does not see groups under pytest 9.2.

    https://github.com/pytest-dev/pytest-xdist/issues/1386: with a release that mends it, `xdist_group` is enough.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

    class Scheduling(LoadGroupScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "demo" if file == "tests/journeys/test_demo.py" else super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> EmbeddedServer:
    """The server of this run."""
    worker = getattr(request.config, "workerinput", {})
    return EmbeddedServer(Path(worker.get("server_home") or request.config.stash[_server_home].name))


@pytest.fixture(scope="session")
def settings(
    request: pytest.FixtureRequest, postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of this process's own database."""
    name = f"test_{getattr(request.config, 'workerinput', {}).get('workerid', 'main')}"
    return Settings(
        home=tmp_path_factory.mktemp("home"),
        database_url=postgres.url_of(name),
        database_role_prefix=name,
        secret_key=crypto.new_secret_key(),
        # On a busy machine the last of many who want one row waits for longer than a till would.
        statement_timeout_ms=300_000,
        # Tests talk to nobody but themselves.
        campaign_links="not_asked",
    )


@pytest.fixture(scope="session", autouse=True)
def _unhurried() -> None:
    """Let a tick do all that is due: on a busy machine its seconds end before, and the next goes on."""
    dispatching.DRAIN_SECONDS = journeys.WALK_SECONDS = ticking.SETTLE_SECONDS = 600


@pytest.fixture(scope="session")
def original(postgres: EmbeddedServer, settings: Settings) -> Original:
    """What this process's database is a copy of."""
    return Original(postgres, settings, settings.database_role_prefix)


@pytest.fixture(scope="session")
def database(settings: Settings, original: Original) -> Iterator[Database]:
    """The migrated database."""
    original.copy()
    made = Database(settings)
    yield made
    made.dispose()


@pytest.fixture
def empty_database(database: Database, original: Original) -> None:
    """Empty the database, for a test of what serves all programmes that there are: it finds its own alone."""
    database.dispose()
    original.copy()


@pytest.fixture(scope="session")
def application(settings: Settings, database: Database) -> Flask:
    """The application on that database."""
    return create_app(settings, database)


@pytest.fixture
def client(application: Flask) -> FlaskClient:
    """An HTTP client."""
    return application.test_client()


@pytest.fixture
def world(database: Database) -> World:
    """A programme of its own for this test, beside others that are noise."""
    return make_world(database)
