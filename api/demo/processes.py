"""The processes that the demo starts: each under its own process id, and all of them ended however the demo ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app.config import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_SECONDS = 15


class StoppedError(Exception):
    """A process that should run has ended; the message names its log."""


class Interrupts:
    """Turns the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, and ignores more: ending is under way then."""

    def __init__(self) -> None:
        self._came = False
        self._holding = False

    def install(self) -> None:
        """Take the signals over."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """Let no signal cut the clearing up."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let the block finish before an interrupt is raised: what it starts must be known to be stopped."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._came:
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.ignore()
        self._came = True
        if not self._holding:
            raise KeyboardInterrupt


@dataclass(frozen=True, slots=True)
class Started:
    """A process of ours and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Processes:
    """Commands of `assidu` that run beside the demo."""

    def __init__(self, interrupts: Interrupts, logs: Path) -> None:
        self._interrupts = interrupts
        self._logs = logs
        self._started: list[Started] = []

    def start(self, command: str, settings: Settings) -> None:
        """Start `assidu COMMAND` with these settings; its output goes to a log file of that name.

        It ends when this process does, even by SIGKILL: `child` reads the other end of its standard input.
        """
        log = self._logs / f"{command}.log"
        with self._interrupts.held(), log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own program
                # -P: the current folder may hold somebody's own package `app`.
                [sys.executable, "-P", "-m", "api.demo.child", command],
                env=settings.environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                # Ctrl-C in a terminal goes to every process there; ours are ended by us, in order.
                start_new_session=True,
            )
            self._started.append(Started(command, process, log))

    def let_serve(self) -> None:
        """Tell the web server to open its port; one that has ended is found by `check`."""
        for started in self._started:
            if started.name == "web" and started.process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    started.process.stdin.write(b"\n")
                    started.process.stdin.flush()

    def check(self) -> None:
        """Raise StoppedError when one of them has ended."""
        for started in self._started:
            status = started.process.poll()
            if status is not None:
                raise StoppedError(
                    f"`assidu {started.name}` ended with {status}; its last words, from {started.log}:\n"
                    + "\n".join(started.log.read_text(errors="replace").splitlines()[-15:])
                )

    def stop(self) -> None:
        """End all of them: SIGTERM, and after a while SIGKILL."""
        for started in self._started:
            started.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for started in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.process.wait(max(0.0, deadline - time.monotonic()))
            # Its group is its own: whatever it left behind goes too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.process.pid, signal.SIGKILL)
            started.process.wait()
            if started.process.stdin is not None:
                started.process.stdin.close()
        self._started.clear()
