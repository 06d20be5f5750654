"""A request on its way over HTTP/2, and what may come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from wire.header_blocks import Headers


class Response(NamedTuple):
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Failure:
    """No whole answer. `maybe_sent` is False only when the server cannot have acted on the request."""

    reason: str
    maybe_sent: bool


class Exchange:
    """A request on its way. It counts as sent once its last byte is handed to the socket.

    `head` is shared by many requests and packed once; a `path` that is this request's alone stands beside it.
    """

    __slots__ = (
        "body", "deadline", "head", "headers", "path", "received", "sent", "settle", "status", "unsent", "window",
    )  # fmt: skip

    def __init__(
        self,
        head: tuple[tuple[str, str], ...],
        body: bytes,
        settle: Callable[[Response | Failure], None],
        *,
        path: str = "",
    ) -> None:
        self.head, self.body, self.settle, self.path = head, body, settle, path
        self.deadline = 0.0
        self.sent = False
        self.unsent = b""
        self.window = 0
        self.status = 0
        self.headers: Headers = {}
        self.received = b""

    def fail(self, reason: str, *, maybe_sent: bool) -> None:
        """Tell that no answer will come."""
        self.settle(Failure(reason=reason, maybe_sent=maybe_sent))
