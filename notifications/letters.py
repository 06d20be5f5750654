"""The postman: takes mails of the installation itself from the database, hands each to the mail server, and forgets it.

A mail cannot be unsent and a second copy does not replace the first: one attempt is made, and what may have gone is
`unknown` and not repeated. Who waits for a code asks for another.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import literal, select, update

from app import clock, ids
from app.db import Database, Session
from app.models import Letter
from app.services import mails
from notifications import metrics
from notifications.channels.protocol import Channel, OutgoingMessage, SendResult
from wire import faults

log = structlog.get_logger(__name__)

BATCH = 50
LEASE = timedelta(seconds=60)
LOOK_SECONDS = 0.3
"""A person looks at a phone until the code comes."""
TROUBLE_SLEEP_SECONDS = 2.0
BACKOFF_MAX = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Held:
    """A letter that is ours until the lease ends."""

    id: UUID
    kind: str
    sealed: bytes
    attempts: int
    expires_at: datetime


class Postman:
    """One loop over the letters; any number work on one database."""

    def __init__(self, database: Database, channel: Channel, *, batch: int = BATCH) -> None:
        self._database = database
        self._channel = channel
        self._batch = batch

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            try:
                found = self.run_once()
            except Exception as error:  # noqa: BLE001 - the database is away, say: the loop must outlive it
                log.warning("postman_failed", **faults.describe(error))
                stop.wait(TROUBLE_SLEEP_SECONDS)
                continue
            if found < self._batch:
                stop.wait(LOOK_SECONDS)

    def run_once(self) -> int:
        """Take one batch, send it, record what became of it; return how many letters were taken."""
        owner = ids.new_id()
        with self._database.across_programs() as session:
            held = claim(session, owner, limit=self._batch)
        if not held:
            return 0
        messages = [self._message(letter) for letter in held]
        known = [message for message in messages if message is not None]
        results = iter(self._send(known))
        with self._database.across_programs() as session:
            for letter, message in zip(held, messages, strict=True):
                damaged = SendResult(outcome="refused", reason="seal_broken")
                record(session, owner, letter, next(results) if message is not None else damaged)
        return len(held)

    def _message(self, letter: Held) -> OutgoingMessage | None:
        try:
            message = mails.unseal(self._database.keyring, letter.id, letter.sealed)
        except InvalidTag:
            return None
        return OutgoingMessage(
            delivery_id=letter.id,
            address=message["to"],
            title=message["title"],
            body=message["text"],
            subject=message["subject"],
            locale=message["locale"],
            data={"kind": letter.kind},
        )

    def _send(self, messages: list[OutgoingMessage]) -> list[SendResult]:
        try:
            return list(self._channel.send(messages))
        except Exception as error:  # noqa: BLE001 - a channel that breaks must not send again what it may have sent
            log.error("channel_failed", channel=self._channel.kind, **faults.describe(error))  # noqa: TRY400
            return [SendResult(outcome="unknown", reason="channel_failed")] * len(messages)


def claim(session: Session, owner: UUID, *, limit: int = BATCH) -> list[Held]:
    """Take up to `limit` due letters for the length of a lease, oldest first; the caller commits.

    What another worker held when its lease ended may have gone: it becomes `unknown`. What is too late is not sent.
    """
    now = clock.now()
    sending, queued = (literal(state, literal_execute=True) for state in ("sending", "queued"))
    lost = (Letter.state == sending) & (Letter.due_at <= now)
    late = (Letter.state == queued) & (Letter.due_at <= now) & (Letter.expires_at <= now)
    for ended, state, reason in ((lost, "unknown", "worker_lost"), (late, "failed", "expired")):
        session.execute(
            update(Letter).where(ended).values(state=state, reason=reason, sealed=b"", lease_owner=None),
            execution_options={"synchronize_session": False},
        )
    due = (
        select(Letter.id)
        .where(Letter.state == queued, Letter.due_at <= now)
        .order_by(Letter.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = session.execute(
        update(Letter)
        .where(Letter.id == due.c.id)
        .values(state="sending", lease_owner=owner, due_at=now + LEASE, attempts=Letter.attempts + 1)
        .returning(Letter.id, Letter.kind, Letter.sealed, Letter.attempts, Letter.expires_at),
        execution_options={"synchronize_session": False},
    )
    return [Held(row.id, row.kind, row.sealed, row.attempts, row.expires_at) for row in taken]


def record(session: Session, owner: UUID, held: Held, result: SendResult) -> None:
    """Write what became of a letter that `owner` still holds; the caller commits."""
    now = clock.now()
    again = now + max(
        min(timedelta(seconds=2**held.attempts), BACKOFF_MAX), timedelta(seconds=result.retry_after_seconds or 0)
    )
    waits = result.outcome == "retry" and again < held.expires_at
    state = "queued" if waits else {"sent": "sent", "unknown": "unknown"}.get(result.outcome, "failed")
    session.execute(
        update(Letter)
        .where(Letter.id == held.id, Letter.lease_owner == owner)
        .values(
            state=state,
            due_at=again if waits else now,
            reason=result.reason,
            sealed=held.sealed if waits else b"",
            lease_owner=None,
        ),
        execution_options={"synchronize_session": False},
    )
    metrics.DELIVERIES.labels("letter", "again" if waits else state).inc()
    if state != "sent":
        log.warning("letter_not_sent", letter=held.id.hex, kind=held.kind, state=state, reason=result.reason)
