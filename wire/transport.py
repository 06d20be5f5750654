"""HTTP/2 for pushes: thousands of POSTs a second on a few connections, each sent once, its fate told exactly."""

import asyncio
import ssl
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from wire.connection_pool import Pool, TransportLimits
from wire.exchanges import Exchange, Failure, Response

__all__ = ["Failure", "Http2Transport", "PushTransport", "Request", "Response", "TransportLimits", "TransportThread"]


Head = tuple[tuple[str, str], ...]


class Request(NamedTuple):
    """A request whose path is its own; the path may hold a secret, and is kept out of HTTP/2's tables."""

    path: str
    body: bytes
    method: str = "POST"


class PushTransport(Protocol):
    """Carries bodies to one URL."""

    def post_many(
        self, bodies: Sequence[bytes], headers: Mapping[str, str], *, begin_by: float | None = None
    ) -> list[Response | Failure]:
        """POST each body once, without any retry; answer for each, in order. Safe from several threads.

        What has not begun at `begin_by`, on the clock of `time.monotonic`, fails as not sent.
        """
        ...

    def close(self) -> None:
        """End connections and threads."""
        ...


class TransportThread:
    """The event loop in a thread of its own, and the authorities to trust, that transports share."""

    def __init__(self, *, ca_file: Path | None = None) -> None:
        self.tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self.tls.set_alpn_protocols(["h2"])
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, started at first use, so that a process may fork before."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="push-transport", daemon=True)
                self._thread.start()
            return self._loop

    def stop(self) -> None:
        """End the thread; transports that use it are closed before."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()


class _Batch:
    """The answers of one call, as they come."""

    def __init__(self, size: int) -> None:
        self.answers: list[Response | Failure | None] = [None] * size
        self.done = threading.Event()
        self._left = size

    def exchange(self, place: int, head: Head, body: bytes, path: str = "") -> Exchange:
        def settle(answer: Response | Failure) -> None:
            self.answers[place] = answer
            self._left -= 1
            if not self._left:
                self.done.set()

        return Exchange(head, body, settle, path=path)


class Http2Transport:
    """The transport to one URL: up to ten connections of a hundred streams, opened as the load needs them.

    No proxy, no HTTP/1.1: a server that does not speak HTTP/2 is a failure.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None = None,
        limits: TransportLimits | None = None,
        thread: TransportThread | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open nothing yet.

        With `thread` its loop and its authorities are used, and `ca_file` is not. `tls` takes the place of both: where
        we show a certificate of our own (`wire.client_certificates`).
        """
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"not an https address: {url}")
        self._limits = limits or TransportLimits()
        self._host, self._port = parts.hostname, parts.port or 443
        self._host_head: Head = ((":scheme", "https"), (":authority", parts.netloc))
        self._path = parts.path
        self._thread = thread or TransportThread(ca_file=ca_file)
        self._tls = tls or self._thread.tls
        self._own_thread = thread is None
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._closed = False
        self._heads: dict[str, Head] = {}

    def post_many(
        self, bodies: Sequence[bytes], headers: Mapping[str, str], *, begin_by: float | None = None
    ) -> list[Response | Failure]:
        """POST each body once; answer for each, in order. Raise RuntimeError when the transport is closed.

        What has not begun at `begin_by` fails as not sent: also when the process was stopped in between.
        """
        with self._lock:
            head = self._head_of("POST", headers, self._path)
            batch = _Batch(len(bodies))
            self._begin([batch.exchange(place, head, body) for place, body in enumerate(bodies)], begin_by)
        return self._answers_of(batch)

    def request_many(
        self, requests: Sequence[Request], headers: Mapping[str, str], *, begin_by: float | None = None
    ) -> list[Response | Failure]:
        """Send each request once, under the same headers, as `post_many` does; the URL's path is not used."""
        with self._lock:
            heads = {method: self._head_of(method, headers) for method in {request.method for request in requests}}
            batch = _Batch(len(requests))
            exchanges = [
                batch.exchange(place, heads[request.method], request.body, request.path)
                for place, request in enumerate(requests)
            ]
            self._begin(exchanges, begin_by)
        return self._answers_of(batch)

    def close(self) -> None:
        """Close the connections; what is under way fails as it would by a lost connection."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            asyncio.run_coroutine_threadsafe(self._end(), self._thread.loop()).result()
        if self._own_thread:
            self._thread.stop()

    @property
    def _patience_seconds(self) -> float:
        """Longer than the pool takes to settle everything: only a fault of ours lasts longer."""
        return self._limits.connect_timeout_seconds + 4 * self._limits.timeout_seconds + 5

    def _head_of(self, method: str, headers: Mapping[str, str], path: str = "") -> Head:
        """Return the head of each request: the same object as long as it says the same, since it is packed once."""
        pseudo = ((":method", method), *self._host_head, *(((":path", path),) if path else ()))
        head = (*pseudo, *((name.lower(), value) for name, value in headers.items()))
        if head != self._heads.get(method):
            self._heads[method] = head
        return self._heads[method]

    def _begin(self, exchanges: Sequence[Exchange], begin_by: float | None) -> None:
        """Hand exchanges to the loop; under the lock, so that closing comes wholly after: every one is settled."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        if exchanges:
            self._thread.loop().call_soon_threadsafe(self._submit, exchanges, begin_by)

    def _answers_of(self, batch: _Batch) -> list[Response | Failure]:
        if batch.answers:
            batch.done.wait(self._patience_seconds)
        lost = Failure(reason="no_answer", maybe_sent=True)
        return [lost if answer is None else answer for answer in batch.answers]

    def _submit(self, exchanges: Sequence[Exchange], begin_by: float | None) -> None:
        if self._pool is None:
            self._pool = Pool(self._host, self._port, tls=self._tls, limits=self._limits)
        self._pool.submit(exchanges, begin_by)

    async def _end(self) -> None:
        if self._pool is not None:
            await self._pool.close()
