"""The contestants of the push benchmark, each a process of its own on one core, against the same stand-in."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers.push_messages import LINK, parts

from kit.firebase import Firebase
from kit.stack import BENCHMARKS, ROOT
from notifications.channels.protocol import OutgoingMessage
from notifications.channels.push import PushChannel
from notifications.channels.push_bodies import encode

BATCH = 1000
THREADS = 2


@dataclass(kw_only=True)
class Sender:
    """The rounds of one contestant: messages a second, CPU seconds for each 1,000, memory."""

    name: str
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    mb: list[float] = field(default_factory=list)

    def note(self, count: int, seen: dict[str, float]) -> None:
        """Keep a round; raise RuntimeError when not all messages were taken."""
        if seen["sent"] != count:
            raise RuntimeError(f"{self.name}: {seen['sent']} of {count} sent")
        self.rates.append(count / seen["elapsed"])
        self.cpu.append(seen["cpu"] * 1000 / count)
        self.mb.append(seen.get("mb", 0.0))


class Round:
    """Where a round is run: which core is the client's, and the numbers of messages that were not used yet."""

    def __init__(self, firebase: Firebase, *, core: int | None, node_modules: Path | None) -> None:
        self.firebase, self._core, self._node_modules = firebase, core, node_modules
        self._next = 0

    def ours(self, sender: Sender, count: int, *, batch: int = BATCH, threads: int = THREADS) -> None:
        """Send by our channel."""
        sender.note(count, self._python("push_ours.py", count, batch, threads))

    def firebase_admin(self, sender: Sender, count: int) -> None:
        """Send by firebase-admin's `send_each`."""
        sender.note(count, self._python("push_firebase_admin.py", count))

    def node(self, sender: Sender, count: int) -> None:
        """Send by node's firebase-admin."""
        arguments = [self.firebase.url, self.firebase.ca_file, self._token(), self.firebase.account["project_id"]]
        command = ["node", BENCHMARKS / "peers/push_node.js", *arguments, self._take(count), count]
        sender.note(count, json.loads(self._run(command)))

    def h2load(self, sender: Sender, count: int) -> None:
        """Post one body again and again by h2load: as many connections and streams as ours."""
        body = self.firebase.ca_file.parent / "body.json"
        body.write_bytes(_body())
        url = self.firebase.url.replace("localhost", "127.0.0.1") + self.firebase.path
        command = [
            "h2load", "-n", count, "-c", 10, "-m", 100, "-t", 1, "-d", body, "-H", "content-type: application/json",
            "-H", f"authorization: Bearer {self._token()}", url,
        ]  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = self._run(command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        finished = re.search(r"finished in ([0-9.]+)(ms|s|us), ([0-9.]+) req/s", text)
        taken = re.search(r"status codes: (\d+) 2xx", text)
        if finished is None or taken is None:
            raise RuntimeError(f"h2load said: {text}")
        sender.note(count, {"elapsed": count / float(finished[3]), "cpu": cpu, "sent": float(taken[1])})

    def has_node(self) -> bool:
        """Say whether node and its firebase-admin are here."""
        modules = self._node_modules
        return bool(shutil.which("node")) and modules is not None and (modules / "firebase-admin").is_dir()

    def _token(self) -> str:
        channel = PushChannel(self.firebase.account, endpoint=self.firebase.url, ca_file=self.firebase.ca_file)
        try:
            return channel.access_token()
        finally:
            channel.close()

    def _take(self, count: int) -> int:
        first, self._next = self._next, self._next + count + BATCH
        return first

    def _python(self, script: str, count: int, *more: int) -> dict[str, float]:
        firebase = self.firebase
        arguments = [firebase.url, firebase.ca_file, firebase.account_file, self._take(count), count, *more]
        seen: dict[str, float] = json.loads(self._run([sys.executable, BENCHMARKS / "peers" / script, *arguments]))
        return seen

    def _run(self, command: list[Any]) -> str:
        environment = {
            **os.environ,  # noqa: TID251 - for a process that is no part of the product
            "PYTHONPATH": f"{ROOT}:{BENCHMARKS}",
            "REQUESTS_CA_BUNDLE": str(self.firebase.ca_file),
            "NODE_PATH": str(self._node_modules or ""),
        }
        core = self._core
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=300, check=False,
            preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if core is not None else None,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout


def _body() -> bytes:
    made = parts(1)
    return encode(
        OutgoingMessage(
            delivery_id=made["id"], address=made["address"], title=made["title"], body=made["body"],
            data=made["data"], link=LINK, analytics_label="autumn",
        )
    )  # fmt: skip
