"""The connections to one server: opened as the load needs, filled one after the other, watched by one reaper."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wire.exchanges import Exchange
from wire.http2 import Connection

REAP_SECONDS = 0.1
"""How late a time limit may be noticed."""
IDLE_SECONDS = 60.0
"""A connection unused for so long is ended: a firewall may have forgotten it without telling either end."""
SILENT_SECONDS = 5.0
"""A server that owes answers and says nothing for so long is pinged, and given up after as long again."""
TROUBLE_SECONDS = 1.0
"""After a connection that could not be opened no more are tried for so long, while others serve."""
PACE_SECONDS = 0.01
"""How often waiting messages are looked at when the quota holds them back."""


@dataclass(frozen=True, kw_only=True)
class TransportLimits:
    """How long things may take, how much may be under way together, and how much a minute.

    - `timeout_seconds`: a message's time once it is begun. One that could not even begin within twice as long, since
      all streams are taken, fails as not sent.
    - `connections` of up to `streams` each: FCM allows 100 a connection. 1,000 under way are 10,000 a second at 100 ms.
    - `messages_per_minute`: a little under FCM's quota for a project, 600,000; None: as fast as it goes.
    """

    timeout_seconds: float = 15.0
    connect_timeout_seconds: float = 5.0
    streams: int = 100
    connections: int = 10
    messages_per_minute: int | None = 570_000


class Pace:
    """A token bucket that holds half a second's worth: what was saved in idle minutes is not spent in one burst."""

    def __init__(self, messages_per_minute: int | None, now: float) -> None:
        self._per_second = messages_per_minute / 60 if messages_per_minute is not None else None
        self._room = max(1.0, (self._per_second or 0) / 2)
        self._tokens, self._at = self._room, now

    def allowed(self, now: float, wanted: int) -> int:
        """Return how many of `wanted` may begin now."""
        if self._per_second is None:
            return wanted
        self._tokens = min(self._room, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return min(wanted, int(self._tokens))

    def take(self, count: int) -> None:
        """Count messages that began."""
        self._tokens -= count


class Pool:
    """Connections to one host and port, and the exchanges that wait for one. Everything happens in one event loop."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext, limits: TransportLimits) -> None:
        self._host, self._port, self._tls, self._limits = host, port, tls, limits
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, Exchange]] = deque()
        self._connections: list[Connection] = []
        self._sockets: set[asyncio.Future[None]] = set()
        self._connecting: set[asyncio.Task[None] | None] = set()
        self._trouble_until = 0.0
        self._pace = Pace(limits.messages_per_minute, self._loop.time())
        self._pacing: asyncio.TimerHandle | None = None
        self._reaping: asyncio.TimerHandle | None = None
        self._pumping = self._closed = False

    def submit(self, exchanges: Iterable[Exchange], begin_by: float | None = None) -> None:
        """Begin exchanges as soon as there is room for them; those for which there is none until `begin_by` fail."""
        give_up_at = self._loop.time() + 2 * self._limits.timeout_seconds
        if begin_by is not None:
            give_up_at = min(give_up_at, begin_by)
        self._waiting.extend((give_up_at, exchange) for exchange in exchanges)
        if self._closed:
            self._refuse_waiting("transport_closed")
        if self._reaping is None:
            self._reaping = self._loop.call_later(REAP_SECONDS, self._reap)
        self._pump()

    async def close(self) -> None:
        """End all connections; what is under way fails, and what waits is not sent."""
        self._closed = True
        self._refuse_waiting("transport_closed")
        for timer in (self._reaping, self._pacing):
            if timer is not None:
                timer.cancel()
        for task in filter(None, list(self._connecting)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for connection in list(self._connections):
            connection.abort()
        if self._sockets:
            await asyncio.wait(self._sockets, timeout=1)

    def _pump(self) -> None:
        """Begin what can begin; open connections for the rest."""
        if self._pumping:
            return  # called from within, by a connection that ended while it was written to
        self._pumping = True
        try:
            for connection in list(self._connections):
                if not self._waiting:
                    break
                self._fill(connection)
        finally:
            self._pumping = False
        if self._waiting and self._pacing is None:
            self._open_more()

    def _fill(self, connection: Connection) -> None:
        now = self._loop.time()
        wanted = min(connection.room, len(self._waiting))
        count = self._pace.allowed(now, wanted)
        for _ in range(count):
            give_up_at, exchange = self._waiting.popleft()
            if give_up_at > now:
                connection.begin(exchange, now + self._limits.timeout_seconds)
            else:  # perhaps this process was stopped for an hour
                exchange.fail("crowded", maybe_sent=False)
        self._pace.take(count)
        connection.flush()
        if count < wanted and self._pacing is None:
            self._pacing = self._loop.call_later(PACE_SECONDS, self._paced)

    def _paced(self) -> None:
        self._pacing = None
        self._pump()

    def _open_more(self) -> None:
        usable = sum(not connection.draining for connection in self._connections)
        if usable and self._loop.time() < self._trouble_until:
            return
        most = self._limits.connections - usable - len(self._connecting)
        needed = -(-len(self._waiting) // self._limits.streams) - len(self._connecting)
        for _ in range(min(most, needed)):
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)

    async def _connect(self) -> None:
        """Open one connection and wait until the server has told its limits."""
        task = asyncio.current_task()
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._limits.connect_timeout_seconds):
                _, connection = await self._loop.create_connection(
                    self._make_connection, self._host, self._port, ssl=self._tls
                )
                self._sockets.add(connection.gone)
                connection.gone.add_done_callback(self._sockets.discard)
                await connection.settled
        except ssl.SSLCertVerificationError:
            self._could_not_connect(task, connection, "certificate_not_trusted")
        except ssl.SSLError as error:
            self._could_not_connect(task, connection, _trouble(error))
        except (OSError, TimeoutError):
            self._could_not_connect(task, connection, "unreachable")
        except asyncio.CancelledError:
            if connection is not None:
                connection.abort()
            raise
        else:
            self._connections.append(connection)
            self._connecting.discard(task)
            self._pump()

    def _make_connection(self) -> Connection:
        return Connection(self._on_change, streams=self._limits.streams)

    def _could_not_connect(self, task: "asyncio.Task[None] | None", connection: Connection | None, reason: str) -> None:
        self._connecting.discard(task)
        if connection is not None:
            connection.abort()
        self._trouble_until = self._loop.time() + TROUBLE_SECONDS
        if not self._connecting and all(connection.draining for connection in self._connections):
            self._refuse_waiting(reason)

    def _refuse_waiting(self, reason: str) -> None:
        while self._waiting:
            self._waiting.popleft()[1].fail(reason, maybe_sent=False)

    def _on_change(self, connection: Connection) -> None:
        if connection.ended and connection in self._connections:
            self._connections.remove(connection)
        if self._waiting and not self._closed:
            self._pump()

    def _reap(self) -> None:
        """End what is late, waits for too long or is idle; come back while there is anything."""
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            self._waiting.popleft()[1].fail("crowded", maybe_sent=False)
        for connection in list(self._connections):
            connection.reap(now)
            connection.check_life(now, silent_seconds=SILENT_SECONDS)
            if not connection.busy and now - connection.used_at >= IDLE_SECONDS:
                connection.retire()
        if self._waiting:
            self._pump()
        anything = self._waiting or self._connections or self._connecting
        self._reaping = self._loop.call_later(REAP_SECONDS, self._reap) if anything and not self._closed else None


def _trouble(error: ssl.SSLError) -> str:
    """Tell a server that does not take our certificate from any other trouble with TLS."""
    alert = str(error.reason)
    about_us = "ALERT" in alert and ("CERTIFICATE" in alert or "UNKNOWN_CA" in alert)
    return "certificate_refused" if about_us else "unreachable"
