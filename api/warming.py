"""Getting a web process ready before its first request: connections, and the set-up of the programmes in use.

Without it the first scan of each process pays for what all others find there: a connection and what the driver asks on
it, five queries for the programme's set-up, and functions that PostgreSQL compiles for each connection anew.
"""

import contextlib
from datetime import timedelta
from uuid import UUID

import psycopg
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from api.operation import Edge
from app import clock, ids
from app.db import Database
from app.db.hot import HotTransaction
from app.errors import NotFoundError
from app.models import Event, Program

log = get_logger()

PROGRAMS_MAX = 100
"""How many programmes a process reads, those first in which something happened last."""
LOOKED_AT_MAX = 2000
BUDGET = timedelta(seconds=2)
"""After this the process serves, whatever is still to be read: it is read when it is asked for."""
CONNECTIONS_MAX = 4

_NOBODY = UUID(int=0)


def warm(app: Flask) -> int:
    """Make an application ready; return how many programmes it knows.

    A database that does not answer is no reason not to start: `/readyz` says so.
    """
    here: Edge = app.extensions["assidu"]
    began_at = clock.now()
    known = 0
    try:
        _connect(here.database)
        for program_id in _in_use(here.database):
            if clock.now() - began_at > BUDGET:
                break
            # Between the two somebody may have taken a programme away.
            with contextlib.suppress(NotFoundError):
                here.rule_sets.ensure(here.configs.get(program_id))
                known += 1
    except (SQLAlchemyError, psycopg.Error) as error:
        log.warning("not_warmed", kind=type(error).__name__)
    return known


def _connect(database: Database) -> None:
    """Open connections for hot transactions, and let each compile what a scan calls."""
    with contextlib.ExitStack() as lent:
        for _ in range(min(CONNECTIONS_MAX, database.settings.web_threads)):
            transaction = HotTransaction(lent.enter_context(database.hot.lend()))
            transaction.begin_with("scan_read", _NOBODY, ids.digest(""), "warm", "warm", clock.now())
            transaction.roll_back()


def _in_use(database: Database) -> list[UUID]:
    """Return the programmes in which something happened last."""
    newest = select(Program.id).order_by(Program.id.desc()).limit(LOOKED_AT_MAX).subquery()
    last = select(Event.id).where(Event.program_id == newest.c.id).order_by(Event.id.desc()).limit(1).scalar_subquery()
    query = select(newest.c.id).order_by(last.desc().nulls_last()).limit(PROGRAMS_MAX)
    # The web role sees one programme at a time and cannot be asked for all; the worker's goes at once.
    with database.across_programs() as session:
        found = list(session.scalars(query))
    database.worker.dispose()
    return found
