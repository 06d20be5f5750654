"""The embedded server's life: started once, told apart from its other runs, and stopped without a trace."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.embedded import EmbeddedServer, binaries, buffers_mb, memory_bytes


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedServer]:
    """A server that does not run yet; its data are those of the tests before."""
    made = EmbeddedServer(home)
    yield made
    made.stop()


def test_it_is_started_once_for_all_who_use_it(server: EmbeddedServer, home: Path) -> None:
    assert server.start()
    other = EmbeddedServer(home)
    assert not other.start()
    with psycopg.connect(other.url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("assidu",)


def test_a_start_that_was_cut_short_is_finished_by_the_next(server: EmbeddedServer) -> None:
    server.start()
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE assidu")
    assert not server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("assidu",)


def test_each_run_has_its_own_id_and_none_has_an_empty_one(server: EmbeddedServer, home: Path) -> None:
    assert server.run_id() == ""
    server.start()
    first = server.run_id()
    assert first
    assert EmbeddedServer(home).run_id() == first
    server.stop()
    assert server.run_id() == ""
    server.start()
    assert server.run_id() not in {"", first}


def test_stopping_leaves_no_socket_folder_behind(server: EmbeddedServer) -> None:
    server.start()
    assert any(server.socket_folder.iterdir())
    server.stop()
    assert not server.socket_folder.exists()
    server.stop()


def test_a_socket_folder_that_somebody_else_uses_stays(server: EmbeddedServer) -> None:
    server.start()
    used = server.socket_folder / "used"
    used.touch()
    server.stop()
    assert used.exists()
    used.unlink()
    server.stop()
    assert not server.socket_folder.exists()


def test_it_starts_from_a_folder_that_is_closed_to_others() -> None:
    package = binaries().parent.parent
    with tempfile.TemporaryDirectory(prefix="assidu-embedded-", ignore_cleanup_errors=True) as folder:
        closed = Path(folder, "closed")
        # With the libraries that lie beside the package, where its programs look for them.
        for part in package.parent.glob(f"{package.name}*"):
            if part.name in {package.name, f"{package.name}.libs"}:
                shutil.copytree(part, closed / part.name, symlinks=True)
        closed.chmod(0o700)
        server = EmbeddedServer(Path(folder, "home"), programs=closed / binaries().relative_to(package.parent))
        try:
            assert server.start()
        finally:
            server.stop()


@pytest.mark.parametrize(("gigabytes", "buffers"), [(0.5, 128), (4, 512), (64, 1024)])
def test_its_buffers_are_an_eighth_of_the_memory_within_limits(gigabytes: float, buffers: int) -> None:
    assert buffers_mb(int(gigabytes * 2**30)) == buffers


def test_a_containers_memory_is_what_it_may_have(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = memory_bytes(limit)
    limit.write_text("max\n")
    unlimited = memory_bytes(limit)
    limit.write_text(f"{64 * 2**20}\n")

    assert unlimited == machine > 64 * 2**20 == memory_bytes(limit)


def test_the_server_runs_with_them(home: Path) -> None:
    server = EmbeddedServer(home)
    try:
        server.start()
        with psycopg.connect(server.url_of("postgres")) as connection:
            row = connection.execute("SELECT pg_size_bytes(current_setting('shared_buffers')) / 1048576").fetchone()
    finally:
        server.stop()

    assert row == (buffers_mb(memory_bytes()),)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Where the data of this file's server are."""
    # Not in pytest's folders: each run of pytest closes them to PostgreSQL's user, which is another than root.
    with tempfile.TemporaryDirectory(prefix="assidu-embedded-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
