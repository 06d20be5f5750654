"""Engines: one database, reached as its owner, as the web role or as the worker role; where transactions end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import URL, Dialect, Engine, create_engine, event, make_url

from app import embedded
from app.config import Settings
from app.db.hot import HotPool
from app.db.session import Session


class Database:
    """One PostgreSQL. Engines are made when first used and belong to this process (make it after forking)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keyring = embedded.keyring(settings)
        self._signed_in_by = self.keyring
        self._url = _driver_url(settings.database_url or embedded.EmbeddedServer(settings.home).url)

    def role(self, kind: str) -> str:
        """Return the name of our role: `web`, `worker` or `door`."""
        return f"{self.settings.database_role_prefix}_{kind}"

    def url(self, kind: str) -> URL:
        """Return the address of the database for one of our roles that can sign in.

        While the secret key is rotated the role's password may be of another key: `sign_in` finds which.
        """
        role = self.role(kind)
        return self._url.set(username=role, password=self._signed_in_by.role_password(role))

    def conninfo(self, kind: str) -> str:
        """Return the address with which a role can sign in now, for a library that connects by itself."""

        def connect(password: str) -> None:
            address = self._url.set(drivername="postgresql", username=self.role(kind), password=password)
            psycopg.connect(address.render_as_string(hide_password=False), connect_timeout=5).close()

        if self.keyring.fallbacks:
            self.sign_in(kind, connect)
        return self.url(kind).set(drivername="postgresql").render_as_string(hide_password=False)

    def sign_in(self, kind: str, connect: Callable[[str], Any]) -> Any:
        """Return what `connect` makes of a role's password: of the key that was taken last, or else of the others.

        Raises the first of psycopg's OperationalErrors when none is taken.
        """
        refused: psycopg.OperationalError | None = None
        for keys in sorted(self.keyring.each(), key=lambda one: one is not self._signed_in_by):
            try:
                made = connect(keys.role_password(self.role(kind)))
            except psycopg.OperationalError as error:
                refused = refused or error
            else:
                self._signed_in_by = keys
                return made
        assert refused is not None
        raise refused

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
        engine = create_engine(
            self.url(kind),
            # Values of rows would otherwise stand in the text of errors, and so in logs.
            hide_parameters=True,
            pool_size=size,
            # A worker's lanes for wallets come and go; what is beyond the pool's size is closed again.
            max_overflow=12,
            pool_timeout=5,
            pool_recycle=1800,
            pool_use_lifo=True,
            connect_args=_connect_args(kind, timeout_ms),
        )

        def connect(dialect: Dialect, _record: Any, positional: Any, named: dict[str, Any]) -> Any:
            return self.sign_in(kind, lambda password: dialect.connect(*positional, **(named | {"password": password})))

        event.listen(engine, "do_connect", connect)
        return engine

    def _connect_hot(self) -> psycopg.Connection:
        url = self.url("web")
        folders = url.normalized_query.get("host")

        def connect(password: str) -> psycopg.Connection:
            return psycopg.connect(
                host=folders[0] if folders else url.host, port=url.port, dbname=url.database, user=url.username,
                password=password, autocommit=True, **_connect_args("web", self.settings.statement_timeout_ms),
            )  # fmt: skip

        made: psycopg.Connection = self.sign_in("web", connect)
        return made

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
