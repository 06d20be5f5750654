"""A receiver of webhooks on loopback, over TLS, that answers as told; a trap that counts who connects; webhooks."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.models import Event, Webhook, WebhookDelivery
from app.services import events, webhook_deliveries, webhooks
from notifications.webhooks.client import WebhookClient
from tests.world import World
from wire.stand_in import certificates

PATIENCE_SECONDS = 55.0


@dataclass(frozen=True)
class Told:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer; `until` is waited for and `pause` is slept before, `drip` between the bytes of the body."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    until: threading.Event | None = None
    pause: float = 0
    drip: float = 0


class Receiver:
    """A server on https://localhost, for which `trust` has the authority."""

    def __init__(self, home: Path) -> None:
        self.told: list[Told] = []
        self.replies: list[Reply] = []
        self.always = Reply()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # the client left, or does not trust us

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = certificates.make_tls(home).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port: int = self._server.server_address[1]
        self.trust = ssl.create_default_context(cafile=home / "ca.pem")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return an address of it."""
        return f"https://localhost:{self.port}/hooks"

    def client(self, **options: Any) -> WebhookClient:
        """Return a client that trusts it and may come here."""
        return WebhookClient(**{"loopback": True, "trust": self.trust, "timeout_seconds": PATIENCE_SECONDS} | options)

    def to(self, path: str) -> list[Told]:
        """Return what came to one path."""
        return [one for one in self.told if one.path == path]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Take one request and answer as told."""
        body = handler.rfile.read(int(handler.headers["content-length"]))
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.told.append(Told(handler.path, {name.lower(): value for name, value in handler.headers.items()}, body))
            reply = self.replies.pop(0) if self.replies else self.always
        try:
            if reply.until is not None:
                reply.until.wait(PATIENCE_SECONDS)
            time.sleep(reply.pause)
            handler.send_response(reply.status)
            for name, value in reply.headers.items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(reply.body)))
            handler.end_headers()
            for place in range(len(reply.body)) if reply.drip else []:
                handler.wfile.write(reply.body[place : place + 1])
                time.sleep(reply.drip)
            if not reply.drip:
                handler.wfile.write(reply.body)
        finally:
            with self._lock:
                self._at_once -= 1

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Trap:
    """A listener that nobody may reach: it counts who connects."""

    def __init__(self) -> None:
        self._v4 = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._v4.getsockname()[1]
        self._listeners = [self._v4]
        with contextlib.suppress(OSError):
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for one in self._listeners:
            one.setblocking(False)

    def connections(self) -> int:
        """Return how many connected since it was last asked; the kernel took them, whether we looked or not."""
        found = 0
        for one in self._listeners:
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.accept()[0].close()
                    found += 1
        return found

    def close(self) -> None:
        """Listen no more."""
        for one in self._listeners:
            one.close()


@contextlib.contextmanager
def trapped() -> Iterator[Trap]:
    """Set a trap for the length of the block."""
    trap = Trap()
    try:
        yield trap
    finally:
        trap.close()


def make_webhook(world: World, url: str, *, kinds: Sequence[str] = ("voucher.used",)) -> tuple[UUID, str]:
    """Make a webhook; return its id and its secret."""
    with world.database.transaction(world.program_id) as session:
        made, secret = webhooks.create(session, world.database.keyring, url=url, kinds=list(kinds), loopback=True)
        return made.id, secret


def publish(world: World, *, kind: str = "voucher.used", data: dict[str, Any] | None = None) -> Event:
    """Publish a fact."""
    with world.database.transaction(world.program_id) as session:
        return events.publish(session, kind=kind, data=data or {"voucher": "vch_1"})


def tell(world: World, webhook_id: UUID, *, count: int = 1) -> list[UUID]:
    """Publish events and make their deliveries to one webhook, without a relay; return the deliveries' ids."""
    with world.database.transaction(world.program_id) as session:
        made = [events.publish(session, kind="voucher.used", data={"number": place}) for place in range(count)]
        session.flush()
        return [webhook_deliveries.make(session, webhook_deliveries.fact_of(one), [webhook_id])[0] for one in made]


def webhook_now(world: World, webhook_id: UUID) -> Webhook:
    """Return the webhook as it is now."""
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Webhook).where(Webhook.id == webhook_id)).one()


def deliveries_now(world: World) -> list[WebhookDelivery]:
    """Return the programme's deliveries to webhooks, oldest first."""
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))
