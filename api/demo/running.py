"""Running the demo: the database, the café, the web server, the worker and the phone, until Ctrl-C.

This module imports little, so that the web server's own imports begin at once; `filling` comes meanwhile.
"""

import fcntl
import http.client
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from api import serving
from api.demo import document
from api.demo.processes import Interrupts, Processes, StoppedError
from api.demo.progress import step
from app.config import Settings
from app.embedded import EmbeddedServer

ANSWER_SECONDS = 60
POLL_SECONDS = 0.02
WATCH_SECONDS = 0.5
PLACES = (("start", "/"), ("card", "/app/"), ("till", "/till/"), ("console", "/console/"), ("API", "/docs"))


@dataclass(slots=True)
class Postgres:
    """The embedded server, which is stopped only by whom it was started by: this demo, or one that was killed."""

    server: EmbeddedServer
    note: Path
    """Names the run of the server that a demo started; it outlives a demo that is killed, and so does the server."""
    is_ours: bool = False

    def start(self) -> None:
        """Start it unless it runs."""
        if self.server.start():
            self.note.write_text(self.server.run_id())
        # One home has one demo: whichever other wrote the note is gone.
        self.is_ours = self.note.exists() and self.note.read_text() == self.server.run_id()

    def stop(self) -> None:
        """Stop it if a demo of this home started it."""
        if self.is_ours:
            self.server.stop()
            self.note.unlink(missing_ok=True)


def run(settings: Settings, *, port: int | None, checks: bool) -> int:
    """Run the demo until it is interrupted, or only its check; return the exit status.

    Raises SettingsError for a port that is taken.
    """
    interrupts = Interrupts()
    interrupts.install()
    settings = replace(settings, home=settings.home.resolve())
    settings.home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            if not _claim(stack, settings.home):
                return _beside(settings, checks=checks)
            demo = Demo(stack, interrupts, _placed(settings, port, checks=checks))
            found = demo.start()
            if checks:
                return _check(found, settings)
            _show(found, demo.places())
            demo.stay()
        except KeyboardInterrupt:
            click.echo("\nStopping.")
            return 130 if checks else 0
        except StoppedError as error:
            click.echo(str(error), err=True)
        finally:
            interrupts.ignore()
    return 1


class Demo:
    """Everything that runs; what was started is stopped when the stack is left, the last first."""

    def __init__(self, stack: ExitStack, interrupts: Interrupts, settings: Settings) -> None:
        self._stack = stack
        self._interrupts = interrupts
        self._postgres = (
            None if settings.database_url else Postgres(EmbeddedServer(settings.home), settings.home / "demo.postgres")
        )
        if self._postgres is not None:
            stack.callback(self._postgres.stop)
            settings = replace(settings, database_url=self._postgres.server.url)
        self._settings = _with_wallets(settings)
        self._processes = Processes(interrupts, settings.home)
        stack.callback(self._processes.stop)

    def start(self) -> dict[str, Any]:
        """Start everything and return what the document says."""
        began = time.monotonic()
        # First of all, since its imports take longest. Its port opens when everything is there: whoever gets an answer
        # finds the café and the document.
        self._processes.start("web", self._settings)
        if self._postgres is not None:
            with step("Starting PostgreSQL"), self._interrupts.held():
                self._postgres.start()
        from api.demo import filling

        found, pushing = filling.fill(self._stack, self._settings)
        self._processes.let_serve()
        with step("Waiting for the first page"):
            self._wait_for_page()
        self._processes.start("worker", pushing)
        click.echo(f"Ready after {time.monotonic() - began:.1f} s.")
        return found

    def places(self) -> list[tuple[str, str]]:
        """Return the names and paths of the pages that this server has."""
        wanted = [*PLACES, ("join", f"/j/{document.SLUG}")]
        return [(name, path) for name, path in wanted if 0 < _status(self._settings, path) < http.client.BAD_REQUEST]

    def stay(self) -> None:
        """Stay until an interrupt; raise StoppedError when a process ends by itself."""
        while True:
            self._processes.check()
            time.sleep(WATCH_SECONDS)

    def _wait_for_page(self) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not _status(self._settings, "/"):
            self._processes.check()
            if time.monotonic() > deadline:
                raise StoppedError(f"The web server did not answer within {ANSWER_SECONDS} s.")
            time.sleep(POLL_SECONDS)


def _claim(stack: ExitStack, home: Path) -> bool:
    """Make this the one demo of its home; return False when another is."""
    lock = stack.enter_context((home / "demo.lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _beside(settings: Settings, *, checks: bool) -> int:
    found = document.read(settings.home / document.FILE)
    if found is None:
        click.echo("Another demo is just starting here: try again in a moment.", err=True)
        return 1
    if checks:
        click.echo(f"Checking the demo that runs here already, at {found['base_url']}.")
        return _check(found, settings)
    click.echo(f"A demo runs here already, at {found['base_url']}.", err=True)
    return 1


def _check(found: dict[str, Any], settings: Settings) -> int:
    from api.demo import check

    return check.run(found, settings)


def _show(found: dict[str, Any], places: list[tuple[str, str]]) -> None:
    from api.demo import printing

    printing.show(found, places)


def _placed(settings: Settings, port: int | None, *, checks: bool) -> Settings:
    """Return the settings with the port and the address that are used; raise SettingsError when the port is taken."""
    wanted = settings.port if port is None else port
    # A check needs no port in particular: what runs on the usual one does not keep it from running.
    if wanted == 0 or (checks and port is None and not serving.is_free(settings.host, wanted)):
        wanted = serving.free_port(settings.host)
    serving.check_port(settings.host, wanted)
    settings = replace(settings, port=wanted)
    return replace(settings, base_url=serving.url_of(settings))


def _with_wallets(settings: Settings) -> Settings:
    """Return settings with which every process of the demo takes stand-ins for Apple and Google.

    They are not running yet: the web server, which starts first, must know where they will be.
    """
    folder = settings.home / "wallet"
    return replace(
        settings,
        wallet_authority_file=str(folder / "apple" / "intermediate.pem"),
        apns_endpoint=f"https://localhost:{serving.free_port('127.0.0.1')}",
        apns_ca_file=str(folder / "apns" / "ca.pem"),
        google_wallet_endpoint=f"https://localhost:{serving.free_port('127.0.0.1')}",
        google_wallet_ca_file=str(folder / "google" / "ca.pem"),
    )


def _status(settings: Settings, path: str) -> int:
    """Return the status that the server answers with, 0 where it does not answer yet."""
    # Asked where it listens: the address for people may be a proxy's.
    place = urlsplit(serving.url_of(replace(settings, base_url="")))
    assert place.hostname is not None
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
