"""What is done by the clock: each job finds its work across programmes and may be killed and run again at any time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, inspect, select, tuple_

from app import clock
from app.db import Database
from app.models import Attempt, CodeUse, CustomerCode, CustomerSession, StaffSession
from app.services import idempotency

BATCH = 5000
PARTITIONS_AHEAD_MONTHS = 3
SPENT_CODE_KEPT = timedelta(hours=1)
"""A rotating code is refused by its age long before that."""
ONE_TIME_CODE_KEPT = timedelta(days=1)
ATTEMPTS_KEPT = timedelta(days=2)
SESSION_KEPT = timedelta(days=30)


def forget_answers(database: Database) -> int:
    """Forget answers to repeated requests that are older than 30 days."""
    total = 0
    while True:
        with database.across_programs() as session:
            touched = idempotency.forget_old(session, batch=BATCH)
        total += touched
        if touched < BATCH:
            return total


def forget_spent_codes(database: Database) -> int:
    """Forget which rotating codes were spent more than an hour ago."""
    return _delete(database, CodeUse, CodeUse.created_at < clock.now() - SPENT_CODE_KEPT)


def forget_one_time_codes(database: Database) -> int:
    """Forget one-time codes a day after they were sent, and old counts of attempts."""
    now = clock.now()
    codes = _delete(database, CustomerCode, CustomerCode.created_at < now - ONE_TIME_CODE_KEPT)
    return codes + _delete(database, Attempt, Attempt.window_starts_at < now - ATTEMPTS_KEPT)


def forget_sessions(database: Database) -> int:
    """Forget sign-ins that ended more than 30 days ago."""
    before = clock.now() - SESSION_KEPT
    ended = _delete(database, CustomerSession, CustomerSession.expires_at < before)
    return ended + _delete(database, StaffSession, StaffSession.expires_at < before)


def ensure_partitions(database: Database) -> int:
    """Make the coming months' partitions; without them rows go to the default partition, where they are slower."""
    with database.across_programs() as session:
        return int(session.scalars(select(func.ensure_partitions(clock.now(), PARTITIONS_AHEAD_MONTHS))).one())


JOBS: dict[str, Callable[[Database], int]] = {
    "forget_answers": forget_answers,
    "forget_spent_codes": forget_spent_codes,
    "forget_one_time_codes": forget_one_time_codes,
    "forget_sessions": forget_sessions,
    "ensure_partitions": ensure_partitions,
}
"""Every job by its name; each returns how many rows it touched. When they run: `notifications.periodic.SCHEDULE`."""


def _delete(database: Database, model: type[Any], condition: ColumnElement[bool]) -> int:
    """Delete the model's rows that meet `condition`, a batch a transaction; return how many."""
    key = inspect(model).primary_key
    doomed = select(*key).where(condition).limit(BATCH)
    total = 0
    while True:
        with database.across_programs() as session:
            gone: int = session.execute(
                delete(model).where(tuple_(*key).in_(doomed)), execution_options={"synchronize_session": False}
            ).rowcount  # type: ignore[attr-defined]
        total += gone
        if gone < BATCH:
            return total
