"""The phones: what each address would show, with a second copy replacing the first as on a real screen."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import clock
from notifications.channels.console import OutboxFile

SHOWN_MAX = 50
"""An older message leaves the screen when there are more."""


@dataclass
class Shown:
    """One message on a screen; `copies` counts how often it came."""

    key: str
    name: str
    at: str
    title: str
    body: str
    link: str
    data: dict[str, str]
    copies: int = 1


class Phones:
    """All screens, by address, in memory, and each arrival as a line in `phone.jsonl`.

    With `counting` nothing but numbers is kept: how often each message came, by address and collapse key.
    """

    def __init__(self, log: Path, *, counting: bool = False) -> None:
        self._log = OutboxFile(log)
        self._counts: Counter[tuple[str, str]] | None = Counter() if counting else None
        self._lock = threading.Lock()
        self._screens: dict[str, OrderedDict[str, Shown]] = {}
        self.arrivals = 0

    def show(self, message: Mapping[str, Any], name: str) -> None:
        """Take one message from the wire; one with the same tag or collapse id replaces the one that is shown."""
        address = str(message.get("token") or message.get("fid") or message.get("topic") or message["condition"])
        if self._counts is not None:
            self._counts[address, _collapse_key(message) or name] += 1
            self.arrivals += 1
            return
        data = dict(message.get("data", {}))
        notification = message.get("notification", {})
        shown = Shown(
            key=_collapse_key(message) or name,
            name=name,
            at=clock.now().isoformat(),
            title=str(notification.get("title", "")),
            body=str(notification.get("body", "")),
            link=str(data.get("link", "")),
            data=data,
        )
        with self._lock:
            screen = self._screens.setdefault(address, OrderedDict())
            before = screen.pop(shown.key, None)
            shown.copies += before.copies if before else 0
            screen[shown.key] = shown
            if len(screen) > SHOWN_MAX:
                screen.popitem(last=False)
            self.arrivals += 1
        self._log.append({"address": address, "replaced": before is not None, **vars(shown)})

    def counts(self) -> dict[str, int]:
        """Return how many messages came, how many different ones, and how many came again."""
        with self._lock:
            if self._counts is not None:
                distinct = len(self._counts)
            else:
                distinct = sum(len(screen) for screen in self._screens.values())
            return {"arrivals": self.arrivals, "distinct": distinct, "duplicates": self.arrivals - distinct}

    def screen(self, address: str) -> list[Shown]:
        """Return what an address shows, newest first."""
        with self._lock:
            return list(reversed(self._screens.get(address, OrderedDict()).values()))

    def addresses(self) -> dict[str, int]:
        """Return how many messages each address shows."""
        with self._lock:
            return {address: len(screen) for address, screen in self._screens.items()}


def _collapse_key(message: Mapping[str, Any]) -> str:
    """Return what collapses on this message's phone: Android's tag, Apple's collapse id, a browser's tag."""
    android = message.get("android", {}).get("notification", {}).get("tag", "")
    apple = message.get("apns", {}).get("headers", {}).get("apns-collapse-id", "")
    web = message.get("webpush", {}).get("notification", {}).get("tag", "")
    return str(android or apple or web)
