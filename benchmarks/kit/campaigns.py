"""A whole campaign: from its hour to the last outcome in PostgreSQL, by real workers, against the stand-in."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from uuid import UUID

import psycopg

from app import clock
from app.config import Settings
from app.models import Campaign
from kit import machine
from kit.firebase import Firebase
from kit.seed import Programme
from kit.stack import ROOT, Stack

PATIENCE_SECONDS = 300
_numbers = itertools.count()
POLL_SECONDS = 0.1
CONTENT = {
    "en": {
        "title": 'A coffee on us, {{ first_name | "friend" }}',
        "body": "Hello {{ first_name }}, come by until Sunday: the next coffee is ours. See you at {{ program }}!",
        "link": "https://cafe.example/offers/autumn",
    }
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one campaign took. `first_seconds` and `seconds` run from the instant that it was due."""

    sent: int
    states: dict[str, int]
    first_seconds: float
    seconds: float
    worker_cpu: float
    database_cpu: float
    worker_mb: float

    @property
    def rate(self) -> float:
        """Members a second, from due to recorded."""
        return self.sent / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds for 1,000 members, of workers and database together."""
        return (self.worker_cpu + self.database_cpu) * 1000 / self.sent


def make_audience(owner: psycopg.Connection, programme: Programme, *, members: int, phones: str = "phone") -> None:
    """Make members with a phone each who agreed to pushes of offers, straight into the tables.

    `phones` is what the addresses of their phones begin with.
    """
    owner.execute("DROP TABLE IF EXISTS person")
    owner.execute(
        "CREATE TEMP TABLE person AS SELECT n, uuidv7() AS customer_id, uuidv7() AS member_id"
        " FROM generate_series(1, %s) n",
        [members],
    )
    for statement in _AUDIENCE:
        owner.execute(statement, {"program": programme.id, "phones": phones})


_AUDIENCE = (
    (
        "INSERT INTO customer (id, created_at, first_name, locale, email)"
        " SELECT customer_id, now(), 'Marie', 'en', customer_id || '@mail.example' FROM person ORDER BY n"
    ),
    (
        "INSERT INTO device (id, created_at, customer_id, address_kind, address, platform, last_contact_at, timezone)"
        " SELECT uuidv7(), now(), customer_id, 'token', %(phones)s || n || ':APA91b' || repeat('x', 120), 'android',"
        " now(), 'Europe/Paris' FROM person ORDER BY n"
    ),
    (
        "INSERT INTO member (id, created_at, joined_at, program_id, customer_id, first_name, locale)"
        " SELECT member_id, now(), now(), %(program)s, customer_id, 'Marie', 'en' FROM person ORDER BY n"
    ),
    (
        "INSERT INTO consent (id, created_at, program_id, member_id, channel, purpose, granted, source)"
        " SELECT uuidv7(), now(), %(program)s, member_id, 'push', 'offers', true, 'app' FROM person ORDER BY n"
    ),
)


@contextmanager
def workers(running: Stack, firebase: Firebase, count: int) -> Iterator[list[int]]:
    """Run so many workers; yield their process ids once they work."""
    settings = Settings(
        home=running.home, push_channel="push", firebase_endpoint=firebase.url, firebase_ca_file=str(firebase.ca_file),
        firebase_credentials=str(firebase.account_file), firebase_messages_per_minute=10_000_000,
    )  # fmt: skip
    with ExitStack() as stack:
        yield [stack.enter_context(_worker(running, settings)) for _ in range(count)]


@contextmanager
def _worker(running: Stack, settings: Settings) -> Iterator[int]:
    log = running.home / f"worker-{next(_numbers)}.log"
    command = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", "worker"]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=settings.environment(), stdout=out, stderr=out, cwd=ROOT)
    try:
        until = perf_counter() + 30
        while "worker_started" not in log.read_text():
            if perf_counter() > until or process.poll() is not None:
                raise RuntimeError(f"the worker does not start:\n{log.read_text()[-3000:]}")
            sleep(0.1)
        sleep(1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(running: Stack, programme: Programme, pids: list[int]) -> Ran:
    """Let a campaign to everybody by push become due now; return what it took until every outcome was recorded."""
    with running.owner() as owner, machine.measured(db=running.pid, **{f"worker_{pid}": pid for pid in pids}) as usage:
        began = clock.now()
        campaign_id = schedule(running, programme)
        until = perf_counter() + PATIENCE_SECONDS
        while not is_over(owner, campaign_id):
            if perf_counter() > until:
                raise RuntimeError(f"the campaign does not end: {states(owner, campaign_id)}")
            sleep(POLL_SECONDS)
    with running.owner() as owner:
        outcomes = states(owner, campaign_id)
        row = owner.execute(
            "SELECT min(sent_at), max(sent_at) FROM campaign_delivery WHERE campaign_id = %s", [campaign_id]
        ).fetchone()
    assert row is not None
    return Ran(
        sent=outcomes.get("sent", 0),
        states=outcomes,
        first_seconds=(row[0] - began).total_seconds(),
        seconds=(row[1] - began).total_seconds(),
        worker_cpu=sum(used for name, used in usage.seconds.items() if name.startswith("worker_")),
        database_cpu=usage.seconds["db"],
        worker_mb=max(_peak_mb(pid) for pid in pids),
    )


def schedule(running: Stack, programme: Programme, **more: Any) -> UUID:
    """Have a campaign to everybody by push, with `more` of a definition, become due now; return its id."""
    definition: dict[str, Any] = {
        "audience": {}, "channels": ["push"], "variants": [{"name": "A", "weight": 1, "content": CONTENT}],
        "caps": {"messages": 100, "days": 7},
    } | more  # fmt: skip
    with running.database.transaction(programme.id) as session:
        campaign = Campaign(
            name="Autumn", kind="once", definition=definition, status="scheduled", next_run_at=clock.now()
        )  # fmt: skip
        session.add(campaign)
    return campaign.id


def is_over(owner: psycopg.Connection, campaign_id: UUID) -> bool:
    """Return whether every row is made and has its outcome."""
    row = owner.execute(
        "SELECT r.made_at IS NOT NULL AND NOT EXISTS (SELECT FROM campaign_delivery d WHERE d.run_id = r.id"
        " AND d.state = 'queued') FROM campaign_run r WHERE r.campaign_id = %s",
        [campaign_id],
    ).fetchone()
    return row is not None and bool(row[0])


def states(owner: psycopg.Connection, campaign_id: UUID) -> dict[str, int]:
    """Return how many rows have each outcome, as `state` or `state/reason`."""
    rows = owner.execute(
        "SELECT concat_ws('/', state, reason), count(*) FROM campaign_delivery WHERE campaign_id = %s GROUP BY 1",
        [campaign_id],
    )
    return dict(rows.fetchall())


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
