"""Sending: due pushes are taken under a lease, sent with no transaction open, and recorded by who still holds them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Text, Uuid, case, column, delete, func, literal, select, update

from app import clock, ids
from app.db import Database, Session
from app.db.base import UtcInstant
from app.models import Delivery, Device, Member
from notifications import metrics
from notifications.channels.protocol import Channel, KeepsPauses, OutgoingMessage, SendResult
from wire import faults

log = structlog.get_logger(__name__)

BATCH = 200
LEASE = timedelta(seconds=60)
"""Longer than a channel takes for a batch; who overstays it is fenced out."""
GIVE_UP_AFTER = timedelta(hours=24)
BACKOFF_MAX = timedelta(hours=1)
QUOTA_PAUSE_MIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Held:
    """One delivery that is ours until the lease ends; `address_kind` is None when its phone is the member's no more."""

    id: UUID
    program_id: UUID
    address: str
    title: str
    body: str
    data: dict[str, str]
    attempts: int
    created_at: datetime
    device_id: UUID | None
    customer_id: UUID | None
    platform: str | None
    address_kind: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries taken together: `owner` is the fencing token, `until` the lease's end."""

    owner: UUID
    until: datetime
    held: list[Held]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delivery's row is to become."""

    held: Held
    state: str
    due_at: datetime
    reason: str | None = None
    provider_id: str | None = None
    gone: bool = False


class Sender:
    """Sends due pushes by one channel. One for each process; its method may run in several threads at once."""

    def __init__(self, database: Database, channel: Channel, *, batch: int = BATCH) -> None:
        self._database = database
        self._channel = channel
        self._batch = batch
        self._paused_until: datetime | None = None

    def drain(self, stop: threading.Event | None = None) -> int:
        """Send until nothing is due, `stop` is set, or the provider asks us to pause; return how many were taken."""
        taken = 0
        while not (stop is not None and stop.is_set()) and not self._paused():
            with self._database.across_programs() as session:
                batch = claim(session, limit=self._batch)
            if not batch.held:
                break
            taken += len(batch.held)
            self._work(batch)
        return taken

    def _paused(self) -> bool:
        return self._paused_until is not None and clock.now() < self._paused_until

    def _work(self, batch: Batch) -> None:
        verdicts = [early for held in batch.held if (early := _without_sending(held))]
        settled = {verdict.held.id for verdict in verdicts}
        waiting = [held for held in batch.held if held.id not in settled]
        if waiting and clock.now() < batch.until:
            results = self._send([_message(held) for held in waiting])
            verdicts += [judge(held, result) for held, result in zip(waiting, results, strict=True)]
            self._heed(results)
        with self._database.across_programs() as session:
            recorded = record(session, batch.owner, verdicts)
        for verdict in verdicts:
            if verdict.held.id in recorded and verdict.gone:
                self._forget_device(verdict.held)

    def _send(self, messages: list[OutgoingMessage]) -> Sequence[SendResult]:
        try:
            return self._channel.send(messages)
        except Exception as error:  # noqa: BLE001 - a channel that breaks must not hold the rows for a lease
            log.error("channel_failed", channel=self._channel.kind, **faults.describe(error))  # noqa: TRY400
            return [SendResult(outcome="unknown", reason="channel_failed")] * len(messages)

    def _heed(self, results: Sequence[SendResult]) -> None:
        """Stop for a while when the provider says that we send too much: more of the same would prolong it.

        A channel that keeps such pauses by itself does so for the programmes of that provider; the others go on.
        """
        if isinstance(self._channel, KeepsPauses):
            return
        asked = [result.retry_after_seconds or 0 for result in results if result.reason == "quota_exceeded"]
        if asked:
            self._paused_until = clock.now() + max(timedelta(seconds=max(asked)), QUOTA_PAUSE_MIN)
            log.warning("sending_paused", until=self._paused_until.isoformat())

    def _forget_device(self, held: Held) -> None:
        with self._database.transaction(customer_id=held.customer_id) as session:
            session.execute(delete(Device).where(Device.id == held.device_id, Device.address == held.address))
        log.info("device_forgotten", delivery_id=ids.show("delivery", held.id))


