"""HTTP/2 for pushes: many POSTs at once over one TLS connection, each sent once at most, and its fate told exactly."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from notifications.http2 import Connection, Failure, Response

IDLE_SECONDS = 60.0
"""A connection unused for so long is replaced: a firewall may have forgotten it without telling either end."""


@dataclass(frozen=True, kw_only=True)
class TransportLimits:
    """How long a message may take once it is at the head of the queue, and how many are under way together."""

    timeout_seconds: float = 15.0
    connect_timeout_seconds: float = 5.0
    streams: int = 100


class PushTransport(Protocol):
    """Carries bodies to one URL. A campaign engine's faster one takes this one's place."""

    def post_many(self, bodies: Sequence[bytes], headers: Mapping[str, str]) -> list[Response | Failure]:
        """POST each body once, without any retry; answer for each, in order. Safe from several threads."""
        ...

    def close(self) -> None:
        """End connections and threads."""
        ...


class Http2Transport:
    """The transport on the `h2` library: an event loop in a thread of its own, one connection, up to 100 streams.

    FCM allows 100 streams a connection. No proxy, no HTTP/1.1: a server that does not speak HTTP/2 is a failure.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None, limits: TransportLimits | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"not an https address: {url}")
        self._limits = limits or TransportLimits()
        self._host, self._port = parts.hostname, parts.port or 443
        self._head = [(":method", "POST"), (":scheme", "https"), (":authority", parts.netloc), (":path", parts.path)]
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._tls.set_alpn_protocols(["h2"])
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[Connection] | None = None
        self._slots = asyncio.Semaphore(self._limits.streams)

    def post_many(self, bodies: Sequence[bytes], headers: Mapping[str, str]) -> list[Response | Failure]:
        """POST each body once; answer for each, in order. Raise RuntimeError when the transport is closed."""
        loop = self._running()
        return asyncio.run_coroutine_threadsafe(self._post_all(bodies, headers), loop).result()

    def close(self) -> None:
        """Close the connection and end the thread; what is under way fails as it would by a lost connection."""
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        """Start the thread at first use, so that a process may fork after it made the transport."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the transport is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="push-transport", daemon=True)
                self._thread.start()
            return self._loop

    async def _post_all(self, bodies: Sequence[bytes], headers: Mapping[str, str]) -> list[Response | Failure]:
        head = [*self._head, *((name.lower(), value) for name, value in headers.items())]
        failure = await self._unreachable()
        if failure is not None:
            return [failure] * len(bodies)
        return await asyncio.gather(*(self._post(head, body) for body in bodies))

    async def _post(self, head: list[tuple[str, str]], body: bytes) -> Response | Failure:
        async with self._slots:
            failure = await self._unreachable()
            if failure is not None or self._connection is None:
                return failure or Failure(reason="unreachable", maybe_sent=False)
            return await self._connection.post(head, body, timeout_seconds=self._limits.timeout_seconds)

    async def _unreachable(self) -> Failure | None:
        """Make sure of a connection; return why there is none. Those who ask at the same time share one attempt."""
        if self._closed:
            return Failure(reason="transport_closed", maybe_sent=False)
        if self._connection is not None and self._connection.usable(idle_seconds=IDLE_SECONDS):
            return None
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        try:
            await asyncio.shield(self._connecting)
        except ssl.SSLCertVerificationError:
            return Failure(reason="certificate_not_trusted", maybe_sent=False)
        except (OSError, TimeoutError):
            return Failure(reason="unreachable", maybe_sent=False)
        return None

    def _connected(self, _task: asyncio.Task[Connection]) -> None:
        self._connecting = None

    async def _connect(self) -> Connection:
        old, self._connection = self._connection, None
        if old is not None:
            old.retire()
        async with asyncio.timeout(self._limits.connect_timeout_seconds):
            reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            connection = Connection(reader, writer)
            try:
                await connection.greet()
            except BaseException:
                await connection.close()
                raise
        self._connection = connection
        return connection

    async def _end(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await self._connecting
        if self._connection is not None:
            await self._connection.close()
        # Those who wait for an answer hear that there is none before the loop stops.
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        if waiting:
            await asyncio.wait(waiting)
