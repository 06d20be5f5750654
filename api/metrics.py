"""What an operator watches: requests by operation and status, and how long they took.

Each web process counts for itself in memory-mapped files (prometheus-client's multiprocess mode) when
`PROMETHEUS_MULTIPROC_DIR` is set, as `assidu web` and the demo do; any of them then answers for all.
"""

import time
from collections.abc import Callable

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.config import metrics_folder

REQUESTS = Counter("assidu_http_requests", "Requests answered", ["operation", "status"])
SECONDS = Histogram(
    "assidu_http_request_seconds",
    "Time to answer",
    ["operation"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

_Observe = Callable[[float], None]
_known: dict[tuple[str | None, int], tuple[Callable[[], None], _Observe]] = {}


def watch(app: Flask) -> None:
    """Count every request of the application."""
    app.before_request(_start)
    app.after_request(_count)


def text() -> Response:
    """Return the figures in Prometheus' text format."""
    registry: CollectorRegistry = REGISTRY
    if metrics_folder() is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _start() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    key = (request.endpoint, response.status_code)
    found = _known.get(key)
    if found is None:
        # Labels are looked up once: finding them costs more than counting.
        name = (request.endpoint or "unknown").rsplit(".", 1)[-1]
        found = _known[key] = (
            REQUESTS.labels(name, str(response.status_code)).inc,
            SECONDS.labels(name).observe,
        )
    found[0]()
    found[1](time.perf_counter() - g.started)
    return response
