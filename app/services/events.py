"""The outbox: facts written with the work they tell of. Nothing else leaves a transaction."""

from typing import Any
from uuid import UUID

from app import clock, ids
from app.db import Session
from app.models import Account, Entry, Event


def publish(session: Session, *, kind: str, data: dict[str, Any], member_id: UUID | None = None) -> Event:
    """Write a fact, past tense: `voucher.used`. Ids in `data` are in their public form, and nothing personal is."""
    now = clock.now()
    event = Event(kind=kind, data=data, member_id=member_id, recorded_at=now, lease_until=now)
    session.add(event)
    return event


def publish_entry(session: Session, account: Account, entry: Entry) -> Event:
    """Write the fact of a movement that no activity tells of: a burn, an adjustment, an expiry."""
    data = {
        "entry": ids.show("entry", entry.id),
        "account": ids.show("account", account.id),
        "purse": ids.show("purse", account.purse_id),
        "kind": entry.kind,
        "amount": entry.amount,
        "balance_after": entry.balance_after,
    }
    return publish(session, kind="entry.posted", data=data, member_id=account.member_id)
