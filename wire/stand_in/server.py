"""The server of a stand-in: one TLS port, HTTP/2 or HTTP/1.1 as the client asks, in a thread with an event loop."""

import asyncio
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from wire.stand_in import certificates, protocols
from wire.stand_in.answers import Answer

START_SECONDS_MAX = 10


class _Door(asyncio.Protocol):
    """Hands a connection to what speaks its protocol."""

    def __init__(self, server: "Server") -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        inner = self._server.open_door(transport.get_extra_info("ssl_object"))
        transport.set_protocol(inner)
        inner.connection_made(transport)


class Server:
    """A provider's server on loopback. `start` it or use it as a context manager; `handle` is what it answers.

    Under `home` it writes `ca.pem`, the authority to trust.
    """

    name = "stand-in"

    def __init__(self, home: Path, *, port: int = 0, streams_max: int = 100) -> None:
        self.home = home
        self._port = port
        self._streams_max = streams_max
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.connections_opened = 0

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"https://localhost:{self._port}"

    @property
    def ca_file(self) -> Path:
        """Return the file of the authority to trust."""
        return self.home / "ca.pem"

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request, of either protocol; names of headers are in lower case."""
        raise NotImplementedError

    def handler_for(self, peer: ssl.SSLObject) -> protocols.Handler:
        """Return what answers on one connection, by whom it comes from."""
        del peer
        return self.handle

    def streams_for(self, peer: ssl.SSLObject) -> int:
        """Return how many streams a client may open at first on a connection of HTTP/2."""
        del peer
        return self._streams_max

    def make_tls(self) -> ssl.SSLContext:
        """Make the server's certificate; return its TLS settings."""
        return certificates.make_tls(self.home)

    def started(self) -> None:
        """Prepare what needs the port, before anything is answered."""

    def start(self) -> Self:
        """Make keys and certificates, listen, and return once connections are accepted; raise OSError."""
        self.home.mkdir(parents=True, exist_ok=True)
        tls = self.make_tls()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Door(self), "127.0.0.1", self._port, ssl=tls)
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self.started()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Drop all connections and end the thread."""
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(START_SECONDS_MAX)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None
        self._loop.close()

    def open_door(self, peer: ssl.SSLObject) -> asyncio.Protocol:
        """Return what speaks the protocol that a new connection has agreed on; called in the event loop."""
        reader = asyncio.StreamReader(loop=self._loop)
        del peer
        return asyncio.StreamReaderProtocol(reader, self._serve, loop=self._loop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections_opened += 1
        peer: ssl.SSLObject = writer.get_extra_info("ssl_object")
        handle = self.handler_for(peer)
        try:
            if peer.selected_alpn_protocol() == "h2":
                await protocols.Http2(reader, writer, handle, streams_max=self.streams_for(peer)).run()
            else:
                await protocols.http1(reader, writer, handle)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client left, or the stand-in stops
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def drop(self) -> None:
        """End all connections; called in the event loop."""
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections))

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.drop()
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        if answering:
            await asyncio.wait(answering, timeout=1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
