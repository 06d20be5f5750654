"""Firebase's stand-in as benchmarks use it: a process of its own, lean, on a core of its own."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from kit.stack import ROOT


@dataclass(frozen=True, kw_only=True)
class Firebase:
    """A running stand-in."""

    url: str
    ca_file: Path
    account_file: Path
    pid: int

    @property
    def account(self) -> dict[str, Any]:
        """The service account's JSON."""
        account: dict[str, Any] = json.loads(self.account_file.read_text("utf-8"))
        return account

    @property
    def path(self) -> str:
        """Where messages are posted."""
        return f"/v1/projects/{self.account['project_id']}/messages:send"

    def counts(self) -> dict[str, int]:
        """Return what came so far: messages, different ones, repeated ones, tokens asked for, connections."""
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        with urlopen(f"{self.url}/counts", context=trust) as answer:  # noqa: S310 - https, on loopback
            counts: dict[str, int] = json.load(answer)
        return counts


@contextmanager
def playing(home: Path, *, latency_ms: float = 0, core: int | None = None) -> Iterator[Firebase]:
    """Start a stand-in whose answers take `latency_ms`, on one core if one is named."""
    command = [sys.executable, "-m", "notifications.stand_in", "--home", str(home), "--lean"]
    process = subprocess.Popen([*command, "--latency-ms", str(latency_ms)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        settings = json.loads(process.stdout.readline())
        yield Firebase(
            url=settings["ASSIDU_FIREBASE_ENDPOINT"],
            ca_file=Path(settings["ASSIDU_FIREBASE_CA_FILE"]),
            account_file=Path(settings["ASSIDU_FIREBASE_CREDENTIALS"]),
            pid=process.pid,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
