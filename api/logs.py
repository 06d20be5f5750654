"""Log lines: one JSON object (or one line of text) an event, with the request's id, and never contact data.

Our own events carry ids and kinds only. An exception is shown by its type and the places it passed, without its text:
what a driver or a library says of a failure may repeat what it was given.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from app.config import Settings

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(settings: Settings) -> None:
    """Send our events, and those of libraries from warnings up, to standard error as the settings ask."""
    level = _LEVELS[settings.log_level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_text,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_plain, renderer]))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _without_text(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and its places."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        places = traceback.extract_tb(error.__traceback__)
        event["error"] = type(error).__name__
        event["stack"] = [f"{place.filename.rsplit('/', 1)[-1]}:{place.lineno} {place.name}" for place in places]
    return event


def _plain(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Leave out what structlog puts beside a library's event for its own use."""
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event
