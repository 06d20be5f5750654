"""A transaction of two round trips: begin with a function's answer, end with another's work.

The simple query protocol carries `BEGIN; SELECT …` and `SELECT …; COMMIT` in one message each, and libpq is called
straight, since on this path the driver's own work costs as much as the database's. The functions' own statements stay
prepared inside PL/pgSQL. Values are quoted by libpq (`PQescapeLiteral`), never by us.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from select import select
from typing import Any
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

_NULL = b"NULL"
_DONE = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})


class HotPool:
    """Connections for hot transactions, in autocommit: as many as threads ask for at once, the last used first.

    A plain list, since a pool's events, resets and bookkeeping cost a tenth of a scan. A connection that fails takes
    the idle ones with it: after a restart of the database none of them would work.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._idle: list[psycopg.Connection] = []

    @contextmanager
    def lend(self) -> Iterator[psycopg.Connection]:
        """Lend a connection that is in no transaction; what is left open is rolled back."""
        connection = self._take()
        try:
            yield connection
        finally:
            if connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                _settle(connection)
            if connection.pgconn.status == pq.ConnStatus.OK:
                self._idle.append(connection)
            else:
                connection.close()
                self.close()

    def _take(self) -> psycopg.Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            # An idle connection has nothing to say; one that can be read was ended by the other side.
            if not select([connection.fileno()], [], [], 0)[0]:
                return connection
            connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


def _settle(connection: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        connection.rollback()


class HotTransaction:
    """One transaction on a lent connection (`HotPool.lend`)."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection.pgconn
        self.trips = 0
        self._escape = pq.Escaping(connection.pgconn).escape_literal

    def begin_with(self, function: str, *values: Any) -> list[str | None]:
        """Begin, call a set-returning function and return its one row as texts; raise psycopg's errors."""
        result = self._execute(b"BEGIN; SELECT * FROM " + self._call(function, values))
        return [_text(result.get_value(0, column)) for column in range(result.nfields)]

    def ask(self, function: str, *values: Any) -> str | None:
        """Call a function and return its value as text: one round trip, in the open transaction or one of its own."""
        return _text(self._execute(b"SELECT " + self._call(function, values)).get_value(0, 0))

    def rows(self, function: str, *values: Any) -> list[list[str | None]]:
        """Call a set-returning function and return its rows as texts: one round trip, as `ask` does."""
        result = self._execute(b"SELECT * FROM " + self._call(function, values))
        return [
            [_text(result.get_value(row, column)) for column in range(result.nfields)] for row in range(result.ntuples)
        ]

    def end_with(self, function: str, *values: Any) -> None:
        """Call a function for its work and commit; raise psycopg's errors, after which `roll_back` is due."""
        self._execute(b"SELECT " + self._call(function, values) + b"; COMMIT")

    def roll_back(self) -> None:
        """Give the transaction up."""
        self._execute(b"ROLLBACK")

    def _call(self, function: str, values: tuple[Any, ...]) -> bytes:
        return function.encode() + b"(" + b",".join([self._literal(value) for value in values]) + b")"

    def _literal(self, value: Any) -> bytes:
        write = _LITERALS.get(type(value))
        return bytes(self._escape(value.encode())) if write is None else write(value)

    def _execute(self, command: bytes) -> pq.abc.PGresult:
        self.trips += 1
        result = self._connection.exec_(command)
        if result.status in _DONE:
            return result
        if self._connection.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection to the database was lost")
        raise error_from_result(result)


def _element(value: UUID | int | datetime | None) -> bytes:
    """Return an array's element; the kinds that arrays carry here need no quotes inside."""
    if value is None:
        return _NULL
    if isinstance(value, UUID):
        return value.hex.encode()
    if isinstance(value, datetime):
        return b'"' + value.isoformat().encode() + b'"'
    return b"%d" % value


_LITERALS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _none: _NULL,
    UUID: lambda value: b"'" + value.hex.encode() + b"'",
    int: lambda value: b"%d" % value,
    bool: lambda value: b"true" if value else b"false",
    bytes: lambda value: b"'\\x" + value.hex().encode() + b"'",
    datetime: lambda value: b"'" + value.isoformat().encode() + b"'",
    list: lambda value: b"'{" + b",".join([_element(one) for one in value]) + b"}'",
}
"""How values are written that cannot hold a quote; every other one is a text and goes through libpq."""


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
