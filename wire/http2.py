"""One HTTP/2 connection as a client (RFC 9113), lean: exchanges side by side, each answered, refused or lost by itself.

Only what posting small bodies needs is here, framed by hand: an exchange costs two short writes into a buffer that many
share. Header fields are packed and read by the `hpack` library (`wire.header_blocks`).
"""

import asyncio
import ssl
import struct
from collections.abc import Callable
from typing import cast

from wire.exchanges import Exchange, Response
from wire.header_blocks import BlockPacker, BlockReader

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME = struct.Struct(">HBBBL")
"""A frame's head: the upper and the last part of its length, its kind, its flags, its stream."""
FRAME_HEAD_BYTES = 9
FRAME_BYTES_MAX = 16_384
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
CANCEL, REFUSED_STREAM = 0x8, 0x7
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5
LAST_STREAM_ID = 2**31 - 1
WINDOW_BYTES = 65_535
"""What each side may send before it hears of more room, at first (RFC 9113 §6.9.2)."""
RECEIVE_WINDOW_BYTES = 4 * 2**20
ANSWER_BYTES_MAX = 60_000
"""A longer answer is none of FCM's; less than a stream's window, so that no stream's window need ever be widened."""
BLOCK_BYTES_MAX = 65_536
"""All CONTINUATION frames of one answer's head together."""


class ProtocolViolationError(Exception):
    """The server sent what the protocol does not allow; nothing after it can be understood."""


