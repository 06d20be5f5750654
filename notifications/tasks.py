"""The tasks that workers run, on Procrastinate: an App for one process, bound to its database and its channel."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector

from app.db import Database
from notifications import periodic, queue
from notifications.campaigns import dispatching
from notifications.campaigns.draining import Drainer
from notifications.periodic import TaskFailedError
from notifications.sending import Sender
from notifications.webhooks.courier import LINGER_SECONDS, Courier
from wire import faults

log = structlog.get_logger(__name__)

MISSED_TICK_MAX_SECONDS = 24 * 3600
"""A job whose hour passed while no worker ran is made up for, once, by the next worker that starts within a day."""


def make_app(database: Database, sender: Sender, drainer: Drainer, stop: threading.Event) -> App:
    """Return Procrastinate's app, signed in as the worker role; tasks give way soon after `stop` is set."""
    app = App(
        connector=PsycopgConnector(
            # Asked again for each connection: the role's password changes when the secret key does.
            conninfo=partial(database.conninfo, "worker"),
            kwargs={"application_name": "assidu-queue", "connect_timeout": 5},
            min_size=1,
            max_size=8,
            timeout=10,
        ),
        periodic_defaults={"max_delay": MISSED_TICK_MAX_SECONDS},
    )
    app.task(name=queue.SEND_DELIVERIES, queueing_lock=queue.SEND_DELIVERIES)(partial(_send_deliveries, sender, stop))
    app.task(name=queue.DELIVER_WEBHOOKS, queueing_lock=queue.DELIVER_WEBHOOKS)(
        partial(_deliver_webhooks, Courier(database, linger_seconds=LINGER_SECONDS), stop)
    )
    # Several of one run may be done at once, by as many workers as there are; one of each waits.
    app.task(name=queue.MAKE_RUN, queue=queue.CAMPAIGNS)(
        _quietly(queue.MAKE_RUN, partial(dispatching.make_run, database, stop))
    )
    app.task(name=queue.DRAIN_RUN, queue=queue.CAMPAIGNS)(
        _quietly(queue.DRAIN_RUN, partial(dispatching.drain_run, database, drainer, stop))
    )
    periodic.register(app, database)
    return app


def _quietly(name: str, task: Callable[..., int]) -> Callable[..., int]:
    """Return the task as one whose failure says nothing of its data; the next tick queues it again."""

    def run(**arguments: Any) -> int:
        try:
            return task(**arguments)
        except Exception as error:  # noqa: BLE001 - rows stand where they stood
            log.error("task_failed", task=name, **faults.describe(error))  # noqa: TRY400
            raise TaskFailedError(name) from None

    return run


def _send_deliveries(sender: Sender, stop: threading.Event, *, timestamp: int | None = None) -> int:  # noqa: ARG001
    """Send what is due; the sweep's tick comes as `timestamp`."""
    try:
        return sender.drain(stop)
    except Exception as error:  # noqa: BLE001 - the sweep tries again in seconds
        log.error("send_deliveries_failed", **faults.describe(error))  # noqa: TRY400
        raise TaskFailedError(queue.SEND_DELIVERIES) from None


def _deliver_webhooks(courier: Courier, stop: threading.Event, *, timestamp: int | None = None) -> int:  # noqa: ARG001
    """Send what is due to webhooks; the sweep's tick comes as `timestamp`."""
    try:
        return courier.drain(stop)
    except Exception as error:  # noqa: BLE001 - the sweep tries again in seconds
        log.error("deliver_webhooks_failed", **faults.describe(error))  # noqa: TRY400
        raise TaskFailedError(queue.DELIVER_WEBHOOKS) from None
