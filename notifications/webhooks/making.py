"""An event becomes a delivery for each live webhook of its programme that asks for its kind."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Database
from app.models import Webhook
from app.services import webhook_deliveries
from app.services.event_kinds import EVERY, PING
from app.services.webhook_deliveries import Fact
from notifications import queue
from notifications.subscribers import PublishedEvent

RING_SECONDS = 0.4
_KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What a programme's live webhooks asked for at an instant."""

    at: datetime
    kinds: dict[UUID, frozenset[str]]


class Directory:
    """Who asks for what, remembered between events.

    What is remembered serves events that were written before it was read: a webhook that was made before an event is
    always among them, and a busy outbox costs a question for each batch instead of each event.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, _Known] = {}
        self._lock = threading.Lock()

    def listeners(self, database: Database, event: PublishedEvent) -> list[UUID]:
        """Return the webhooks that are to be told of the event; of a test, the tested one."""
        if event.kind == PING:
            return [ids.parse("webhook", event.data["webhook"])]
        with self._lock:
            known = self._known.get(event.program_id)
        if known is None or known.at <= event.recorded_at:
            known = self._read(database, event.program_id)
        return [webhook for webhook, kinds in known.kinds.items() if event.kind in kinds or EVERY in kinds]

    def _read(self, database: Database, program_id: UUID) -> _Known:
        now = clock.now()
        with database.transaction(program_id) as session:
            rows = session.execute(select(Webhook.id, Webhook.kinds).where(Webhook.status == "live")).all()
        known = _Known(now, {row.id: frozenset(row.kinds) for row in rows})
        with self._lock:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[program_id] = known
        return known


class _Bell:
    """Rings for the courier at most twice a second: a run goes on looking for longer than that (`LINGER_SECONDS`)."""

    def __init__(self) -> None:
        self._rung_at = 0.0

    def due(self) -> bool:
        """Say whether to ring, and take it as done."""
        now = time.monotonic()
        if now - self._rung_at < RING_SECONDS:
            return False
        self._rung_at = now
        return True


DIRECTORY = Directory()
_BELL = _Bell()


def make_deliveries(database: Database, event: PublishedEvent) -> None:
    """Make the event's deliveries, once however often it is handed out, and queue the task that sends them."""
    webhook_ids = DIRECTORY.listeners(database, event)
    if not webhook_ids:
        return
    fact = Fact(
        id=event.id, program_id=event.program_id, kind=event.kind, data=event.data, member_id=event.member_id,
        recorded_at=event.recorded_at,
    )  # fmt: skip
    with database.transaction(event.program_id) as session:
        if webhook_deliveries.make(session, fact, webhook_ids) and _BELL.due():
            queue.defer_once(session, queue.DELIVER_WEBHOOKS)
