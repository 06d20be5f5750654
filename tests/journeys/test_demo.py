"""`assidu demo` as a person runs it: started, checked, found again, and ended, even by SIGKILL, without a trace."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api import serving
from app.config import Settings
from app.embedded import EmbeddedServer
from wallet import qr

PATIENCE_SECONDS = 300
POLL_SECONDS = 0.05

# One process runs them all: they share one demo, and each process that runs some of them needs one of its own.
pytestmark = pytest.mark.xdist_group("demo")


def wait_until(met: Callable[[], object], state: Callable[[], object]) -> None:
    """Return as soon as `met()` is true; fail and show `state()` when it is not for far too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met():
        assert time.monotonic() < deadline, state()
        time.sleep(POLL_SECONDS)


class Demo:
    """The demo of one home, with an embedded PostgreSQL of its own, in its own process; not started yet."""

    def __init__(self, home: Path) -> None:
        self.home = home
        port = serving.free_port("127.0.0.1")
        self.environment = Settings(home=home, port=port, web_workers=1).environment() | {"PYTHONUNBUFFERED": "1"}
        self.postgres = EmbeddedServer(home)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def document(self) -> dict[str, Any]:
        """What the demo says for programs."""
        found: dict[str, Any] = json.loads((self.home / "demo.json").read_text())
        return found

    @property
    def shown(self) -> str:
        """What the demo's terminal has shown since it was last started."""
        return (self.home / "terminal").read_text()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it has shown everything."""
        with (self.home / "terminal").open("wb") as terminal:
            self._process = subprocess.Popen(
                self._command(), env=self.environment, stdin=subprocess.DEVNULL, stdout=terminal,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: "\nCtrl-C" in self.shown or not self.is_running, lambda: self.shown)
        assert self.is_running, self.shown

    def files_at_the_first_answer(self) -> set[str]:
        """Wait until the port answers; return the names of the files that are in the home then."""

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.environment['PORT']}/healthz", timeout=30):
                    return True
            except OSError:
                return False

        wait_until(answers, lambda: self.shown)
        return {path.name for path in self.home.iterdir()}

    def end(self, number: signal.Signals) -> int:
        """Send it a signal and return its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_SECONDS)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run another `assidu demo` to its end, in the same home unless the environment says otherwise."""
        return subprocess.run(
            self._command(*arguments), env=self.environment | environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def left_over(self) -> list[str]:
        """Return the command lines of processes with this home in their environment: of all that it has started."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and f"ASSIDU_HOME={self.home}\0".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it has just ended, or is somebody else's
        return found

    def leaves_nothing(self) -> None:
        """Wait until everything that it started is gone; fail when something stays."""
        wait_until(lambda: not self.left_over(), self.left_over)
        assert self.postgres.run_id() == ""
        assert not self.postgres.socket_folder.exists()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "api.cli", "demo", *arguments]


