"""Asking the addresses that a campaign shows, as members' phones will: side by side, for a few seconds in all.

Through the guard at the socket (`wire.egress`), https to public addresses only, as few bytes as tell. No transaction is
open meanwhile: whoever asks has read what the campaign says before, and sees afterwards that it still says so.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin

import httpcore

from app.config import Settings
from app.egress import check_url
from app.errors import InvalidError
from app.offers import addresses
from app.offers.addresses import Answer, Finding
from wire.egress import FAULTS_OF_PEERS, Deadline, GuardedBackend, Resolve, reason_of, resolve

ASKED_MAX = 50
"""Different addresses in one asking."""
SECONDS = 5.0
"""How long an asking takes at most, whoever does not answer."""
THREADS = 8
"""Requests under way at once in a process, over all askings."""
HOPS_MAX = 3
"""Redirects that are followed."""
_KEPT_SECONDS = 10.0
_HTTP_CLIENT_ERROR = 400
_DIGITS_MAX = 19
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = [
    (b"accept", b"*/*"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"Mozilla/5.0 (compatible; Assidu-Links/1)"),
]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A different address; a picture is looked at, a link need only be there."""

    url: str
    is_image: bool


class Asker:
    """Asks from any number of requests' threads; one for each process. Opens nothing before it is first asked."""

    def __init__(
        self,
        *,
        asks: bool = True,
        loopback: bool = False,
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._asks = asks
        self._loopback = loopback
        self._resolve = resolve
        self._trust = trust
        self._seconds = seconds
        self._deadline = Deadline()
        self._opening = threading.Lock()
        self._opened: tuple[httpcore.ConnectionPool, ThreadPoolExecutor] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Asker":
        """Return one as the installation is set."""
        return cls(asks=settings.campaign_links == "asked", loopback=settings.webhook_loopback == "allowed")

    def findings(self, definition: Mapping[str, Any]) -> list[Finding]:
        """Ask every address in a definition and say what each is worth; what did not answer in time is a warning."""
        places = addresses.places(definition)
        asked = {place: _Asked(urldefrag(place.url).url, place.field == "image_url") for place in places}
        answers = self._ask_all(dict.fromkeys(asked.values())) if self._asks else {}
        otherwise = Answer(fault="too_many" if self._asks else addresses.TURNED_OFF)
        push = "push" in definition.get("channels", [])
        return [addresses.judge(place, answers.get(asked[place], otherwise), push=push) for place in places]

    def _ask_all(self, asked: Iterable[_Asked]) -> dict[_Asked, Answer]:
        some = list(asked)[:ASKED_MAX]
        if not some:
            return {}
        pool, threads = self._open()
        until = time.monotonic() + self._seconds
        futures: dict[_Asked, Future[Answer]] = {one: threads.submit(self._ask, pool, one, until) for one in some}
        # Names are looked up by the system, which no deadline of ours ends: whoever waits for that is waited for here.
        wait(futures.values(), timeout=self._seconds)
        return {one: _answer_of(future) for one, future in futures.items()}

    def _open(self) -> tuple[httpcore.ConnectionPool, ThreadPoolExecutor]:
        with self._opening:
            if self._opened is None:
                pool = httpcore.ConnectionPool(
                    ssl_context=self._trust or ssl.create_default_context(),
                    max_connections=2 * THREADS,
                    keepalive_expiry=_KEPT_SECONDS,
                    network_backend=GuardedBackend(self._deadline, loopback=self._loopback, resolve=self._resolve),
                )
                self._opened = pool, ThreadPoolExecutor(THREADS, "campaign-links")
            return self._opened

    def close(self) -> None:
        """Close every connection and end the threads."""
        if self._opened is not None:
            pool, threads = self._opened
            threads.shutdown(cancel_futures=True)
            pool.close()

    def _ask(self, pool: httpcore.ConnectionPool, asked: _Asked, until: float) -> Answer:
        try:
            with self._deadline.within(until - time.monotonic()):
                return self._follow(pool, asked)
        except InvalidError:
            return Answer(fault="address_refused")
        except FAULTS_OF_PEERS as error:
            return Answer(fault=reason_of(error))

    def _follow(self, pool: httpcore.ConnectionPool, asked: _Asked) -> Answer:
        """Ask an address and where it leads to; raise InvalidError, and what `FAULTS_OF_PEERS` are."""
        url = asked.url
        check_url(url, loopback=self._loopback)
        for hop in range(HOPS_MAX + 1):
            answer, location = self._look(pool, url, is_image=asked.is_image)
            if location is None or hop == HOPS_MAX:
                break
            try:
                url = urldefrag(urljoin(url, location)).url
                check_url(url, loopback=self._loopback)
            except (InvalidError, ValueError):
                # An app's own scheme, plain http: phones go there or not, and we do not.
                break
        return answer

    def _look(self, pool: httpcore.ConnectionPool, url: str, *, is_image: bool) -> tuple[Answer, str | None]:
        if is_image:
            return self._exchange(pool, "GET", url, most=addresses.IMAGE_BYTES_MAX + 1)
        found = self._exchange(pool, "HEAD", url, most=0)
        # Some servers have no HEAD and say so by 405 or 501, others by 404: phones send GET, so that decides.
        refused = (found[0].status or 0) >= _HTTP_CLIENT_ERROR
        return self._exchange(pool, "GET", url, most=0) if refused else found

    def _exchange(
        self, pool: httpcore.ConnectionPool, method: str, url: str, *, most: int
    ) -> tuple[Answer, str | None]:
        timeouts = {"connect": self._seconds, "pool": self._seconds}
        with pool.stream(method, url, headers=_HEADERS, extensions={"timeout": timeouts}) as response:
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            location = headers.get(b"location") if response.status in _REDIRECTS else None
            told = headers.get(b"content-length", "")
            size, beginning = 0, b""
            for chunk in response.iter_stream() if most and location is None else ():
                size += len(chunk)
                beginning += chunk[: addresses.BEGINNING_BYTES - len(beginning)]
                # Where the server says how much there is, the first bytes are enough.
                if size >= (addresses.BEGINNING_BYTES if told else most):
                    break
            size = int(told) if told.isdigit() and len(told) < _DIGITS_MAX else size
        content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        return Answer(status=response.status, content_type=content_type, size=size, beginning=beginning), location


def _answer_of(future: Future[Answer]) -> Answer:
    if future.cancel() or not future.done():
        return Answer(fault="timeout")
    return future.result()
