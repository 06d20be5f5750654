"""The stack that is measured: the embedded PostgreSQL with its fsync, and the web server in front of an application."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psycopg

from app import migrations
from app.config import Settings
from app.db import Database
from app.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A running database, migrated."""

    home: Path
    server: EmbeddedServer
    database: Database
    pid: int
    """The postmaster's."""

    def owner(self) -> psycopg.Connection:
        """Return a connection as the tables' owner, whom row-level security does not hold: for seeding."""
        return psycopg.connect(self.server.url, autocommit=True)

    def settle(self) -> None:
        """Vacuum, analyse and write everything down, so that a measurement begins from rest."""
        with self.owner() as owner:
            owner.execute("VACUUM ANALYZE")
            owner.execute("CHECKPOINT")

    def wal_bytes(self) -> int:
        """Return how much write-ahead log was ever written."""
        with self.owner() as owner:
            row = owner.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def running(home: Path | None = None, *, options: tuple[str, ...] = ()) -> Iterator[Stack]:
    """Start the embedded PostgreSQL as the product starts it, in a folder of its own or in `home`, which stays.

    `options` are the server's, after the product's.
    """
    # A benchmark that is stopped takes down what it started: SIGTERM alone would leave the servers.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="assidu-bench-", ignore_cleanup_errors=True) as folder:
        place = home or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
        server = EmbeddedServer(place, options=options)
        server.start()
        try:
            database = Database(Settings(home=place))
            migrations.migrate(database)
            pid = int((server.data / "postmaster.pid").read_text().split()[0])
            yield Stack(home=place, server=server, database=database, pid=pid)
            database.dispose()
        finally:
            server.stop()


@dataclass(frozen=True, kw_only=True)
class Web:
    """A running web server."""

    port: int
    pid: int


@contextmanager
def web(
    stack: Stack, application: str = "wsgi:application", *, folder: Path = ROOT, interface: str = "wsgi",
    workers: int | None = None, threads: int | None = None, options: tuple[str, ...] = (), **more: Any,
) -> Iterator[Web]:  # fmt: skip
    """Serve an application by granian as `assidu web` does; `more` are settings beside the home and the port."""
    port = free_port()
    settings = Settings(home=stack.home, port=port, **more)
    workers, threads = workers or settings.web_workers, threads or settings.web_threads
    command = [
        sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--no-ws", "--log-level", "warning", "--working-dir", str(folder), *options,
    ]  # fmt: skip
    if interface == "wsgi":
        command += ["--blocking-threads", str(threads)]
    log = (stack.home / f"web-{port}.log").open("w")
    process = subprocess.Popen(
        [*command, application], env=settings.environment(), stdout=log, stderr=log, cwd=folder, start_new_session=True
    )
    try:
        _wait_for(process, port, Path(log.name))
        yield Web(port=port, pid=process.pid)
    finally:
        _end(process)
        log.close()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = perf_counter() + _PATIENCE_SECONDS
    while perf_counter() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if probe.recv(16):
                return
        sleep(0.1)
    raise RuntimeError(f"the web server does not answer:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        # Its session is its own: nobody else's process is in its group.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