@contextmanager
def new_demo() -> Iterator[Demo]:
    """Give a demo with a new home; at the end of the block neither is left."""
    # Not in pytest's folders: each run of pytest closes them to PostgreSQL's user, which is another than root.
    with tempfile.TemporaryDirectory(prefix="assidu-demo-", ignore_cleanup_errors=True) as home:
        made = Demo(Path(home).resolve())
        try:
            yield made
        finally:
            if made.is_running:
                made.end(signal.SIGTERM)
            made.postgres.stop()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo of this file; one that was ended is started again by whichever test wants it to run."""
    with new_demo() as made:
        yield made


@pytest.fixture
def running(demo: Demo) -> Demo:
    """The demo, running."""
    if not demo.is_running:
        demo.start()
    return demo


@pytest.fixture
def ended(running: Demo) -> Demo:
    """The demo after a run that was ended in order."""
    assert running.end(signal.SIGTERM) == 0
    return running


def test_the_terminal_and_the_document_say_the_same(running: Demo) -> None:
    said = running.document
    for text in (said["base_url"], said["till_api_key"], said["member"]["code"], said["phone"]["url"]):
        assert text in running.shown
    for who in said["staff"].values():
        assert f"{who['email']}   {who['password']}" in running.shown
    assert qr.terminal(said["member"]["code"], colour=False) in running.shown


def test_the_document_has_what_programs_need_and_is_its_owners_alone(running: Demo) -> None:
    said = running.document
    assert {"base_url", "program", "stores", "staff", "till_api_key", "purses", "rewards"} <= said.keys()
    assert set(said["staff"]) == {"owner", "marketer", "cashier"}
    assert [store["name"] for store in said["stores"]] == ["Bastille", "Nation"]
    assert {purse["kind"] for purse in said["purses"]} == {"points", "stamps"}
    assert stat.S_IMODE((running.home / "demo.json").stat().st_mode) == 0o600


def test_the_main_job_works_beside_a_running_demo(running: Demo) -> None:
    done = running.run("--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\nok ") == 12


def test_one_home_holds_one_demo(running: Demo) -> None:
    done = running.run()
    assert (done.returncode, done.stdout) == (1, "")
    assert running.document["base_url"] in done.stderr


def test_a_port_that_is_taken_is_named_and_nothing_is_left(running: Demo, tmp_path: Path) -> None:
    done = running.run(ASSIDU_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: PORT is not usable")
    assert not (tmp_path / "postgres").exists()


def test_the_first_run_shows_its_steps_and_answers_when_its_document_is_there() -> None:
    with new_demo() as first, ThreadPoolExecutor(1) as beside:
        found = beside.submit(first.files_at_the_first_answer)
        first.start()
        assert {"demo.json", "outbox.jsonl"} <= found.result()
        assert re.search(r"^Making Café Assidu.*… \d+\.\d s$", first.shown, re.MULTILINE)
        assert re.search(r"^Ready after \d+\.\d s\.$", first.shown, re.MULTILINE)


def test_ctrl_c_ends_everything_that_was_started(running: Demo) -> None:
    # The demo, the web server and its worker process, the worker, PostgreSQL.
    wait_until(lambda: len(running.left_over()) >= 5, running.left_over)
    assert running.end(signal.SIGINT) == 0
    running.leaves_nothing()


def test_a_second_run_keeps_the_data_and_the_passwords(ended: Demo) -> None:
    before = ended.document
    ended.start()
    assert "Making Café Assidu" not in ended.shown
    same = ("program", "stores", "staff", "till_api_key", "purses", "rewards", "member")
    assert {name: ended.document[name] for name in same} == {name: before[name] for name in same}


def test_a_killed_demo_takes_its_children_with_it_and_the_next_takes_over_the_database(running: Demo) -> None:
    before, database = running.document["program"], running.postgres.run_id()
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: all("postgres" in one for one in running.left_over()), running.left_over)
    assert running.postgres.run_id() == database
    running.start()
    assert running.document["program"] == before
    assert running.postgres.run_id() == database
    done = running.run("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.end(signal.SIGTERM) == 0
    running.leaves_nothing()


def test_a_lost_document_gets_new_passwords_that_work(ended: Demo) -> None:
    before = ended.document
    (ended.home / "demo.json").unlink()
    done = ended.run("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ended.document["program"] == before["program"]
    assert ended.document["staff"]["owner"]["password"] != before["staff"]["owner"]["password"]


def test_a_check_that_fails_says_which_step(ended: Demo) -> None:
    found = ended.document
    before = json.dumps(found)
    found["staff"]["owner"]["password"] = "not the password"
    (ended.home / "demo.json").write_text(json.dumps(found))
    done = ended.run("--check")
    (ended.home / "demo.json").write_text(before)
    assert done.returncode == 1
    assert done.stderr.startswith("FAILED  The shop's owner signs in\n")
    assert os.sep not in done.stdout.splitlines()[-1]
