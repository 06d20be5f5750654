"""One HTTP/2 connection as a client (RFC 9113): exchanges side by side, each answered, refused or lost by itself."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

READ_BYTES = 65_536
FRAME_HEAD_BYTES = 9
FRAME_BYTES_MAX = 16_384
GOAWAY = 0x7
LAST_STREAM_ID = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Response:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Failure:
    """No whole answer. `maybe_sent` is False only when the server cannot have acted on the request."""

    reason: str
    maybe_sent: bool


@dataclass(eq=False)
class _Exchange:
    """A request under way. It counts as sent once its last byte is handed to the socket."""

    answer: asyncio.Future[Response | Failure]
    sent: bool = False
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    def fail(self, reason: str, *, maybe_sent: bool) -> None:
        if not self.answer.done():
            self.answer.set_result(Failure(reason=reason, maybe_sent=maybe_sent))


class Connection:
    """A connection and its exchanges; everything happens in one event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._exchanges: dict[int, _Exchange] = {}
        self._changed = asyncio.Event()
        self._received = bytearray()
        self._settled = self._draining = self._ended = False
        self._last_used_at = self._loop_time()
        self._reading: asyncio.Task[None] | None = None
        self._on_event: dict[type[h2.events.Event], Callable[..., None]] = {
            h2.events.ResponseReceived: self._on_response,
            h2.events.DataReceived: self._on_data,
            h2.events.StreamEnded: self._on_end,
            h2.events.StreamReset: self._on_reset,
            h2.events.RemoteSettingsChanged: self._on_settings,
        }

    async def greet(self) -> None:
        """Exchange settings, so that the server's limit of streams is known before the first request.

        Raise ConnectionError when the server does not speak HTTP/2.
        """
        tls = self._writer.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != "h2":
            raise ConnectionError("the server does not speak HTTP/2")
        self._h2.initiate_connection()
        self._flush()
        self._reading = asyncio.get_running_loop().create_task(self._read())
        await self._until(lambda: self._settled)

    async def post(self, head: list[tuple[str, str]], body: bytes, *, timeout_seconds: float) -> Response | Failure:
        """Send one request, once, and wait for its answer or for the end of the time."""
        exchange = _Exchange(asyncio.get_running_loop().create_future())
        stream_id = 0
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._until(lambda: len(self._exchanges) < self._h2.remote_settings.max_concurrent_streams)
                stream_id = self._h2.get_next_available_stream_id()
                self._exchanges[stream_id] = exchange
                self._h2.send_headers(stream_id, [*head, ("content-length", str(len(body)))])
                await self._send_body(stream_id, exchange, body)
                return await exchange.answer
        except TimeoutError:
            self._cancel(stream_id)
            return Failure(reason="timeout", maybe_sent=exchange.sent)
        except (OSError, h2.exceptions.H2Error):
            if exchange.answer.done():
                return exchange.answer.result()
            return Failure(reason="connection_lost", maybe_sent=exchange.sent)
        finally:
            self._exchanges.pop(stream_id, None)
            self._last_used_at = self._loop_time()
            self._wake()

    def usable(self, *, idle_seconds: float) -> bool:
        """Tell whether a new exchange may begin here: not when ended, told to go away, used up or idle for too long."""
        if self._ended or self._draining or self._h2.highest_outbound_stream_id > LAST_STREAM_ID - 2 * READ_BYTES:
            return False
        return bool(self._exchanges) or self._loop_time() - self._last_used_at < idle_seconds

    def retire(self) -> None:
        """Take no more exchanges; end when those under way have their answers."""
        self._draining = True
        self._wake()
        if not self._exchanges:
            self._writer.transport.abort()

    async def close(self) -> None:
        """End now; exchanges under way fail."""
        self._writer.transport.abort()
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._end()

    async def _send_body(self, stream_id: int, exchange: _Exchange, body: bytes) -> None:
        view = memoryview(body)
        while view:
            await self._until(lambda: exchange.answer.done() or self._h2.local_flow_control_window(stream_id) > 0)
            if exchange.answer.done():
                return
            size = min(len(view), self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            part, view = view[:size], view[size:]
            self._h2.send_data(stream_id, bytes(part), end_stream=not view)
            exchange.sent = not view
            self._flush()

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(READ_BYTES):
                for event in self._h2.receive_data(self._take_goaway(data)):
                    handle = self._on_event.get(type(event))
                    if handle is not None:
                        handle(event)
                self._flush()
                self._wake()
        except (OSError, h2.exceptions.H2Error):
            pass  # the same as an end: nothing more will come
        finally:
            self._end()

    def _take_goaway(self, data: bytes) -> bytes:
        """Return the whole frames received, less GOAWAY, which is acted on here.

        h2 takes GOAWAY for the end of the connection, although the server goes on to answer the streams that it names
        as taken (RFC 9113 §6.8): without this, each restart of a server would leave messages of unknown fate.
        """
        self._received += data
        passed = bytearray()
        while len(self._received) >= FRAME_HEAD_BYTES:
            length = int.from_bytes(self._received[:3], "big")
            end = FRAME_HEAD_BYTES + length
            if length > FRAME_BYTES_MAX:
                return bytes(passed + self._received)  # h2 refuses it by the rules
            if len(self._received) < end:
                break
            if self._received[3] == GOAWAY and length >= 8:  # noqa: PLR2004 - last stream and error, four bytes each
                self._go_away(int.from_bytes(self._received[9:13], "big") & LAST_STREAM_ID)
            else:
                passed += self._received[:end]
            del self._received[:end]
        return bytes(passed)

    def _go_away(self, last_stream_id: int) -> None:
        self._draining = True
        for stream_id, exchange in self._exchanges.items():
            if stream_id > last_stream_id:
                exchange.fail("server_going_away", maybe_sent=False)

    def _on_response(self, event: h2.events.ResponseReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            exchange.headers = {str(name): str(value) for name, value in event.headers}
            exchange.status = int(exchange.headers.pop(":status"))

    def _on_data(self, event: h2.events.DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            exchange.body += event.data

    def _on_end(self, event: h2.events.StreamEnded) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None and not exchange.answer.done():
            exchange.answer.set_result(
                Response(status=exchange.status, headers=exchange.headers, body=bytes(exchange.body))
            )

    def _on_reset(self, event: h2.events.StreamReset) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM  # not processed at all: RFC 9113 §8.7
            exchange.fail("stream_refused" if refused else "stream_reset", maybe_sent=exchange.sent and not refused)

    def _on_settings(self, _event: h2.events.RemoteSettingsChanged) -> None:
        self._settled = True

    def _cancel(self, stream_id: int) -> None:
        """Tell the server that nobody waits for this answer any more."""
        with contextlib.suppress(OSError, h2.exceptions.H2Error):
            if stream_id in self._exchanges:
                self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
                self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._ended:
            self._writer.write(data)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; raise ConnectionError when the connection ends before."""
        while not condition():
            if self._ended:
                raise ConnectionError("the connection ended")
            await self._changed.wait()
        if self._ended:
            raise ConnectionError("the connection ended")

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self._draining and not self._exchanges:
            self._writer.transport.abort()

    def _end(self) -> None:
        self._ended = True
        for exchange in self._exchanges.values():
            exchange.fail("connection_lost", maybe_sent=exchange.sent)
        self._writer.transport.abort()
        self._wake()

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()
