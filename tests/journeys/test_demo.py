"""`assidu demo` as a person runs it: started, checked, found again, and ended by Ctrl-C without a trace."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.db import Database
from wallet import qr

PATIENCE_SECONDS = 120

# One process runs them all, in order: they share one demo.
pytestmark = pytest.mark.xdist_group("demo")


class Demo:
    """A demo in its own process, on the test's database and in a home of its own."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self.home = home
        self.environment = replace(settings, home=home, web_workers=1).environment() | {"PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            self._command("--port", "0"),
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.shown = self._read_until("Ctrl-C")

    @property
    def document(self) -> dict[str, Any]:
        """What the demo says for programs."""
        found: dict[str, Any] = json.loads((self.home / "demo.json").read_text())
        return found

    def beside(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `assidu demo` in the same home."""
        return subprocess.run(
            self._command(*arguments), env=self.environment, capture_output=True, text=True, check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def left_over(self) -> list[str]:
        """Return the command lines of processes that still have this demo's home in their environment."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and f"ASSIDU_HOME={self.home}\0".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it has just ended, or is somebody else's
        return found

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "api.cli", "demo", *arguments]

    def _read_until(self, beginning: str) -> str:
        lines = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith(beginning) or time.monotonic() > deadline:
                break
        return "".join(lines)


@pytest.fixture(scope="module")
def demo(settings: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for the tests of this file, in the order in which they stand."""
    assert database  # migrated
    started = Demo(settings, tmp_path_factory.mktemp("demo"))
    yield started
    started.process.terminate()
    started.process.wait(PATIENCE_SECONDS)
    assert started.process.stdout is not None
    started.process.stdout.close()


def test_the_terminal_and_the_document_say_the_same(demo: Demo) -> None:
    said = demo.document
    for text in (said["base_url"], said["till_api_key"], said["member"]["code"], said["phone"]["url"]):
        assert text in demo.shown
    for who in said["staff"].values():
        assert f"{who['email']}   {who['password']}" in demo.shown
    assert qr.terminal(said["member"]["code"], colour=False) in demo.shown


def test_the_document_has_what_programs_need_and_is_its_owners_alone(demo: Demo) -> None:
    said = demo.document
    assert {"base_url", "program", "stores", "staff", "till_api_key", "purses", "rewards"} <= said.keys()
    assert set(said["staff"]) == {"owner", "marketer", "cashier"}
    assert [store["name"] for store in said["stores"]] == ["Bastille", "Nation"]
    assert {purse["kind"] for purse in said["purses"]} == {"points", "stamps"}
    assert stat.S_IMODE((demo.home / "demo.json").stat().st_mode) == 0o600


def test_steps_are_shown_with_their_time(demo: Demo) -> None:
    assert re.search(r"^Making Café Assidu.*… \d+\.\d s$", demo.shown, re.MULTILINE)
    assert re.search(r"^Ready after \d+\.\d s\.$", demo.shown, re.MULTILINE)


def test_the_main_job_works_beside_a_running_demo(demo: Demo) -> None:
    done = demo.beside("--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\nok ") == 11


def test_one_home_holds_one_demo(demo: Demo) -> None:
    done = demo.beside()
    assert (done.returncode, done.stdout) == (1, "")
    assert demo.document["base_url"] in done.stderr


def test_a_port_that_is_taken_is_named_and_nothing_is_left(demo: Demo, tmp_path: Path) -> None:
    port = demo.document["base_url"].rpartition(":")[2]
    environment = demo.environment | {"ASSIDU_HOME": str(tmp_path), "PORT": port}
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: PORT is not usable")


def test_ctrl_c_ends_everything_that_was_started(demo: Demo) -> None:
    assert len(demo.left_over()) >= 4  # the demo, the web server and its worker process, the worker
    assert demo.end(signal.SIGINT) == 0
    assert demo.left_over() == []


def test_a_second_run_keeps_the_data_and_the_passwords(demo: Demo, settings: Settings) -> None:
    before = demo.document
    again = Demo(settings, demo.home)
    assert "Making Café Assidu" not in again.shown
    same = ("program", "stores", "staff", "till_api_key", "purses", "rewards", "member")
    assert {name: again.document[name] for name in same} == {name: before[name] for name in same}
    assert again.end(signal.SIGTERM) == 0
    assert again.left_over() == []
    assert again.process.stdout is not None
    again.process.stdout.close()


def test_a_lost_document_gets_new_passwords_that_work(demo: Demo, settings: Settings) -> None:
    before = demo.document
    (demo.home / "demo.json").unlink()
    environment = replace(settings, home=demo.home, web_workers=1).environment()
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo", "--check"], env=environment, capture_output=True, text=True,
        check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert demo.document["program"] == before["program"]
    assert demo.document["staff"]["owner"]["password"] != before["staff"]["owner"]["password"]


def test_a_check_that_fails_says_which_step(demo: Demo, settings: Settings) -> None:
    found = demo.document
    found["staff"]["owner"]["password"] = "not the password"
    (demo.home / "demo.json").write_text(json.dumps(found))
    environment = replace(settings, home=demo.home, web_workers=1).environment()
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo", "--check"], env=environment, capture_output=True, text=True,
        check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("FAILED  The shop's owner signs in\n")
    assert os.sep not in done.stdout.splitlines()[-1]
