"""The guard at the socket: a name is resolved once, every address it has is judged, and only a judged one is dialled.

It is httpcore's network backend, the one place where its connections are opened: no redirect, kept connection or retry
goes around it. TLS stays with httpcore, which shows (SNI) and checks the name of the URL, not the address. A name that
resolves to a public address now and to a private one a moment later gains nothing: what was judged is what is dialled.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpcore

from app import egress

Resolve = Callable[[str, int], Sequence[str]]


class AddressRefusedError(Exception):
    """The name has an address that we do not connect to; nothing was opened."""


class NameNotFoundError(Exception):
    """The name has no address."""


FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (AddressRefusedError, "address_refused"),
    (NameNotFoundError, "name_not_found"),
    (httpcore.TimeoutException, "timeout"),
    (httpcore.ProtocolError, "malformed_answer"),
    (httpcore.NetworkError, "connection_failed"),
    (ssl.SSLError, "tls_failed"),
    (OSError, "connection_failed"),
)
"""What a peer can make of a request, each with its word in answers and logs."""
FAULTS_OF_PEERS = tuple(kind for kind, _ in FAULTS)


def reason_of(error: Exception) -> str:
    """Return the word for one of `FAULTS`."""
    # httpcore wraps what TLS says into its own ConnectError.
    if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
        return "tls_failed"
    return next(reason for kind, reason in FAULTS if isinstance(error, kind))


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver; raise NameNotFoundError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        raise NameNotFoundError from None
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Deadline(threading.local):
    """When the attempt of this thread must be over: no peer prolongs it by sending a byte now and then."""

    at = 0.0

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let what this thread reads and writes in the block end after `seconds`."""
        self.at = time.monotonic() + seconds
        yield

    def left(self, asked: float | None) -> float:
        """Return how long one operation may take; raise httpcore's ReadTimeout when none is left."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if asked is None else min(asked, left)


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections to judged addresses, within the deadline of the thread that asks."""

    def __init__(
        self,
        deadline: Deadline,
        *,
        loopback: bool = False,
        resolve: Resolve = resolve,
        dial: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._deadline = deadline
        self._loopback = loopback
        self._resolve = resolve
        self._dial = dial or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises AddressRefusedError when any of them is refused: who mixes them means no good. Raises NameNotFoundError,
        and httpcore's ConnectError and ConnectTimeout.
        """
        addresses = list(dict.fromkeys(self._resolve(host, port)))
        if not addresses:
            raise NameNotFoundError
        if not all(self._may(address) for address in addresses):
            raise AddressRefusedError
        failure: Exception = httpcore.ConnectError()
        for address in addresses:
            try:
                stream = self._dial.connect_tcp(
                    address, port, timeout=self._deadline.left(timeout), socket_options=socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
                continue
            return _Timed(stream, self._deadline)
        raise failure

    def _may(self, address: str) -> bool:
        try:
            return egress.may_connect(ip_address(address), loopback=self._loopback)
        except ValueError:
            return False


class _Timed(httpcore.NetworkStream):
    """A stream whose every operation ends at the deadline of the thread that uses it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
