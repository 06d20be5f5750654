"""One HTTP/2 connection against a server that is scripted frame by frame: what the strict stand-in would never do."""

import asyncio
import contextlib
import dataclasses
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hpack
import pytest

from wire import connection_pool
from wire.exchanges import Exchange, Failure, Response
from wire.http2 import LAST_STREAM_ID, Connection
from wire.stand_in.certificates import make_tls
from wire.transport import Http2Transport, TransportLimits

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LIMITS = TransportLimits(timeout_seconds=30, connect_timeout_seconds=30, connections=1, messages_per_minute=None)
HASTY = dataclasses.replace(LIMITS, timeout_seconds=3)

Frame = tuple[int, int, int, bytes]
Handle = Callable[["Peer", Frame], None]


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 255, kind, flags, stream_id) + payload


def setting(name: int, value: int) -> bytes:
    return struct.pack(">HL", name, value)


class Peer(asyncio.Protocol):
    """A server of HTTP/2 that keeps what it got and does what a script says to each frame."""

    def __init__(self, settings: bytes, handle: Handle) -> None:
        self.settings, self.handle = settings, handle
        self.frames: list[Frame] = []
        self.buffer = b""
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.write(frame(SETTINGS, 0, 0, self.settings))

    def write(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer.startswith(b"PRI"):
            if len(self.buffer) < 24:
                return
            self.buffer = self.buffer[24:]
        while len(self.buffer) >= 9:
            upper, last, kind, flags, stream_id = struct.unpack_from(">HBBBL", self.buffer)
            end = 9 + (upper << 8 | last)
            if len(self.buffer) < end:
                return
            got = (kind, flags, stream_id, self.buffer[9:end])
            self.buffer = self.buffer[end:]
            self.frames.append(got)
            self.handle(self, got)

    def answer(self, stream_id: int, body: bytes = b"{}") -> None:
        block = self.encoder.encode([(":status", "200"), ("content-type", "application/json")])
        self.write(frame(HEADERS, END_HEADERS, stream_id, block) + frame(DATA, END_STREAM, stream_id, body))


def answers_all(peer: Peer, got: Frame) -> None:
    kind, flags, stream_id, _ = got
    if kind == DATA and flags & END_STREAM:
        peer.answer(stream_id)


class Server:
    """The peers, in a loop of a thread; `url` is where they listen."""

    def __init__(self, home: Path, settings: bytes, handle: Handle) -> None:
        self.peers: list[Peer] = []
        self.loop = asyncio.new_event_loop()
        tls = make_tls(home)
        self.ca_file = home / "ca.pem"

        def make() -> Peer:
            self.peers.append(Peer(settings, handle))
            return self.peers[-1]

        self.server = self.loop.run_until_complete(self.loop.create_server(make, "127.0.0.1", 0, ssl=tls))
        self.url = f"https://localhost:{self.server.sockets[0].getsockname()[1]}/"
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def frames(self, kind: int) -> list[Frame]:
        return [got for peer in self.peers for got in peer.frames if got[0] == kind]

    def stop(self) -> None:
        async def end() -> None:
            self.server.close()
            for peer in self.peers:
                peer.transport.abort()  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@contextlib.contextmanager
def talking(
    home: Path, handle: Handle, *, settings: bytes = b"", limits: TransportLimits = LIMITS
) -> Iterator[tuple[Http2Transport, Server]]:
    server = Server(home, settings, handle)
    transport = Http2Transport(server.url, ca_file=server.ca_file, limits=limits)
    try:
        yield transport, server
    finally:
        transport.close()
        server.stop()


def statuses(answers: list[Response | Failure]) -> list[int | str]:
    return [answer.status if isinstance(answer, Response) else answer.reason for answer in answers]


def test_the_head_is_packed_once_and_read_the_same_each_time(tmp_path: Path) -> None:
    with talking(tmp_path, answers_all) as (transport, server):
        for token in ("a", "a", "b", "a"):
            transport.post_many([b"x" * 10, b"y" * 200], {"Authorization": token * 300, "content-type": "text/plain"})
        decoder = hpack.Decoder()
        heads = [dict(decoder.decode(payload)) for _, _, _, payload in server.frames(HEADERS)]
        sizes = [len(payload) for _, _, _, payload in server.frames(HEADERS)]
    assert [head["authorization"][0] for head in heads] == list("aaaabbaa")
    assert [head["content-length"] for head in heads] == ["10", "200"] * 4
    assert heads[0][":path"] == "/"
    assert max(sizes[2:4]) < 20 < sizes[0]


@pytest.mark.parametrize("table_bytes", [0, 100, 4096, 65_536])
def test_a_server_with_another_header_table_understands_every_head(tmp_path: Path, table_bytes: int) -> None:
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = table_bytes
    with talking(tmp_path, answers_all, settings=setting(1, table_bytes)) as (transport, server):
        for _call in range(3):
            transport.post_many([b"x", b"y"], {"authorization": "t" * 300})
        heads = [dict(decoder.decode(payload)) for _, _, _, payload in server.frames(HEADERS)]
    assert {head["authorization"] for head in heads} == {"t" * 300}


def test_a_head_longer_than_a_frame_goes_on_in_continuations(tmp_path: Path) -> None:
    with talking(tmp_path, answers_all) as (transport, server):
        answers = transport.post_many([b"x"], {"authorization": "\\~" * 20_000})
        parts = [payload for kind, _, _, payload in server.peers[0].frames if kind in {HEADERS, CONTINUATION}]
    assert statuses(answers) == [200]
    assert len(parts) > 1
    assert dict(hpack.Decoder(10**6).decode(b"".join(parts)))["authorization"] == "\\~" * 20_000


def test_an_answer_whose_head_comes_in_parts_with_padding_and_after_an_interim_one_is_read(tmp_path: Path) -> None:
    def handle(peer: Peer, got: Frame) -> None:
        kind, flags, stream_id, _ = got
        if kind == DATA and flags & END_STREAM:
            early = peer.encoder.encode([(":status", "103")])
            block = peer.encoder.encode([(":status", "200"), ("x-long", "y" * 50)])
            padded = b"\x03" + block[:5] + b"000"
            peer.write(frame(HEADERS, END_HEADERS, stream_id, early))
            peer.write(frame(HEADERS, 0x8, stream_id, padded))
            peer.write(frame(CONTINUATION, 0, stream_id, block[5:9]))
            peer.write(frame(CONTINUATION, END_HEADERS, stream_id, block[9:]))
            peer.write(frame(DATA, 0x8, stream_id, b"\x02ab00") + frame(DATA, 0, stream_id, b"c"))
            peer.write(frame(HEADERS, END_HEADERS | END_STREAM, stream_id, peer.encoder.encode([("x-sum", "1")])))

    with talking(tmp_path, handle) as (transport, _server):
        [answer] = transport.post_many([b"x"], {})
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers["x-long"], answer.body) == (200, "y" * 50, b"abc")


