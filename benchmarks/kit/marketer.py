"""A marketer at work over HTTP on a large campaign, and what is seen meanwhile: the phones, the rows, the memory."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID

import psycopg

from app import ids
from app.db import Database
from app.models import ApiKey, Program
from kit import machine
from kit.campaigns import CONTENT
from kit.firebase import Firebase
from kit.seed import Programme

TEXTS = CONTENT | {"fr": CONTENT["en"]}
"""The programme speaks French too."""
POLL_SECONDS = 0.02
MEMORY_SECONDS = 0.25
QUIET_SECONDS = 4.0
"""How long no message must have come for the last to be the last: twice what a stop may take."""
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Marketer:
    """Who writes, schedules and stops campaigns, with a key that may do so."""

    port: int
    key: str

    @classmethod
    def hired(cls, database: Database, programme: Programme, *, port: int) -> "Marketer":
        """Return one of a programme in which nobody else has to approve."""
        key = f"ask_live_{ids.secret_text()}"
        with database.transaction(programme.id) as session:
            session.get_one(Program, programme.id).campaign_settings = {"approval_above": None}
            session.add(ApiKey(name="Marketing", key_hash=ids.digest(key), hint=key[-4:], scopes=["setup"]))
        return cls(port=port, key=key)

    def write(self, **fields: Any) -> str:
        """Write a campaign to everybody by push; return its public id."""
        body = {
            "name": "Autumn", "channels": ["push"], "variants": [{"name": "A", "content": TEXTS}],
            "caps": {"messages": 100, "days": 7},
        } | fields  # fmt: skip
        return str(self._post("campaigns", body)["id"])

    def schedule(self, campaign: str) -> float:
        """Let a campaign go now; return how many seconds the answer took."""
        began = perf_counter()
        status = self._post(f"campaigns/{campaign}/schedule", {"confirm_all": True})["status"]
        if status != "scheduled":
            raise RuntimeError(f"the campaign is {status}")
        return perf_counter() - began

    def stop(self, campaign: str, how: str) -> float:
        """`pause`, `resume` or `cancel`; return how many seconds the answer took."""
        began = perf_counter()
        self._post(f"campaigns/{campaign}/{how}", None)
        return perf_counter() - began

    def _post(self, path: str, body: Any) -> Any:
        request = Request(
            f"http://127.0.0.1:{self.port}/v1/{path}", method="POST",
            data=b"" if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Idempotency-Key": ids.new_id().hex}
            | ({} if body is None else {"Content-Type": "application/json"}),
        )  # fmt: skip
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as error:
            raise RuntimeError(f"{path}: {error.code} {error.read().decode()}") from None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is looked at while a campaign runs."""

    firebase: Firebase
    owner: psycopg.Connection

    def arrived(self) -> int:
        """Return how many messages came to phones so far."""
        return self.firebase.counts()["arrivals"]

    def until_first(self, before: int) -> float:
        """Wait for a message beyond `before`; return how many seconds that took."""
        return wait_for(lambda: self.arrived() > before)

    def until_silent(self) -> tuple[float, int]:
        """Wait until nothing comes any more; return after how many seconds the last came, and how many did."""
        began = last = perf_counter()
        first = count = self.arrived()
        while perf_counter() - last < QUIET_SECONDS:
            seen = self.arrived()
            if seen > count:
                count, last = seen, perf_counter()
            sleep(POLL_SECONDS)
        return last - began, count - first

    def until_made(self, campaign: str) -> float:
        """Wait until every row exists; return the seconds from the run's beginning, on the database's clock."""
        query = (
            "SELECT extract(epoch FROM made_at - created_at)::float FROM campaign_run"
            " WHERE campaign_id = %s AND made_at IS NOT NULL"
        )
        wait_for(lambda: self.owner.execute(query, [_id(campaign)]).fetchone() is not None, every=0.1)
        row = self.owner.execute(query, [_id(campaign)]).fetchone()
        assert row is not None
        return float(row[0])

    def until_settled(self, campaign: str) -> float:
        """Wait until a cancelled campaign's rows are settled; return how many seconds that took."""
        query = "SELECT FROM campaign_run WHERE campaign_id = %s AND finished_at IS NOT NULL"
        return wait_for(lambda: self.owner.execute(query, [_id(campaign)]).fetchone() is not None, every=0.1)

    def rows(self, campaign: str) -> int:
        """Return how many rows a campaign has."""
        row = self.owner.execute(
            "SELECT count(*) FROM campaign_delivery WHERE campaign_id = %s", [_id(campaign)]
        ).fetchone()
        assert row is not None
        return int(row[0])


def wait_for(true: Callable[[], bool], *, every: float = POLL_SECONDS) -> float:
    """Wait until something is true; return how many seconds that took. Raises RuntimeError when it never is."""
    began = perf_counter()
    while not true():
        if perf_counter() - began > PATIENCE_SECONDS:
            raise RuntimeError("waited in vain")
        sleep(every)
    return perf_counter() - began


def _id(campaign: str) -> UUID:
    return ids.parse("campaign", campaign)


@dataclass
class Memory:
    """Megabytes that a process used at most, as long as it was looked at, and the hungriest of a family beside it."""

    own: list[float] = field(default_factory=list)
    hungriest: float = 0.0

    @property
    def peak(self) -> float:
        """The most of all samples."""
        return max(self.own)


@contextmanager
def remembered(pid: int, *, database: int) -> Iterator[Memory]:
    """Look at a worker's resident memory, and at its database's backends' private memory, while the block runs."""
    memory, stop = Memory(), threading.Event()

    def look() -> None:
        while not stop.wait(MEMORY_SECONDS):
            memory.own.append(_megabytes(pid, "VmRSS"))
            for one in machine.family(database):
                with suppress(OSError, IndexError):
                    memory.hungriest = max(memory.hungriest, _megabytes(one, "RssAnon"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()


def _megabytes(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024
