"""A lean HTTP load: one thread, keep-alive connections, requests built beforehand, answers hardly parsed.

It shares the cores with what it measures, so what counts is that it stays small: about 30 us of CPU a request.
"""

import select
import socket
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass
class Measured:
    """What a load saw. Latencies are seconds; in a paced load they begin when the request was due."""

    elapsed: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    statuses: Counter[int] = field(default_factory=Counter)
    refusal: bytes = b""

    @property
    def count(self) -> int:
        """How many answers came."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.elapsed

    def quantile_ms(self, part: float) -> float:
        """Return the latency, in milliseconds, that `part` of the answers did not pass."""
        ordered = sorted(self.latencies)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] * 1000

    def require(self, status: int) -> "Measured":
        """Return this; raise RuntimeError unless every answer had the status."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"expected {status} only, saw {dict(self.statuses)}: {self.refusal.decode()}")
        return self


class _Connection:
    __slots__ = ("begun", "received", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.begun = 0.0

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, request: bytes, begun: float) -> None:
        self.begun = begun
        self.socket.sendall(request)

    def answer(self) -> bytes | None:
        """Return the answer when it is whole."""
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("the server closed a connection that it was to keep")
        self.received += got
        end = self.received.find(_HEAD_END)
        if end < 0:
            return None
        length = self.received.find(_LENGTH, 0, end)
        body = int(self.received[length + len(_LENGTH) : self.received.index(b"\r", length)])
        if len(self.received) < end + len(_HEAD_END) + body:
            return None
        whole, self.received = self.received, b""
        return whole


def run(
    port: int, requests: Iterator[bytes], *, seconds: float, connections: int = 16, rate: float | None = None
) -> Measured:
    """Send requests for so long and return what came of it.

    Without `rate` each connection sends its next request as soon as it has the answer; with `rate` requests fall due
    evenly, so many a second, and wait for a free connection: what they wait counts.
    """
    idle = [_Connection(port) for _ in range(connections)]
    try:
        return _run(idle, requests, seconds, rate)
    finally:
        for one in idle:
            one.socket.close()


def _run(everyone: list[_Connection], requests: Iterator[bytes], seconds: float, rate: float | None) -> Measured:
    found = Measured()
    idle, busy = list(everyone), []
    started = perf_counter()
    due, until = started, started + seconds
    while True:
        now = perf_counter()
        while idle and now < until and (rate is None or due <= now):
            one = idle.pop()
            one.send(next(requests), now if rate is None else due)
            due += 0.0 if rate is None else 1 / rate
            busy.append(one)
        if now >= until and not busy:
            found.elapsed = now - started
            return found
        patience = max(due - now, 0.0) if rate is not None and idle and due < until else 10.0
        # select, not epoll: its time-out is in microseconds, and sixteen sockets are few.
        for one in select.select(busy, (), (), patience)[0]:
            if _took(found, one):
                busy.remove(one)
                idle.append(one)


def _took(found: Measured, connection: _Connection) -> bool:
    answer = connection.answer()
    if answer is None:
        return False
    status = int(answer[9:12])
    found.latencies.append(perf_counter() - connection.begun)
    found.statuses[status] += 1
    if status >= 400:
        found.refusal = answer
    return True


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of an HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