def test_windows_are_kept_to_and_widened_ones_used(tmp_path: Path) -> None:
    got_bytes: dict[int, int] = {}

    def handle(peer: Peer, got: Frame) -> None:
        kind, flags, stream_id, payload = got
        if kind != DATA:
            return
        got_bytes[stream_id] = got_bytes.get(stream_id, 0) + len(payload)
        assert len(payload) <= 100
        if flags & END_STREAM:
            peer.answer(stream_id)
        elif got_bytes[stream_id] % 100 == 0:
            peer.write(frame(WINDOW_UPDATE, 0, stream_id, (100).to_bytes(4, "big")))

    with talking(tmp_path, handle, settings=setting(4, 100)) as (transport, _server):
        answers = transport.post_many([b"x" * 1000, b"y" * 50, b"z" * 250], {})
    assert statuses(answers) == [200] * 3
    assert sorted(got_bytes.values()) == [50, 250, 1000]


def test_a_body_that_the_window_held_back_was_certainly_not_sent(tmp_path: Path) -> None:
    with talking(tmp_path, answers_all, settings=setting(4, 10), limits=HASTY) as (transport, _server):
        held, small = transport.post_many([b"x" * 100, b"y" * 5], {})
    assert held == Failure(reason="timeout", maybe_sent=False)
    assert isinstance(small, Response)


def test_a_window_that_is_made_smaller_and_larger_again_is_reckoned_with(tmp_path: Path) -> None:
    def handle(peer: Peer, got: Frame) -> None:
        if got[0] == HEADERS:
            peer.write(frame(SETTINGS, 0, 0, setting(4, 50)) + frame(SETTINGS, 0, 0, setting(4, 5000)))
        answers_all(peer, got)

    with talking(tmp_path, handle, settings=setting(4, 10)) as (transport, _server):
        assert statuses(transport.post_many([b"x" * 2000], {})) == [200]


