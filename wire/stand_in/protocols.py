"""HTTP/2 and HTTP/1.1 as a server, just enough for stand-ins, with the ways in which an answer can fail to come."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from http import HTTPStatus

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from wire.stand_in.answers import Answer

Handler = Callable[[str, str, Mapping[str, str], bytes], Answer]
READ_BYTES = 65_536
BODY_BYTES_MAX = 1_000_000


class _Stream:
    """A request as it comes in, and the part of its answer that waits for the client's window."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.body = bytearray()
        self.unsent = b""


class Http2:
    """One HTTP/2 connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler, *, streams_max: int
    ) -> None:
        self._reader, self._writer, self._handle = reader, writer, handle
        self._streams_max: int | None = streams_max
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        # Given whole: h2 announces a setting that is changed one by one only after it has begun to enforce it.
        self._h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: streams_max,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: READ_BYTES,
            },
        )
        self._streams: dict[int, _Stream] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client leaves."""
        self._h2.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(READ_BYTES):
                for event in self._h2.receive_data(data):
                    self._on(event)
                self._flush()
        except h2.exceptions.ProtocolError:
            self._flush()  # h2 has put GOAWAY there
        finally:
            for task in self._answering:
                task.cancel()

    def _on(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._streams[event.stream_id] = _Stream({str(name): str(value) for name, value in event.headers})
            case h2.events.DataReceived():
                self._streams[event.stream_id].body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                task = asyncio.get_running_loop().create_task(self._answer(event.stream_id))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case h2.events.StreamReset():
                self._streams.pop(event.stream_id, None)
            case h2.events.WindowUpdated():
                for stream_id in list(self._streams) if event.stream_id == 0 else [event.stream_id]:
                    self._send_body(stream_id)

    async def _answer(self, stream_id: int) -> None:
        stream = self._streams[stream_id]
        answer = self._handle(stream.headers[":method"], stream.headers[":path"], stream.headers, bytes(stream.body))
        if answer.wait_seconds:
            await asyncio.sleep(answer.wait_seconds)
        if answer.wire == "hang" or stream_id not in self._streams:
            return
        if answer.wire == "cut":
            self._writer.transport.abort()
            return
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._send(stream_id, stream, answer)
            self._flush()

    def _send(self, stream_id: int, stream: _Stream, answer: Answer) -> None:
        if answer.wire in {"reset", "refuse"}:
            codes = {"reset": h2.errors.ErrorCodes.INTERNAL_ERROR, "refuse": h2.errors.ErrorCodes.REFUSED_STREAM}
            self._h2.reset_stream(stream_id, codes[answer.wire])
            return
        if answer.wire == "goaway":
            self._go_away()
        if answer.streams_max not in {None, self._streams_max}:
            self._streams_max = answer.streams_max
            self._h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: answer.streams_max})
        self._h2.send_headers(
            stream_id,
            [(":status", str(answer.status)), *((name.lower(), text) for name, text in answer.headers.items())],
        )
        if answer.wire == "midbody":
            self._h2.send_data(stream_id, answer.body[: len(answer.body) // 2])
            self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            return
        stream.unsent = answer.body
        self._send_body(stream_id, ends_empty=True)

    def _go_away(self) -> None:
        """Ask the client to leave after the streams that it has opened.

        Written by hand: h2 takes its own GOAWAY for the end and would not answer these streams any more.
        """
        self._flush()
        last = self._h2.highest_inbound_stream_id
        self._writer.write(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + last.to_bytes(4, "big") + bytes(4))

    def _send_body(self, stream_id: int, *, ends_empty: bool = False) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or not (stream.unsent or ends_empty):
            return
        while stream.unsent or ends_empty:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if stream.unsent and room <= 0:
                return
            part, stream.unsent = stream.unsent[:room], stream.unsent[room:]
            self._h2.send_data(stream_id, part, end_stream=not stream.unsent)
            ends_empty = False
        del self._streams[stream_id]

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._writer.write(data)


async def http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler) -> None:
    """Serve HTTP/1.1 requests, one after the other, until the client leaves: google-auth speaks nothing newer."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _version = head[0].split(" ", 2)
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        if length > BODY_BYTES_MAX:
            return
        answer = handle(method, target, headers, await reader.readexactly(length))
        if answer.wait_seconds:
            await asyncio.sleep(answer.wait_seconds)
        if answer.wire == "hang":
            await reader.read()
        if answer.wire != "answer":
            return
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
            f"content-length: {len(answer.body)}",
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body)
        await writer.drain()
        if headers.get("connection", "").lower() == "close":
            return
