"""HTTP/2 as a server without `h2`: for loads under which the strict one of `wire` would be the slower side.

It believes its client: what is checked here is less than what `wire` checks. Faults are the same.
"""

import asyncio
import struct
from collections.abc import Mapping
from typing import cast

import hpack

from wire.header_blocks import BlockPacker, Headers
from wire.stand_in.answers import Answer
from wire.stand_in.protocols import Handler

PREFACE_BYTES = 24
FRAME = struct.Struct(">HBBBL")
FRAME_HEAD_BYTES = 9
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
INTERNAL_ERROR, REFUSED_STREAM = 2, 7
STREAM_ID = 2**31 - 1
WINDOW_BYTES = 2**24
CONSTANT_FIELDS = (":method", ":scheme", ":authority", ":path", "authorization", "content-type")


class LeanHttp2(asyncio.Protocol):
    """One HTTP/2 connection; answers are those of `handle`, after `latency_seconds` and whatever the answer waits.

    After `goaway_after` requests it asks the client to leave, and answers what came before. `connections` holds the
    open ones.
    """

    def __init__(
        self,
        handle: Handler,
        *,
        streams_max: int,
        latency_seconds: float,
        goaway_after: int | None,
        connections: set[asyncio.Transport],
    ) -> None:
        self._handle, self._streams_max = handle, streams_max
        self._connections = connections
        self._latency_seconds, self._goaway_after = latency_seconds, goaway_after
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._greeted = self._leaving = False
        self._bodies: dict[int, tuple[Headers, bytearray]] = {}
        self._head: tuple[int, bytes] = (0, b"")
        self._decoder = hpack.Decoder()
        self._known: dict[bytes, Headers] = {}
        self._packer = BlockPacker()
        self._heads: dict[tuple[int, tuple[tuple[str, str], ...]], tuple[tuple[str, str], ...]] = {}
        self._out: list[bytes] = []
        self._flushing = False
        self._received = self._requests = self._highest = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the limits: streams, and wide windows."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self._transport)
        self._put(SETTINGS, 0, 0, struct.pack(">HLHL", 3, self._streams_max, 4, WINDOW_BYTES))
        self._put(WINDOW_UPDATE, 0, 0, (WINDOW_BYTES - 65_535).to_bytes(4, "big"))
        self._flush()

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget it."""
        if self._transport is not None:
            self._connections.discard(self._transport)
        self._bodies.clear()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Act on all whole frames."""
        data = self._rest + data if self._rest else data
        at = 0
        if not self._greeted:
            if len(data) < PREFACE_BYTES:
                self._rest = data
                return
            self._greeted, at = True, PREFACE_BYTES
        end = len(data)
        while end - at >= FRAME_HEAD_BYTES:
            upper, last, kind, flags, stream_id = FRAME.unpack_from(data, at)
            begin = at + FRAME_HEAD_BYTES
            stop = begin + (upper << 8 | last)
            if stop > end:
                break
            self._on_frame(kind, flags, stream_id & STREAM_ID, data[begin:stop])
            at = stop
        self._rest = data[at:]
        self._flush()

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        match kind:
            case 0:
                self._on_data(flags, stream_id, payload)
            case 1 | 9:
                self._on_headers(kind, flags, stream_id, payload)
            case 3:
                self._bodies.pop(stream_id, None)
            case 4 if not flags & ACK:
                for name, value in struct.iter_unpack(">HL", payload):
                    if name == 1:
                        self._packer.limit(value)
                self._put(SETTINGS, ACK, 0, b"")
            case 6 if not flags & ACK:
                self._put(PING, ACK, 0, payload)

    def _on_headers(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == HEADERS:
            if flags & PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            if flags & PRIORITY:
                payload = payload[5:]
            self._head = (flags, payload)
        else:
            self._head = (self._head[0], self._head[1] + payload)
        if not flags & END_HEADERS:
            return
        first_flags, block = self._head
        self._bodies[stream_id] = (self._fields(block), bytearray())
        self._highest = max(self._highest, stream_id)
        if first_flags & END_STREAM:
            self._answer(stream_id)

    def _fields(self, block: bytes) -> Headers:
        """Read a head. Its end, `content-length`, changes from one to the next and is cut off before looking it up."""
        end = block.rfind(b"\x0f\x0d", -8)
        constant = block[:end] if end > 0 else block
        known = self._known.get(constant)
        if known is not None:
            return known
        entries = self._decoder.header_table.dynamic_entries
        newest, count = (entries[0] if entries else None), len(entries)
        fields = {str(name): str(value) for name, value in self._decoder.decode(block)}
        if (entries[0] if entries else None) is newest and len(entries) == count:
            self._known[constant] = {name: fields[name] for name in CONSTANT_FIELDS if name in fields}
        else:
            self._known.clear()
        return fields

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received > WINDOW_BYTES // 4:
            self._put(WINDOW_UPDATE, 0, 0, self._received.to_bytes(4, "big"))
            self._received = 0
        if stream_id not in self._bodies:
            return
        if flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        self._bodies[stream_id][1].extend(payload)
        if flags & END_STREAM:
            self._answer(stream_id)

    def _answer(self, stream_id: int) -> None:
        self._requests += 1
        if self._leaving:
            self._bodies.pop(stream_id)  # opened after we asked to leave: not processed
            return
        headers, body = self._bodies[stream_id]
        answer = self._handle(headers[":method"], headers[":path"], headers, bytes(body))
        wait_seconds = self._latency_seconds + answer.wait_seconds
        if answer.wire == "goaway" or self._requests == self._goaway_after:
            self._leaving = True
            self._put(GOAWAY, 0, 0, self._highest.to_bytes(4, "big") + bytes(4))
        if wait_seconds:
            asyncio.get_running_loop().call_later(wait_seconds, self._send, stream_id, answer)
        else:
            self._send(stream_id, answer)

    def _send(self, stream_id: int, answer: Answer) -> None:
        if self._bodies.pop(stream_id, None) is None or self._transport is None:
            return
        match answer.wire:
            case "hang":
                return
            case "cut":
                self._transport.abort()
                return
            case "reset" | "refuse":
                code = REFUSED_STREAM if answer.wire == "refuse" else INTERNAL_ERROR
                self._put(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))
            case _:
                self._put_answer(stream_id, answer)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _put_answer(self, stream_id: int, answer: Answer) -> None:
        block = self._packer.pack(self._constant(answer.status, answer.headers), len(answer.body))
        self._put(HEADERS, END_HEADERS, stream_id, block)
        if answer.wire == "midbody":
            self._put(DATA, 0, stream_id, answer.body[: len(answer.body) // 2])
            self._put(RST_STREAM, 0, stream_id, INTERNAL_ERROR.to_bytes(4, "big"))
            return
        # An answer is much smaller than a client's first window.
        self._put(DATA, END_STREAM, stream_id, answer.body)

    def _constant(self, status: int, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the same object for the same head, since the packer looks no deeper."""
        key = (status, tuple(headers.items()))
        return self._heads.setdefault(key, ((":status", str(status)), *((name.lower(), text) for name, text in key[1])))

    def _put(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._out.append(FRAME.pack(size >> 8, size & 0xFF, kind, flags, stream_id))
        self._out.append(payload)

    def _flush(self) -> None:
        self._flushing = False
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._out.clear()