def test_after_goaway_the_streams_that_it_names_are_answered_and_the_rest_was_not_sent(tmp_path: Path) -> None:
    def handle(peer: Peer, got: Frame) -> None:
        if got[0] == DATA and got[2] == 5:
            peer.write(frame(GOAWAY, 0, 0, (3).to_bytes(4, "big") + bytes(4)))
            peer.answer(1)
            peer.answer(3)

    with talking(tmp_path, handle, limits=HASTY) as (transport, server):
        answers = transport.post_many([b"x"] * 4, {})
        assert answers[2:] == [Failure(reason="server_going_away", maybe_sent=False)] * 2
        assert statuses(answers[:2]) == [200, 200]
        transport.post_many([b"x"], {})
        assert len(server.peers) == 2


def test_a_stream_limit_that_is_lowered_while_streams_are_open_is_kept_to(tmp_path: Path) -> None:
    under_way: set[int] = set()
    most: list[int] = []

    def handle(peer: Peer, got: Frame) -> None:
        kind, flags, stream_id, _ = got
        if kind == HEADERS:
            under_way.add(stream_id)
            most.append(len(under_way))
        if kind == DATA and flags & END_STREAM:
            asyncio.get_running_loop().call_later(0.01, done, peer, stream_id)

    def done(peer: Peer, stream_id: int) -> None:
        under_way.discard(stream_id)
        if stream_id == 1:
            peer.write(frame(SETTINGS, 0, 0, setting(3, 1)))
        peer.answer(stream_id)

    with talking(tmp_path, handle, settings=setting(3, 4)) as (transport, _server):
        assert statuses(transport.post_many([b"x"] * 12, {})) == [200] * 12
    assert max(most) == 4
    assert most[-4:] == [1] * 4


def test_a_ping_is_answered(tmp_path: Path) -> None:
    def handle(peer: Peer, got: Frame) -> None:
        if got[0] == HEADERS:
            peer.write(frame(PING, 0, 0, b"12345678"))
        if got[0] == PING and got[1] & ACK:
            peer.answer(1)

    with talking(tmp_path, handle) as (transport, server):
        assert statuses(transport.post_many([b"x"], {})) == [200]
        assert server.frames(PING) == [(PING, ACK, 0, b"12345678")]


def test_a_server_that_owes_answers_and_does_not_answer_a_ping_is_given_up() -> None:
    async def run() -> tuple[list[Failure | Response], list[bytes]]:
        written: list[bytes] = []
        connection, answers = _connected(written)
        connection.begin(Exchange(((":path", "/"),), b"x", answers.append), deadline=1e9)
        connection.flush()
        now = asyncio.get_running_loop().time()
        connection.check_life(now + 6, silent_seconds=5)
        connection.check_life(now + 8, silent_seconds=5)
        assert answers == []
        connection.check_life(now + 11.1, silent_seconds=5)
        return answers, written

    answers, written = asyncio.run(run())
    assert answers == [Failure(reason="connection_lost", maybe_sent=True)]
    assert frame(PING, 0, 0, b"assidu??") in written


def test_a_message_that_was_not_yet_handed_to_the_socket_was_certainly_not_sent() -> None:
    async def run() -> list[Failure | Response]:
        connection, answers = _connected([])
        connection.begin(Exchange(((":path", "/"),), b"x", answers.append), deadline=1e9)
        connection.flush()
        connection.begin(Exchange(((":path", "/"),), b"y", answers.append), deadline=1e9)
        connection.connection_lost(None)
        return answers

    assert asyncio.run(run()) == [
        Failure(reason="connection_lost", maybe_sent=True),
        Failure(reason="connection_lost", maybe_sent=False),
    ]


def test_a_connection_whose_stream_numbers_are_used_up_takes_no_more() -> None:
    async def run() -> None:
        connection, answers = _connected([], first_stream_id=LAST_STREAM_ID - 2)
        assert connection.room == 2
        for _exchange in range(2):
            connection.begin(Exchange(((":path", "/"),), b"x", answers.append), deadline=1e9)
        assert connection.room == 0
        assert connection.draining

    asyncio.run(run())


def test_nothing_is_begun_while_the_server_does_not_read() -> None:
    async def run() -> None:
        connection, _answers = _connected([])
        connection.pause_writing()
        assert connection.room == 0
        connection.resume_writing()
        assert connection.room == 100

    asyncio.run(run())