def claim(session: Session, *, limit: int = BATCH) -> Batch:
    """Take up to `limit` due pushes for the length of a lease; the caller commits. The worker role's session."""
    now, owner = clock.now(), ids.new_id()
    # The states are written out: the partial index of due deliveries is found for constants only.
    states = [literal(state, literal_execute=True) for state in ("queued", "sending")]
    due = (
        select(Delivery.id)
        .where(Delivery.state.in_(states), Delivery.channel == "push", Delivery.due_at <= now)
        .order_by(Delivery.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = (
        update(Delivery)
        .where(Delivery.id == due.c.id)
        .values(state="sending", lease_owner=owner, due_at=now + LEASE, attempts=Delivery.attempts + 1)
        .returning(Delivery)
        .cte("taken")
    )
    # Still the member's phone: an address moves to whoever signs in on it last.
    rows = session.execute(
        select(taken, Member.customer_id, Device.platform, Device.address_kind)
        .join(Member, Member.id == taken.c.member_id)
        .outerjoin(
            Device,
            (Device.id == taken.c.device_id)
            & (Device.address == taken.c.address)
            & (Device.customer_id == Member.customer_id),
        )
    )
    held = [
        Held(
            row.id, row.program_id, row.address, row.title, row.body, row.data, row.attempts, row.created_at,
            row.device_id, row.customer_id, row.platform, row.address_kind,
        )
        for row in rows
    ]  # fmt: skip
    return Batch(owner, now + LEASE, held)


def judge(held: Held, result: SendResult) -> Verdict:
    """Say what a delivery becomes after an attempt.

    A push that was perhaps sent is sent again: its id is its collapse id, so a second copy replaces the first on the
    screen. Nothing sleeps here: waiting is moving `due_at`.
    """
    now = clock.now()
    match result.outcome:
        case "sent":
            return Verdict(held, "sent", now, provider_id=result.provider_id)
        case "gone":
            return Verdict(held, "failed", now, reason=result.reason or "gone", gone=True)
        case "refused":
            return Verdict(held, "failed", now, reason=result.reason or "refused")
        case _:
            at = now + pause(held.id, held.attempts, result)
            if at >= held.created_at + GIVE_UP_AFTER:
                state = "unknown" if result.outcome == "unknown" else "failed"
                return Verdict(held, state, now, reason=result.reason or "expired")
            return Verdict(held, "queued", at, reason=result.reason)


def record(session: Session, owner: UUID, verdicts: list[Verdict]) -> set[UUID]:
    """Write what became of deliveries that `owner` still holds; return their ids; the caller commits.

    A worker that slept through its lease writes nothing: the deliveries are another's by then.
    """
    if not verdicts:
        return set()
    became = (
        func.unnest(
            literal([verdict.held.id for verdict in verdicts], ARRAY(Uuid)),
            literal([verdict.state for verdict in verdicts], ARRAY(Text)),
            literal([verdict.due_at for verdict in verdicts], ARRAY(UtcInstant)),
            literal([verdict.reason for verdict in verdicts], ARRAY(Text)),
            literal([verdict.provider_id for verdict in verdicts], ARRAY(Text)),
        )
        .table_valued(
            column("id", Uuid),
            column("state", Text),
            column("due_at", UtcInstant),
            column("reason", Text),
            column("provider_id", Text),
            name="became",
        )
        .render_derived()
    )
    written = session.execute(
        update(Delivery)
        .where(Delivery.id == became.c.id, Delivery.lease_owner == owner)
        .values(
            state=became.c.state,
            due_at=became.c.due_at,
            reason=became.c.reason,
            provider_id=became.c.provider_id,
            sent_at=case((became.c.state == "sent", clock.now())),
            lease_owner=None,
        )
        .returning(Delivery.id, Delivery.state),
        execution_options={"synchronize_session": False},
    ).all()
    for row in written:
        metrics.DELIVERIES.labels("push", "again" if row.state == "queued" else row.state).inc()
    if len(written) < len(verdicts):
        log.warning("lease_lost", deliveries=len(verdicts) - len(written))
    return {row.id for row in written}


def _without_sending(held: Held) -> Verdict | None:
    now = clock.now()
    if held.address_kind is None:
        return Verdict(held, "skipped", now, reason="device_forgotten")
    if now >= held.created_at + GIVE_UP_AFTER:
        return Verdict(held, "failed", now, reason="expired")
    return None


def _message(held: Held) -> OutgoingMessage:
    left = held.created_at + GIVE_UP_AFTER - clock.now()
    return OutgoingMessage(
        delivery_id=held.id,
        program_id=held.program_id,
        address=held.address,
        address_kind="fid" if held.address_kind == "fid" else "token",
        platform=held.platform or "android",
        title=held.title,
        body=held.body,
        data=held.data,
        ttl_seconds=int(left.total_seconds()),
    )


def pause(delivery_id: UUID, attempts: int, result: SendResult) -> timedelta:
    """Return how long to wait: what the provider asks for, or 2, 4, 8 … seconds, whichever is longer."""
    doubling = min(timedelta(seconds=2 ** min(attempts, 20)), BACKOFF_MAX)
    # Spread by the id's random end, so that what failed together does not come back together.
    spread = 1 + (delivery_id.int % 256) / 512
    return max(doubling * spread, timedelta(seconds=result.retry_after_seconds or 0))
