"""The tasks that workers run, on Procrastinate: an App for one process, bound to its database and its channel."""

import threading
from functools import partial

import structlog
from procrastinate import App, PsycopgConnector

from app.db import Database
from notifications import faults, periodic, queue
from notifications.periodic import TaskFailedError
from notifications.sending import Sender
from notifications.webhooks.courier import Courier

log = structlog.get_logger(__name__)

MISSED_TICK_MAX_SECONDS = 24 * 3600
"""A job whose hour passed while no worker ran is made up for, once, by the next worker that starts within a day."""


def make_app(database: Database, sender: Sender, stop: threading.Event) -> App:
    """Return Procrastinate's app, signed in as the worker role; tasks give way soon after `stop` is set."""
    address = database.url("worker").set(drivername="postgresql")
    app = App(
        connector=PsycopgConnector(
            conninfo=address.render_as_string(hide_password=False),
            kwargs={"application_name": "assidu-queue", "connect_timeout": 5},
            min_size=1,
            max_size=4,
            timeout=10,
        ),
        periodic_defaults={"max_delay": MISSED_TICK_MAX_SECONDS},
    )
    app.task(name=queue.SEND_DELIVERIES, queueing_lock=queue.SEND_DELIVERIES)(partial(_send_deliveries, sender, stop))
    app.task(name=queue.DELIVER_WEBHOOKS, queueing_lock=queue.DELIVER_WEBHOOKS)(
        partial(_deliver_webhooks, Courier(database), stop)
    )
    periodic.register(app, database)
    return app


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