@pytest.mark.parametrize(
    "nonsense",
    [
        frame(5, END_HEADERS, 1, b"\x00\x00\x00\x02"),  # a push that we forbade
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",  # a frame of 16 MB
        frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),  # no header block
        frame(HEADERS, 0, 1, b"") + frame(DATA, 0, 1, b"x"),  # a block that is broken off
        frame(CONTINUATION, END_HEADERS, 1, b""),
        frame(DATA, 0x8, 1, b"\x09x"),  # more padding than there is
        frame(DATA, END_STREAM, 1, b"{}"),  # an answer without a status
        b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 100,
        frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"\x00" * 16_000) * 6,  # a flood
    ],
)
def test_nonsense_ends_the_connection_and_leaves_the_fate_open(tmp_path: Path, nonsense: bytes) -> None:
    def handle(peer: Peer, got: Frame) -> None:
        if got[0] == DATA:
            peer.write(nonsense)

    with talking(tmp_path, handle) as (transport, _server):
        assert transport.post_many([b"x"], {}) == [Failure(reason="connection_lost", maybe_sent=True)]


def test_an_answer_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    def handle(peer: Peer, got: Frame) -> None:
        if got[0] == DATA:
            peer.write(frame(HEADERS, END_HEADERS, 1, peer.encoder.encode([(":status", "200")])))
            peer.write(frame(DATA, 0, 1, b"x" * 16_000) * 4)

    with talking(tmp_path, handle, limits=HASTY) as (transport, server):
        assert transport.post_many([b"x"], {}) == [Failure(reason="answer_too_long", maybe_sent=True)]
        assert statuses(transport.post_many([b"x"], {})) == ["timeout"]
        assert server.frames(RST)[0][2] == 1


def test_messages_that_find_no_stream_in_time_were_certainly_not_sent(tmp_path: Path) -> None:
    with talking(tmp_path, lambda _peer, _got: None, settings=setting(3, 1), limits=HASTY) as (transport, server):
        answers = transport.post_many([b"x"] * 5, {})
        assert Failure(reason="crowded", maybe_sent=False) in answers
        begun = [answer for answer in answers if answer == Failure(reason="timeout", maybe_sent=True)]
        assert len(begun) == len(server.frames(HEADERS)) < 5


def test_a_quota_spreads_messages_instead_of_sending_them_at_once() -> None:
    pace = connection_pool.Pace(6000, now=0.0)
    assert pace.allowed(0.0, 1000) == 50
    pace.take(50)
    assert pace.allowed(0.0, 1000) == 0
    assert pace.allowed(0.1, 1000) == 10
    assert pace.allowed(3600.0, 1000) == 50


def test_paced_messages_all_go_out(tmp_path: Path) -> None:
    limits = dataclasses.replace(LIMITS, messages_per_minute=6000)
    with talking(tmp_path, answers_all, limits=limits) as (transport, _server):
        assert statuses(transport.post_many([b"x"] * 70, {})) == [200] * 70


def _connected(written: list[bytes], *, first_stream_id: int = 1) -> tuple[Connection, list[Response | Failure]]:
    """Return a connection on a socket that takes everything, greeted."""

    class Socket(asyncio.Transport):
        closing = False

        def get_extra_info(self, _name: str, _default: object = None) -> object:
            return Tls()

        def write(self, data: bytes | bytearray | memoryview) -> None:
            written.append(bytes(data))

        def is_closing(self) -> bool:
            return self.closing

        def abort(self) -> None:
            self.closing = True

        def close(self) -> None:
            self.closing = True

    class Tls:
        def selected_alpn_protocol(self) -> str:
            return "h2"

    connection = Connection(lambda _connection: None, first_stream_id=first_stream_id)
    connection.connection_made(Socket())
    connection.data_received(frame(SETTINGS, 0, 0))
    return connection, []


def test_a_server_without_http2_is_not_spoken_to(tmp_path: Path) -> None:
    tls = make_tls(tmp_path)
    tls.set_alpn_protocols(["http/1.1"])
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_silent, "127.0.0.1", 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    transport = Http2Transport(url, ca_file=tmp_path / "ca.pem", limits=LIMITS)
    assert transport.post_many([b"x"], {}) == [Failure(reason="unreachable", maybe_sent=False)]
    transport.close()

    async def end() -> None:
        server.close()
        # Each ends when it has noticed that the client left.
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run_coroutine_threadsafe(end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        await reader.read()
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
