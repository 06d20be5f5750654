"""Engines: one database, reached as its owner, as the web role or as the worker role; where transactions end."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import URL, Engine, create_engine, make_url

from app import embedded
from app.config import Settings
from app.crypto import Keyring
from app.db.hot import HotPool
from app.db.session import Session


class Database:
    """One PostgreSQL. Engines are made when first used and belong to this process (make it after forking)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keyring = Keyring(embedded.secret_key(settings))
        self._url = _driver_url(settings.database_url or embedded.EmbeddedServer(settings.home).url)

    def role(self, kind: str) -> str:
        """Return the name of our role: `web`, `worker` or `door`."""
        return f"{self.settings.database_role_prefix}_{kind}"

    def url(self, kind: str) -> URL:
        """Return the address of the database for one of our roles that can sign in."""
        role = self.role(kind)
        return self._url.set(username=role, password=self.keyring.role_password(role))

    @cached_property
    def owner(self) -> Engine:
        """The owner's engine, for migrations only."""
        return create_engine(self._url, pool_size=1, max_overflow=1)

    @cached_property
    def web(self) -> Engine:
        """The engine of requests and job steps: one program at a time."""
        return self._engine("web", self.settings.web_threads + 4, self.settings.statement_timeout_ms)

    @cached_property
    def worker(self) -> Engine:
        """The engine that finds work across programs."""
        return self._engine("worker", self.settings.worker_concurrency + 10, 15 * 60 * 1000)

    def _engine(self, kind: str, size: int, timeout_ms: int) -> Engine:
        return create_engine(
            self.url(kind),
            # Values of rows would otherwise stand in the text of errors, and so in logs.
            hide_parameters=True,
            pool_size=size,
            max_overflow=4,
            pool_timeout=5,
            pool_recycle=1800,
            pool_use_lifo=True,
            connect_args=_connect_args(kind, timeout_ms),
        )

    def _connect_hot(self) -> psycopg.Connection:
        url = self.url("web")
        folders = url.normalized_query.get("host")
        return psycopg.connect(
            host=folders[0] if folders else url.host, port=url.port, dbname=url.database, user=url.username,
            password=url.password, autocommit=True, **_connect_args("web", self.settings.statement_timeout_ms),
        )  # fmt: skip

    @contextmanager
    def transaction(
        self,
        program_id: UUID | None = None,
        *,
        customer_id: UUID | None = None,
        contact_hash: bytes | None = None,
    ) -> Iterator[Session]:
        """Open a session for one program and commit it at the block's end; an exception rolls back."""
        with Session(self.web, program_id=program_id, customer_id=customer_id, contact_hash=contact_hash) as session:
            yield session
            session.commit()

    @contextmanager
    def across_programs(self) -> Iterator[Session]:
        """Open a session that reads all programs, as the worker role; it may write only what relays need."""
        with Session(self.worker) as session:
            yield session
            session.commit()

    @cached_property
    def hot(self) -> HotPool:
        """The web role's connections for hot transactions, which begin and end with their work."""
        return HotPool(self._connect_hot)

    def dispose(self) -> None:
        """Close every connection."""
        for name in ("owner", "web", "worker"):
            engine = self.__dict__.pop(name, None)
            if engine is not None:
                engine.dispose()
        self.hot.close()


def _connect_args(kind: str, timeout_ms: int) -> dict[str, Any]:
    return {
        "connect_timeout": 5,
        "application_name": f"assidu-{kind}",
        "options": f"-c statement_timeout={timeout_ms} -c lock_timeout={timeout_ms} -c timezone=UTC"
        " -c idle_in_transaction_session_timeout=60000",
    }


def _driver_url(text: str) -> URL:
    return make_url(text).set(drivername="postgresql+psycopg")
