"""The web server: granian, in front of `wsgi.application`; and the ports and the database that it needs."""

import importlib
import importlib.util
import pkgutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api import resources
from app import ids
from app.config import Settings, SettingsError, keep_metrics_in
from app.embedded import EmbeddedServer

FIRST_PORT, PORTS = 20_000, 12_000
"""Where a free port is looked for: above most services, below the ephemeral ports of Linux (32768) and others."""
KILL_SECONDS = 30
"""How long requests in hand may take after SIGTERM."""


def serve(settings: Settings, *, wait: Callable[[], object] | None = None) -> None:
    """Serve HTTP until SIGTERM or SIGINT; raise SettingsError when the port is taken.

    Each worker reads the settings again from the environment, which must say the same as `settings`. With `wait`, all
    is imported first, and the port is opened when it returns.
    """
    port = settings.port or free_port(settings.host)
    check_port(settings.host, port)
    # Before prometheus-client is imported, which looks once.
    keep_metrics_in(settings.home / "metrics")
    # Imported before the workers are forked, so that they share it; connections are made by each for itself.
    for name in ("api.app", *(found.name for found in pkgutil.iter_modules(resources.__path__, "api.resources."))):
        importlib.import_module(name)
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    application = _application_file()
    if wait is not None:
        wait()
    # By its file, not by its name: a name would be looked for in the current folder first.
    Server(
        f"{application}:application",
        working_dir=application.parent,
        address=settings.host,
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=KILL_SECONDS,
        log_level=LogLevels(settings.log_level),
    ).serve()


def free_port(host: str) -> int:
    """Return a port that nobody uses on `host`, to be used later.

    It is below those that the system gives to whoever asks for any: nobody's connection takes it in the meantime.
    """
    begin = int.from_bytes(ids.secret_bytes(4)) % PORTS
    places = (FIRST_PORT + (begin + step) % PORTS for step in range(PORTS))
    found = next((place for place in places if is_free(host, place)), None)
    if found is None:
        raise SettingsError(f"no port is free on {host}")
    return found


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there now."""
    with closing(_socket(host)) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def check_port(host: str, port: int) -> None:
    """Raise SettingsError when a server cannot listen there."""
    if not is_free(host, port):
        raise SettingsError(f"PORT is not usable: {port} on {host} is taken, or not yours; choose another")


def url_of(settings: Settings) -> str:
    """Return the address under which people reach the web server."""
    if settings.base_url:
        return settings.base_url
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - read, not bound
    return f"http://{host}:{settings.port}"


@contextmanager
def database_running(settings: Settings) -> Iterator[None]:
    """Start the embedded PostgreSQL unless `DATABASE_URL` names another or it runs; stop it if this started it."""
    if settings.database_url:
        yield
        return
    server = EmbeddedServer(settings.home)
    started = server.start()
    try:
        yield
    finally:
        if started:
            server.stop()


def _application_file() -> Path:
    found = importlib.util.find_spec("wsgi")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


def _socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # As granian does: a port whose last connections are closing is free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe
