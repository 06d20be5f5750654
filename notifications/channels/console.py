"""The console channel: keeps messages as lines of JSON in a file, for development, tests and one-time codes."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app import clock, ids
from app.config import Settings
from notifications.channels.protocol import CHANNELS, OutgoingMessage, SendResult


class OutboxFile:
    """A file of JSON lines that any number of threads and processes append to. Only its owner can read it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add `record` and the time as one line, whole or not at all; raise OSError when the disk does not take it.

        One `write` to a file opened with O_APPEND is not mixed with another's (POSIX, local file systems).
        """
        line = json.dumps({"at": clock.now().isoformat(), **record}, ensure_ascii=False) + "\n"
        data = line.encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{self.path} took a part of a line only: is the disk full?")
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, Any]]:
        """Return all records, oldest first; none when nothing was ever appended."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


class ConsoleChannel:
    """Sends nothing: each message becomes a line in the outbox file."""

    kind = "console"

    def __init__(self, outbox: OutboxFile) -> None:
        self.outbox = outbox

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Append each message to the outbox."""
        return [self._keep(message) for message in messages]

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, message: OutgoingMessage) -> SendResult:
        self.outbox.append(
            {
                "channel": self.kind,
                "delivery_id": ids.show("delivery", message.delivery_id),
                "address": message.address,
                "address_kind": message.address_kind,
                "platform": message.platform,
                "title": message.title,
                "body": message.body,
                "link": message.link,
                "data": dict(message.data),
            }
        )
        return SendResult(outcome="sent", provider_id=f"{self.kind}/{message.collapse_id}")


@CHANNELS.register("console")
def open_console(settings: Settings) -> ConsoleChannel:
    """Open the channel on the outbox file under `ASSIDU_HOME`."""
    return ConsoleChannel(OutboxFile(settings.outbox_file))
