"""One request to a receiver: no redirects, no proxies, no retries, a deadline over all of it, and a short answer.

httpcore, which httpx stands on, does none of the first three by itself, and lets us open its sockets (`wire.egress`).
"""

import ssl
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpcore

from app import clock
from app.egress import check_url
from app.errors import InvalidError
from app.services.webhook_deliveries import ANSWER_MAX, Attempt
from wire.egress import FAULTS_OF_PEERS, Deadline, GuardedBackend, Resolve, reason_of, resolve

TIMEOUT_SECONDS = 20.0
CONNECT_SECONDS = 10.0
CONNECTIONS_MAX = 64
KEPT_SECONDS = 10.0
_OWN_HEADERS = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "Assidu-Webhooks/1 (+https://www.standardwebhooks.com)",
}
_HTTP_OK, _HTTP_REDIRECT, _HTTP_CLIENT_ERROR = 200, 300, 400


class WebhookClient:
    """Posts to receivers from any number of threads; close it, or use it as a context manager."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        resolve: Resolve = resolve,
        dial: httpcore.NetworkBackend | None = None,
        trust: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._loopback = loopback
        self._timeout_seconds = timeout_seconds
        self._deadline = Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust or ssl.create_default_context(),
            max_connections=CONNECTIONS_MAX,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=GuardedBackend(self._deadline, loopback=loopback, resolve=resolve, dial=dial),
        )

    def post(self, url: str, headers: Mapping[str, str], body: str) -> Attempt:
        """Send a body and say what came of it; raises nothing that a receiver can cause."""
        at, began = clock.now(), time.monotonic()
        try:
            # Again, although it was checked when it was saved: the law may have become stricter since.
            check_url(url, loopback=self._loopback)
            with self._deadline.within(self._timeout_seconds):
                status, answer, retry_after = self._exchange(url, headers, body)
        except InvalidError:
            return Attempt(at=at, ms=_since(began), reason="address_refused")
        except FAULTS_OF_PEERS as error:
            return Attempt(at=at, ms=_since(began), reason=reason_of(error))
        return Attempt(
            at=at, ms=_since(began), status=status, reason=_refusal(status), answer=answer,
            retry_after_seconds=retry_after,
        )  # fmt: skip

    def _exchange(self, url: str, headers: Mapping[str, str], body: str) -> tuple[int, str, int | None]:
        sent = [(name.encode(), value.encode()) for name, value in {**_OWN_HEADERS, **headers}.items()]
        timeouts = {"connect": CONNECT_SECONDS, "pool": self._timeout_seconds}
        with self._pool.stream(
            "POST", url, headers=sent, content=body.encode(), extensions={"timeout": timeouts}
        ) as response:
            answer = b""
            for chunk in response.iter_stream():
                answer += chunk
                if len(answer) > ANSWER_MAX:
                    break
            retry_after = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
        return response.status, _readable(answer), _seconds(retry_after)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _refusal(status: int) -> str | None:
    if _HTTP_OK <= status < _HTTP_REDIRECT:
        return None
    return "redirect" if _HTTP_REDIRECT <= status < _HTTP_CLIENT_ERROR else f"status_{status}"


def _readable(answer: bytes) -> str:
    # PostgreSQL's JSON takes no NUL, and a log no control characters.
    text = answer[:ANSWER_MAX].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text).strip()


def _seconds(header: bytes) -> int | None:
    return int(header) if header.isdigit() and len(header) < 10 else None  # noqa: PLR2004 - digits of a sane wait


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
