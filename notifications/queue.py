"""Deferring a task inside the caller's own transaction: it is queued when that commits, and not when it rolls back."""

from typing import Any

import sqlalchemy as sa
import structlog
from procrastinate import exceptions, tasks
from procrastinate.manager import JobManager
from procrastinate.sync_psycopg_connector import SyncPsycopgConnector

from app.db import Session

log = structlog.get_logger(__name__)

SEND_DELIVERIES = "send_deliveries"
"""Sends what is due; takes no arguments: the rows say what there is to do."""
DELIVER_WEBHOOKS = "deliver_webhooks"
"""Sends what is due to webhooks; takes no arguments."""

MAKE_RUN = "make_run"
"""Makes the deliveries of the run `run_id`, from where they are made."""
DRAIN_RUN = "drain_run"
"""Sends what the run `run_id` has due by `channel`, for a few seconds."""
DEFAULT_QUEUE = "default"
CAMPAIGNS = "campaigns"
"""The queue of what no provider can hold up; `push` and `email` have lanes of their own."""
LANES = {"push": "campaigns-push", "email": "campaigns-email"}

_TRIES = 5
# Never opened: it only writes on the connection that it is given.
_manager = JobManager(SyncPsycopgConnector())
_jobs = sa.table("procrastinate_jobs", sa.column("id"), sa.column("queueing_lock"), sa.column("status"))


def defer_once(
    session: Session, task: str, *, waits_as: str | None = None, lane: str = DEFAULT_QUEUE, **arguments: Any
) -> bool:
    """Queue `task` unless it is waiting already; return whether this call queued it.

    Two with other arguments may wait together when `waits_as` tells them apart; `lane` is the queue.

    Call it last in the transaction: others that defer the same task wait for this one's end. A task that waits already
    is held back until this transaction ends, so that it cannot start too early to see the rows written here.
    """
    name = waits_as or task
    for _ in range(_TRIES):
        if _hold(session, name):
            return False
        if _insert(session, task, name, lane, arguments):
            return True
    # Others queued it and workers took it each time we looked: the sweep, seconds from now, finds the rows.
    log.warning("defer_left_to_sweep", task=task)
    return False


def _insert(session: Session, task: str, name: str, lane: str, arguments: dict[str, Any]) -> bool:
    connection = session.connection()
    driver = connection.connection.driver_connection
    deferrer = tasks.configure_task(name=task, job_manager=_manager, queueing_lock=name, queue=lane, connection=driver)
    try:
        # A savepoint: the refusal of the unique index would otherwise end the caller's transaction. Made on the
        # connection, since the session would make it only when the session itself is used next.
        with connection.begin_nested():
            deferrer.defer(**arguments)
    except exceptions.AlreadyEnqueued:
        return False
    return True


def _hold(session: Session, name: str) -> bool:
    """Share-lock the waiting job, which workers take with SKIP LOCKED; return False when it waits no more."""
    waiting = sa.select(_jobs.c.id).where(_jobs.c.queueing_lock == name, _jobs.c.status == sa.literal_column("'todo'"))
    return session.execute(waiting.with_for_update(read=True)).first() is not None
