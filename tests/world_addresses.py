"""A web site on loopback, over TLS, with pages and pictures at paths, that counts who asks; and who may ask it."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from app.offers.addresses import IMAGE_BYTES_MAX
from notifications.campaigns.asking import Asker
from wire.stand_in import certificates

HOST = "shop.example.com"
"""A name as campaigns may have it; `Site.asker` finds it here."""
PATIENCE_SECONDS = 60.0
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
BIG_PNG = PNG + b"\0" * IMAGE_BYTES_MAX


@dataclass
class Page:
    """What to answer; with `head` another status to HEAD. `told` says how long the body is, or leaves it open."""

    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    body: bytes = b""
    head: int | None = None
    location: str | None = None
    until: threading.Event | None = None
    told: bool = True
    then: Callable[[], None] = field(default=lambda: None)


class Site:
    """A server on https://shop.example.com and https://localhost."""

    def __init__(self, home: Path) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.answer(self)

            def do_HEAD(self) -> None:
                site.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # whoever asked has seen enough

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = certificates.make_tls(home).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port: int = self._server.server_address[1]
        self.trust = ssl.create_default_context(cafile=home / "ca.pem")
        # The certificate is for localhost, and what campaigns show is on named hosts.
        self.trust.check_hostname = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, path: str, page: Page | None = None) -> str:
        """Return the address of a path, where `page` is from now on."""
        if page is not None:
            self.pages[path] = page
        return f"https://{HOST}:{self.port}{path}"

    def asker(self, **options: Any) -> Asker:
        """Return one who finds every name here, may come here, and has time."""
        given = {"loopback": True, "trust": self.trust, "seconds": PATIENCE_SECONDS, "resolve": self._here}
        return Asker(**given | options)

    @staticmethod
    def _here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        page = self.pages.get(handler.path, Page(404))
        self.asked.append((handler.command, handler.path))
        page.then()
        if page.until is not None:
            page.until.wait(PATIENCE_SECONDS)
        handler.send_response((page.head if handler.command == "HEAD" else None) or page.status)
        handler.send_header("content-type", page.content_type)
        if page.location is not None:
            handler.send_header("location", page.location)
        if page.told:
            handler.send_header("content-length", str(len(page.body)))
        else:
            handler.send_header("connection", "close")
            handler.close_connection = True
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(page.body)

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def image(body: bytes = PNG, content_type: str = "image/png", **options: Any) -> Page:
    """Return a picture."""
    return Page(content_type=content_type, body=body, **options)
