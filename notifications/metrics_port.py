"""The worker's figures on a port of their own: what it counted, what the process uses, and what waits in the database.

What waits is asked of the database when Prometheus asks, by indexes and up to a bound, so that a backlog does not make
the question slow. Any worker of an installation answers it alike.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.config import Settings, SettingsError, metrics_folder
from app.db import Database
from app.models import Delivery, Event, PassUpdate
from wire import faults

log = structlog.get_logger(__name__)

COUNTED_MAX = 10_000
"""More than so many waiting rows are shown as so many."""


class Backlog(Collector):
    """What waits for workers, of all programmes together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Yield what waits, and whether the database said so."""
        try:
            events, oldest_seconds, deliveries, passes = self._read()
        except SQLAlchemyError as error:
            log.warning("metrics_failed", **faults.describe(error))
            yield _gauge("assidu_database_up", "Whether the database answered this worker", 0)
            return
        yield _gauge("assidu_database_up", "Whether the database answered this worker", 1)
        yield _gauge("assidu_events_waiting", f"Events not yet handed out, {COUNTED_MAX} at most", events)
        yield _gauge("assidu_events_oldest_seconds", "Age of the oldest of them", oldest_seconds)
        yield _gauge("assidu_deliveries_due", f"Deliveries that are due, {COUNTED_MAX} at most", deliveries)
        yield _gauge("assidu_passes_due", f"Passes in wallets to be looked at, {COUNTED_MAX} at most", passes)

    def describe(self) -> list[Metric]:
        """Return nothing: registering must not ask the database."""
        return []

    def _read(self) -> tuple[int, float, int, int]:
        now = clock.now()
        waiting = select(Event.recorded_at).where(Event.handled_at.is_(None)).limit(COUNTED_MAX).subquery()
        due = (
            select(Delivery.id)
            .where(Delivery.state.in_(("queued", "sending")), Delivery.due_at <= now)
            .limit(COUNTED_MAX)
            .subquery()
        )
        looks = select(PassUpdate.pass_id).where(PassUpdate.due_at <= now).limit(COUNTED_MAX).subquery()
        with self._database.across_programs() as session:
            events, oldest = session.execute(select(func.count(), func.min(waiting.c.recorded_at))).one()
            deliveries = session.scalar(select(func.count()).select_from(due))
            passes = session.scalar(select(func.count()).select_from(looks))
        return events, max((now - oldest).total_seconds(), 0.0) if oldest else 0.0, deliveries or 0, passes or 0


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """Answer Prometheus on `ASSIDU_WORKER_METRICS_PORT` until the block ends; do nothing where it is 0.

    Raises SettingsError when the port is taken: each worker on a machine needs one of its own.
    """
    if not settings.worker_metrics_port:
        yield
        return
    database = Database(settings)
    backlog = Backlog(database)
    # Counters of several processes lie in files; what waits is asked by this one.
    registry = CollectorRegistry() if metrics_folder() else REGISTRY
    if metrics_folder():
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(backlog)
    try:
        server, thread = start_http_server(settings.worker_metrics_port, settings.host, registry)
    except OSError as error:
        registry.unregister(backlog)
        place = f"{settings.worker_metrics_port} on {settings.host}"
        raise SettingsError(f"ASSIDU_WORKER_METRICS_PORT is not usable: {place}: {error.strerror}") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        registry.unregister(backlog)
        database.dispose()
