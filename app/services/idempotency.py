"""The first answer to a request, kept with its work: the same key gives the same answer; with other input, an error.

Follows the IETF draft "The Idempotency-Key HTTP Header Field" (revision 07). Refusals are not kept: they did nothing,
and the same request may succeed later.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from app import clock
from app.db import Session
from app.errors import ConflictError, InvalidError
from app.models import IdempotencyKey

KEPT = timedelta(days=30)
KEY_MAX = 255


class KeyReusedError(InvalidError):
    """The key was used before with another body."""

    slug = "idempotency-key-reused"
    title = "This Idempotency-Key was used for another request"


class AlreadyDoneError(ConflictError):
    """The work of this key was done more than 30 days ago; its answer is gone, its effect stands."""

    slug = "already-done"
    title = "This was done long ago"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A status and a body to be given again."""

    status: int
    body: str


def fingerprint(*parts: str | bytes) -> bytes:
    """Return a hash of what makes two requests the same: method, path, body. 128 bits tell them apart."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()[:16]


def find(session: Session, *, scope: str, key: str, fingerprint: bytes) -> KeptAnswer | None:
    """Return the kept answer, or None to go on; concurrent twins wait here for each other.

    Raises KeyReusedError when the key was used with other input, AlreadyDoneError when the answer is too old to be
    kept but the work must not be repeated.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{session.program}/{scope}/{key}", 0))))
    row = session.scalars(
        select(IdempotencyKey).where(IdempotencyKey.scope == scope, IdempotencyKey.key == key)
    ).one_or_none()
    if row is None:
        return None
    return replay(row.fingerprint, fingerprint, row.status, row.answer)


def replay(known: bytes, given: bytes, status: int, answer: str | None) -> KeptAnswer:
    """Return the kept answer of a known key; raise as `find` does."""
    if known != given:
        raise KeyReusedError("Use a new Idempotency-Key for a new request, and the old one only to repeat the old.")
    if answer is None:
        raise AlreadyDoneError("It was done under this key more than 30 days ago; it is not done again.")
    return KeptAnswer(status, answer)


def keep(
    session: Session, *, scope: str, key: str, fingerprint: bytes, status: int, answer: str, permanent: bool
) -> None:
    """Keep the answer, in the transaction of the work; `permanent` for work that moved value."""
    session.add(
        IdempotencyKey(
            scope=scope,
            key=key,
            fingerprint=fingerprint,
            recorded_at=clock.now(),
            status=status,
            answer=answer,
            permanent=permanent,
        )
    )


def forget_old(session: Session, *, batch: int = 5000) -> int:
    """Drop answers older than 30 days, and keys that moved nothing; return how many rows were touched."""
    before = clock.now() - KEPT
    old = (
        select(IdempotencyKey.program_id, IdempotencyKey.scope, IdempotencyKey.key)
        .where(IdempotencyKey.answer.is_not(None), IdempotencyKey.recorded_at < before)
        .limit(batch)
        .subquery()
    )
    same = (
        (IdempotencyKey.program_id == old.c.program_id)
        & (IdempotencyKey.scope == old.c.scope)
        & (IdempotencyKey.key == old.c.key)
    )
    blanked = session.execute(update(IdempotencyKey).where(same, IdempotencyKey.permanent).values(answer=None))
    deleted = session.execute(delete(IdempotencyKey).where(same, ~IdempotencyKey.permanent))
    return blanked.rowcount + deleted.rowcount  # type: ignore[attr-defined,no-any-return]
