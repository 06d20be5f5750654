"""The audit log: who did what to whom, append-only."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.db import Session
from app.models import AuditEntry


def record(
    session: Session,
    *,
    action: str,
    subject: str,
    staff_id: UUID | None = None,
    api_key_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write, with the work itself, that somebody did `action` (`staff.archived`) to `subject` (a public id).

    `data` says what changed, in ids and plain facts: no contact data, no secret.
    """
    entry = AuditEntry(action=action, subject=subject, staff_id=staff_id, api_key_id=api_key_id, data=data or {})
    session.add(entry)
    return entry


def page(session: Session, *, limit: int, before: UUID | None = None) -> list[AuditEntry]:
    """Return up to `limit` + 1 entries, newest first, older than `before`."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.scalars(query))
