"""The outbox: facts written with the work they tell of. Nothing else leaves a transaction."""

from typing import Any
from uuid import UUID

from app import clock
from app.db import Session
from app.models import Event


def publish(session: Session, *, kind: str, data: dict[str, Any], member_id: UUID | None = None) -> Event:
    """Write a fact, past tense: `voucher.used`. Ids in `data` are in their public form, and nothing personal is."""
    now = clock.now()
    event = Event(kind=kind, data=data, member_id=member_id, recorded_at=now, lease_until=now)
    session.add(event)
    return event