class Connection(asyncio.Protocol):
    """A connection and its exchanges; everything happens in one event loop.

    `changed` is called with it whenever there may be room for more exchanges, and when it has ended.
    """

    def __init__(
        self, changed: Callable[["Connection"], None], *, streams: int = 100, first_stream_id: int = 1
    ) -> None:
        self._changed = changed
        self._streams_max = self._streams_wanted = streams
        self._next_id = first_stream_id
        self._transport: asyncio.Transport | None = None
        self._open: dict[int, Exchange] = {}
        self._blocked: dict[int, Exchange] = {}
        self._out: list[bytes] = []
        self._leaving: list[Exchange] = []
        self._rest = b""
        self._block: tuple[int, int, bytes] | None = None
        self._packer, self._reader = BlockPacker(), BlockReader()
        self._window, self._stream_window, self._frame_bytes = WINDOW_BYTES, WINDOW_BYTES, FRAME_BYTES_MAX
        self._unacknowledged = 0
        self._full = False
        self.settled = asyncio.get_running_loop().create_future()
        self.gone = asyncio.get_running_loop().create_future()
        self.draining = self.ended = False
        self.heard_at = self.used_at = asyncio.get_running_loop().time()
        self._pinged_at: float | None = None
        self._frames: dict[int, Callable[[int, int, bytes], None]] = {
            DATA: self._on_data,
            HEADERS: self._on_headers,
            RST_STREAM: self._on_reset,
            SETTINGS: self._on_settings,
            PUSH_PROMISE: self._on_promise,
            PING: self._on_ping,
            GOAWAY: self._on_goaway,
            WINDOW_UPDATE: self._on_window_update,
            CONTINUATION: self._on_continuation,
        }

    # What the pool asks.

    @property
    def busy(self) -> int:
        """Return how many exchanges are under way."""
        return len(self._open)

    @property
    def room(self) -> int:
        """Return how many more exchanges may begin now."""
        if self.draining or self._full or not self.settled.done():
            return 0
        return min(self._streams_max - len(self._open), (LAST_STREAM_ID + 2 - self._next_id) // 2)

    def begin(self, exchange: Exchange, deadline: float) -> None:
        """Put one exchange into the next write; `flush` writes. Only where there is `room`."""
        stream_id, self._next_id = self._next_id, self._next_id + 2
        if self._next_id > LAST_STREAM_ID:
            self.draining = True
        exchange.deadline = deadline
        exchange.window = self._stream_window
        self._open[stream_id] = exchange
        body = exchange.body
        self._put_head(stream_id, self._packer.pack(exchange.head, len(body), exchange.path))
        if len(body) <= self._window and len(body) <= exchange.window and len(body) <= self._frame_bytes:
            self._put(DATA, END_STREAM, stream_id, body)
            self._window -= len(body)
            self._leaving.append(exchange)
        else:
            exchange.unsent = body
            self._blocked[stream_id] = exchange
            self._send_blocked(stream_id, exchange)

    def flush(self) -> None:
        """Write what is collected, in one piece; whatever ends with it counts as sent."""
        if not self._out or self._transport is None or self._transport.is_closing():
            return
        data = b"".join(self._out)
        self._out.clear()
        for exchange in self._leaving:
            exchange.sent = True
        self._leaving.clear()
        self._transport.write(data)

    def reap(self, now: float) -> None:
        """End exchanges whose time is over: they are in the order in which they began."""
        late = []
        for stream_id, exchange in self._open.items():
            if exchange.deadline > now:
                break
            late.append(stream_id)
        for stream_id in late:
            exchange = self._close_stream(stream_id, cancel=True)
            exchange.fail("timeout", maybe_sent=exchange.sent)
        if late:
            self.flush()
            self._after()

    def check_life(self, now: float, *, silent_seconds: float) -> None:
        """Ping a server that is silent while it owes answers; end the connection if it stays silent as long again."""
        if not self._open or now - self.heard_at < silent_seconds:
            self._pinged_at = None
        elif self._pinged_at is None:
            self._pinged_at = now
            self._put(PING, 0, 0, b"assidu??")
            self.flush()
        elif now - self._pinged_at >= silent_seconds:
            self.abort()

    def retire(self) -> None:
        """Take no more exchanges; end when those under way have their answers."""
        self.draining = True
        self._after()

    def abort(self) -> None:
        """End now; exchanges under way fail."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the server: settings, and room for many answers."""
        self._transport = cast("asyncio.Transport", transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != "h2":
            self.abort()
            return
        self._out.append(PREFACE)
        self._put(SETTINGS, 0, 0, struct.pack(">HL", ENABLE_PUSH, 0))
        self._put(WINDOW_UPDATE, 0, 0, (RECEIVE_WINDOW_BYTES - WINDOW_BYTES).to_bytes(4, "big"))
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Act on all whole frames."""
        self.heard_at = asyncio.get_running_loop().time()
        data = self._rest + data if self._rest else data
        try:
            self._rest = data[self._take_frames(data) :]
        except (ProtocolViolationError, IndexError, ValueError, struct.error):
            self.abort()
            return
        self._after()
        self.flush()

    def _take_frames(self, data: bytes) -> int:
        """Act on the whole frames at the beginning of `data`; return where the next one begins."""
        at, end, frames = 0, len(data), self._frames
        while end - at >= FRAME_HEAD_BYTES:
            upper, last, kind, flags, stream_id = FRAME.unpack_from(data, at)
            begin = at + FRAME_HEAD_BYTES
            stop = begin + (upper << 8 | last)
            if stop - begin > FRAME_BYTES_MAX or (self._block is not None and kind != CONTINUATION):
                raise ProtocolViolationError
            if stop > end:
                break
            handle = frames.get(kind)
            if handle is not None:
                handle(flags, stream_id & LAST_STREAM_ID, data[begin:stop])
            at = stop
        return at

    def pause_writing(self) -> None:
        """Begin nothing: the server does not read as fast as we write."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._full = False
        self._after()

    def connection_lost(self, error: Exception | None) -> None:
        """End; the socket is closed."""
        if isinstance(error, ssl.SSLError) and not self.settled.done():
            # With TLS 1.3 a server says only after the handshake that it does not take our certificate.
            self.settled.set_exception(error)
        self._end()
        if not self.gone.done():
            self.gone.set_result(None)

    def _end(self) -> None:
        """Fail what is under way, each with the truth about whether it left."""
        if self.ended:
            return
        self.ended = self.draining = True
        if not self.settled.done():
            self.settled.set_exception(ConnectionError("the server does not speak HTTP/2"))
        lost, self._open = self._open, {}
        self._blocked.clear()
        for exchange in lost.values():
            exchange.fail("connection_lost", maybe_sent=exchange.sent)
        self._changed(self)

    # Frames that come.

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        payload = _unpadded(flags, payload)
        if flags & PRIORITY:
            payload = payload[5:]
        if flags & END_HEADERS:
            self._on_block(flags, stream_id, payload)
        else:
            self._block = (flags, stream_id, payload)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is None or self._block[1] != stream_id:
            raise ProtocolViolationError
        first_flags, _, block = self._block
        if len(block) + len(payload) > BLOCK_BYTES_MAX:
            raise ProtocolViolationError
        if flags & END_HEADERS:
            self._block = None
            self._on_block(first_flags, stream_id, block + payload)
        else:
            self._block = (first_flags, stream_id, block + payload)

    def _on_block(self, flags: int, stream_id: int, block: bytes) -> None:
        # Read also for an exchange that is over: the tables of both sides must stay the same.
        status, headers = self._reader.read(block)
        exchange = self._open.get(stream_id)
        if exchange is None:
            return
        # Not an interim answer (1xx), and not trailers, which have no status.
        if exchange.status == 0 and status >= 200:  # noqa: PLR2004
            exchange.status, exchange.headers = status, headers
        if flags & END_STREAM:
            self._answered(stream_id, exchange)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._unacknowledged += len(payload)
        if self._unacknowledged > RECEIVE_WINDOW_BYTES // 2:
            self._put(WINDOW_UPDATE, 0, 0, self._unacknowledged.to_bytes(4, "big"))
            self._unacknowledged = 0
        exchange = self._open.get(stream_id)
        if exchange is None:
            return
        payload = _unpadded(flags, payload)
        exchange.received = exchange.received + payload if exchange.received else payload
        if len(exchange.received) > ANSWER_BYTES_MAX:
            self._close_stream(stream_id, cancel=True)
            exchange.fail("answer_too_long", maybe_sent=True)
        elif flags & END_STREAM:
            self._answered(stream_id, exchange)

    def _answered(self, stream_id: int, exchange: Exchange) -> None:
        if not exchange.status:
            raise ProtocolViolationError
        # An answer before the end of the request: the rest need not be sent.
        self._close_stream(stream_id, cancel=bool(exchange.unsent))
        exchange.settle(Response(exchange.status, exchange.headers, exchange.received))

    def _on_reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id not in self._open:
            return
        exchange = self._close_stream(stream_id)
        if int.from_bytes(payload, "big") == REFUSED_STREAM:  # not processed at all: RFC 9113 §8.7
            exchange.fail("stream_refused", maybe_sent=False)
        else:
            exchange.fail("stream_reset", maybe_sent=exchange.sent)

    def _on_settings(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if flags & ACK:
            return
        for name, value in struct.iter_unpack(">HL", payload):
            match name:
                case 1:  # HEADER_TABLE_SIZE
                    self._packer.limit(value)
                case 3:  # MAX_CONCURRENT_STREAMS
                    self._streams_max = min(self._streams_wanted, value)
                case 4:  # INITIAL_WINDOW_SIZE
                    for exchange in self._open.values():
                        exchange.window += value - self._stream_window
                    self._stream_window = value
                case 5:  # MAX_FRAME_SIZE
                    self._frame_bytes = value
        self._put(SETTINGS, ACK, 0, b"")
        if not self.settled.done():
            self.settled.set_result(None)
        self._send_all_blocked()

    def _on_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ProtocolViolationError  # we said that we take none

    def _on_ping(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if not flags & ACK:
            self._put(PING, ACK, 0, payload)

    def _on_goaway(self, _flags: int, _stream_id: int, payload: bytes) -> None:
        """Begin nothing more. The server still answers what it took (RFC 9113 §6.8); the rest it never saw."""
        self.draining = True
        last = int.from_bytes(payload[:4], "big") & LAST_STREAM_ID
        for stream_id in [each for each in self._open if each > last]:
            self._close_stream(stream_id).fail("server_going_away", maybe_sent=False)

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        more = int.from_bytes(payload, "big") & LAST_STREAM_ID
        if stream_id == 0:
            self._window += more
            self._send_all_blocked()
        elif stream_id in self._open:
            exchange = self._open[stream_id]
            exchange.window += more
            if exchange.unsent:
                self._send_blocked(stream_id, exchange)

    # Frames that leave.

    def _put(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._out.append(FRAME.pack(size >> 8, size & 0xFF, kind, flags, stream_id))
        self._out.append(payload)

    def _put_head(self, stream_id: int, block: bytes) -> None:
        kind = HEADERS
        while len(block) > self._frame_bytes:
            self._put(kind, 0, stream_id, block[: self._frame_bytes])
            kind, block = CONTINUATION, block[self._frame_bytes :]
        self._put(kind, END_HEADERS, stream_id, block)

    def _send_all_blocked(self) -> None:
        for stream_id, exchange in list(self._blocked.items()):
            self._send_blocked(stream_id, exchange)

    def _send_blocked(self, stream_id: int, exchange: Exchange) -> None:
        while exchange.unsent:
            size = min(len(exchange.unsent), self._window, exchange.window, self._frame_bytes)
            if size <= 0:
                return
            part, exchange.unsent = exchange.unsent[:size], exchange.unsent[size:]
            self._put(DATA, 0 if exchange.unsent else END_STREAM, stream_id, part)
            self._window -= size
            exchange.window -= size
        self._leaving.append(exchange)
        self._blocked.pop(stream_id, None)

    def _close_stream(self, stream_id: int, *, cancel: bool = False) -> Exchange:
        exchange = self._open.pop(stream_id)
        self._blocked.pop(stream_id, None)
        self.used_at = self.heard_at
        if cancel:
            self._put(RST_STREAM, 0, stream_id, CANCEL.to_bytes(4, "big"))
        return exchange

    def _after(self) -> None:
        if self.draining and not self._open and not self.ended:
            self.flush()
            if self._transport is not None:
                self._transport.close()
            self._end()
        elif not self.ended:
            self._changed(self)


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if payload[0] >= len(payload):
        raise ProtocolViolationError
    return payload[1 : len(payload) - payload[0]]
