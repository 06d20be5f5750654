"""Deliveries to webhooks: one row for each event and webhook, made once, tried on a schedule, logged.

Standard Webhooks: the id is the event's and stays over all attempts; attempts come at once and after 5 s, 5 min,
30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h; 410 disables. What is promised is at least once, in no order.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Session
from app.models import Event, Webhook, WebhookDelivery
from app.services import events, webhooks

DELAYS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
"""How long the next attempt waits after each that failed; after the last the delivery is given up."""
DISABLE_AFTER = timedelta(days=5)
"""A webhook whose every attempt failed for so long is disabled."""
BODY_MAX = 20_000
"""Bytes; what would be longer says the event's id alone, and `GET /v1/events/{id}` has the rest."""
LOG_MAX = 40
ANSWER_MAX = 1024
_REMOVED = "[removed]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event as deliveries need it."""

    id: UUID
    program_id: UUID
    kind: str
    data: dict[str, Any]
    member_id: UUID | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one request: `reason` is None when it was accepted; `answer` is what the receiver said."""

    at: datetime
    ms: int
    status: int | None = None
    reason: str | None = None
    answer: str = ""
    retry_after_seconds: int | None = None


def body_of(fact: Fact) -> str:
    """Return the body that is signed and sent, the same at every attempt: `{"type", "timestamp", "data"}`."""
    data: dict[str, Any] = {"program": ids.show("program", fact.program_id)}
    if fact.member_id is not None:
        data["member"] = ids.show("member", fact.member_id)
    said = {"type": fact.kind, "timestamp": fact.recorded_at.isoformat().replace("+00:00", "Z")}
    body = _json({**said, "data": {**data, **fact.data}})
    if len(body.encode()) < BODY_MAX:
        return body
    return _json({**said, "data": {**data, "event": ids.show("event", fact.id), "shortened": True}})


def make(session: Session, fact: Fact, webhook_ids: Iterable[UUID], *, again: bool = False) -> list[UUID]:
    """Make a delivery of the event for each webhook that has none; return the ids of those made.

    With `again`, those that were delivered or given up are sent once more, from the schedule's beginning, and those
    that wait are sent now; their ids are returned too.
    """
    now, body = clock.now(), body_of(fact)
    rows = [
        {
            "id": ids.new_id(), "created_at": now, "program_id": fact.program_id, "webhook_id": webhook_id,
            "event_id": fact.id, "kind": fact.kind, "body": body, "due_at": now, "state": "queued", "attempts": 0,
            "attempts_log": [],
        }
        for webhook_id in webhook_ids
    ]  # fmt: skip
    if not rows:
        return []
    statement = insert(WebhookDelivery)
    key = ["webhook_id", "event_id"]
    if again:
        statement = statement.on_conflict_do_update(
            index_elements=key,
            set_={"state": "queued", "due_at": now, "attempts": 0, "lease_owner": None, "finished_at": None},
            # What is being sent right now is not disturbed.
            where=WebhookDelivery.state != "sending",
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    return list(session.scalars(statement.returning(WebhookDelivery.id), rows))


def redeliver(session: Session, event: Event, *, webhook_id: UUID | None = None) -> list[WebhookDelivery]:
    """Send the event again to one live webhook, or to all that ask for its kind; return the deliveries.

    Raises NotFoundError and WebhookDisabledError for the one that is named.
    """
    if webhook_id is not None:
        whom = [webhooks.live(session, webhook_id)]
    else:
        whom = [
            one
            for one in webhooks.page(session, limit=webhooks.WEBHOOKS_MAX)
            if one.status == "live" and webhooks.wants(one, event.kind)
        ]
    make(session, fact_of(event), [one.id for one in whom], again=True)
    query = select(WebhookDelivery).where(
        WebhookDelivery.event_id == event.id, WebhookDelivery.webhook_id.in_([one.id for one in whom])
    )
    return list(session.scalars(query.order_by(WebhookDelivery.id).execution_options(populate_existing=True)))


def page(
    session: Session, webhook_id: UUID, *, limit: int, before: UUID | None = None, state: str | None = None
) -> list[WebhookDelivery]:
    """Return up to `limit` + 1 deliveries of a webhook, newest first, older than `before`."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    if state is not None:
        query = query.where(WebhookDelivery.state == state)
    return list(session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)))


def record(session: Session, delivery_id: UUID, owner: UUID, attempt: Attempt, *, secrets: Sequence[str] = ()) -> bool:
    """Write what an attempt came to, if `owner` still holds the delivery; return whether it does.

    `secrets` are texts that must not stand in the log although the receiver may have repeated them.
    """
    query = select(WebhookDelivery).where(WebhookDelivery.id == delivery_id, WebhookDelivery.lease_owner == owner)
    delivery = session.scalars(query.with_for_update()).one_or_none()
    if delivery is None:
        return False
    delivery.lease_owner = None
    delivery.attempts_log = [*delivery.attempts_log, _logged(attempt, secrets)][-LOG_MAX:]
    found = select(Webhook).where(Webhook.id == delivery.webhook_id)
    # Attempts that fail together take turns, so that one of them disables and tells of it.
    webhook = session.scalars(found if attempt.reason is None else found.with_for_update()).one()
    if attempt.reason is None:
        delivery.state, delivery.finished_at = "delivered", attempt.at
        if webhook.failing_since is not None:
            webhook.failing_since = None
        return True
    _put_back(delivery, attempt)
    _note_failure(session, webhook, attempt)
    return True


def fact_of(event: Event) -> Fact:
    """Return the event as deliveries need it."""
    return Fact(
        id=event.id, program_id=event.program_id, kind=event.kind, data=event.data, member_id=event.member_id,
        recorded_at=event.recorded_at,
    )  # fmt: skip


def _put_back(delivery: WebhookDelivery, attempt: Attempt) -> None:
    now = clock.now()
    if delivery.attempts > len(DELAYS) or attempt.status == _GONE:
        delivery.state, delivery.finished_at = "failed", attempt.at
        return
    delay = DELAYS[max(delivery.attempts, 1) - 1]
    asked = timedelta(seconds=min(attempt.retry_after_seconds or 0, int(DELAYS[-1].total_seconds())))
    delivery.state, delivery.due_at = "queued", now + max(delay, asked)


_GONE = 410


def _note_failure(session: Session, webhook: Webhook, attempt: Attempt) -> None:
    if webhook.status != "live":
        return
    if webhook.failing_since is None:
        webhook.failing_since = attempt.at
    if attempt.status == _GONE:
        reason = "The receiver answered 410: it wants no more."
    elif attempt.at - webhook.failing_since >= DISABLE_AFTER:
        reason = f"Every attempt failed for {DISABLE_AFTER.days} days; the last: {attempt.reason}."
    else:
        return
    webhook.status, webhook.disabled_reason = "disabled", reason
    webhook.updated_at = attempt.at
    data = {"webhook": ids.show("webhook", webhook.id), "reason": reason}
    events.publish(session, kind="webhook.disabled", data=data)


def _logged(attempt: Attempt, secrets: Sequence[str]) -> dict[str, Any]:
    answer = attempt.answer
    for secret in secrets:
        answer = answer.replace(secret, _REMOVED)
    said = {
        "at": attempt.at.isoformat(timespec="milliseconds"), "status": attempt.status, "ms": attempt.ms,
        "reason": attempt.reason, "answer": answer[:ANSWER_MAX] or None,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
