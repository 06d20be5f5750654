"""Settling: what telling the platforms came to, written on passes and messages, and when to try again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, Text, Uuid, case, column, func, literal, or_, update

from app import clock
from app.db import Session
from app.models import Pass, PassMessage
from app.services.pass_updates import REST, SETTLE
from wallet.platforms import Job, Told
from wallet.updates import claiming
from wallet.updates.claiming import Claimed, Settled
from wallet.updates.looking import Looked

ATTEMPTS_MAX = 24
"""With a doubling backoff of an hour at most, a pass is given up after about 14 hours, until its face changes again."""
BACKOFF_MAX = timedelta(hours=1)
NOBODY = "nobody"
"""The reason of what was told to nobody, since nobody is there: not a push."""


def settle(session: Session, claimed: Claimed, looked: Looked, told: Sequence[Told]) -> None:
    """Write what became of claimed marks; the worker role's session, and the caller commits."""
    now = clock.now()
    settled = [Settled(pass_id, now + SETTLE) for pass_id in looked.unchanged]
    settled += [_settled(claimed, job, one, now) for job, one in zip(looked.jobs, told, strict=True)]
    if looked.jobs:
        _note(session, claimed.program_id, looked.jobs, told, now)
        _note_messages(session, looked.jobs, told, now)
    claiming.settle(session, claimed, settled)


def pause(pass_id: UUID, attempts: int, retry_after_seconds: float | None) -> timedelta:
    """Return how long to wait: what the platform asks for, or 2, 4, 8 … seconds, whichever is longer."""
    doubling = min(timedelta(seconds=2 ** min(attempts, 20)), BACKOFF_MAX)
    if retry_after_seconds is not None and retry_after_seconds < doubling.total_seconds() and attempts <= 1:
        # A rate limit says when there is room: nothing failed.
        doubling = timedelta(seconds=retry_after_seconds)
    # Spread by the id's random end, so that what failed together does not come back together.
    spread = 1 + (pass_id.int % 256) / 512
    return max(doubling * spread, timedelta(seconds=retry_after_seconds or 0))


def gives_up(claimed: Claimed, job: Job, told: Told) -> bool:
    """Tell whether a pass is not tried any more until its face changes."""
    tried = claimed.marks[job.row.id].attempts
    return told.outcome == "refused" or (told.outcome != "sent" and tried >= ATTEMPTS_MAX)


def _settled(claimed: Claimed, job: Job, told: Told, now: datetime) -> Settled:
    if told.outcome == "sent":
        return Settled(job.row.id, now + (SETTLE if told.reason == NOBODY else REST))
    wait = pause(job.row.id, claimed.marks[job.row.id].attempts, told.retry_after_seconds)
    return Settled(job.row.id, now + wait, done=gives_up(claimed, job, told))


def _note(session: Session, program_id: UUID, jobs: Sequence[Job], told: Sequence[Told], now: datetime) -> None:
    became = _became(jobs, told)
    sent = became.c.outcome == "sent"
    session.execute(
        update(Pass)
        .where(Pass.program_id == program_id, Pass.id == became.c.pass_id)
        .values(
            pushed_revision=case(
                (sent, func.greatest(Pass.pushed_revision, became.c.revision)), else_=Pass.pushed_revision
            ),
            last_push_at=case((became.c.pushed, now), else_=Pass.last_push_at),
            last_error=case((sent, None), else_=became.c.reason),
        ),
        execution_options={"synchronize_session": False},
    )


def _note_messages(session: Session, jobs: Sequence[Job], told: Sequence[Told], now: datetime) -> None:
    known = [
        message.id
        for job, one in zip(jobs, told, strict=True)
        if one.outcome in {"sent", "refused"}
        for message in job.messages
    ]
    if known:
        session.execute(
            update(PassMessage)
            .where(PassMessage.id.in_(known), or_(PassMessage.told_at.is_(None)))
            .values(told_at=now),
            execution_options={"synchronize_session": False},
        )


def _became(jobs: Sequence[Job], told: Sequence[Told]) -> Any:
    return (
        func.unnest(
            literal([job.row.id for job in jobs], ARRAY(Uuid)),
            literal([job.row.revision for job in jobs], ARRAY(BigInteger)),
            literal([one.outcome for one in told], ARRAY(Text)),
            literal([one.reason or one.outcome for one in told], ARRAY(Text)),
            literal([one.outcome == "sent" and one.reason != NOBODY for one in told], ARRAY(Boolean)),
        )
        .table_valued(
            column("pass_id", Uuid), column("revision", BigInteger), column("outcome", Text), column("reason", Text),
            column("pushed", Boolean), name="became",
        )
        .render_derived()
    )  # fmt: skip
