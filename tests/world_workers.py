"""Workers as processes of their own, on a test's database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings

MAIN = """
import sys
from app.config import Settings
from notifications.worker import main
sys.exit(main(Settings.from_env()))
"""

Start = Callable[..., subprocess.Popen[bytes]]


@contextmanager
def workers(
    settings: Settings, folder: Path, environment: Mapping[str, str], *, main: str = MAIN, patience_seconds: float = 30
) -> Iterator[Start]:
    """Give what starts a worker, with more of `environment` by keyword; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []
    whole = {
        "ASSIDU_HOME": str(folder),
        "DATABASE_URL": settings.database_url,
        "ASSIDU_DATABASE_ROLE_PREFIX": settings.database_role_prefix,
        "ASSIDU_SECRET_KEY": settings.secret_key,
        **environment,
    }

    def start(**more: str) -> subprocess.Popen[bytes]:
        log = folder / f"worker-{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-c", main], env=whole | more, stdout=output, stderr=output)
        started.append(process)
        # Before that line a signal ends the interpreter as it starts, with nothing in hand.
        wait_for(lambda: b"worker_started" in log.read_bytes(), patience_seconds)
        return process

    try:
        yield start
    finally:
        for process in started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()
        # Shown by pytest where a test failed.
        sys.stdout.writelines(log.read_text()[-2000:] for log in sorted(folder.glob("worker-*.log")))


def wait_for(happened: Callable[[], bool], patience_seconds: float) -> None:
    """Wait until it happened; fail when it does not."""
    deadline = time.monotonic() + patience_seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
