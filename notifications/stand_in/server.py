"""The stand-in's server: one TLS port, HTTP/2 or HTTP/1.1 as the client asks, in a thread with an event loop."""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from notifications.stand_in import certificates, wire
from notifications.stand_in.answers import Answer, json_answer
from notifications.stand_in.fcm import MessagesSend
from notifications.stand_in.lean import LeanHttp2
from notifications.stand_in.oauth import TokenEndpoint
from notifications.stand_in.phone import Phones

START_SECONDS_MAX = 10


class _Door(asyncio.Protocol):
    """Hands a connection to what speaks its protocol."""

    def __init__(self, stand_in: "StandIn") -> None:
        self._stand_in = stand_in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        inner = self._stand_in.open_door(transport.get_extra_info("ssl_object").selected_alpn_protocol())
        transport.set_protocol(inner)
        inner.connection_made(transport)


class StandIn:
    """Google's part of a push, on loopback. `start` it or use it as a context manager.

    Under `home` it writes `ca.pem` (to trust), `service-account.json` (to sign in with) and `phone.jsonl` (what phones
    got).
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        project_id: str = "assidu-stand-in",
        token_lifetime_seconds: int = 3600,
        streams_max: int = 100,
        lean: bool = False,
        latency_seconds: float = 0.0,
        goaway_after: int | None = None,
    ) -> None:
        """Take what to play.

        `lean` is for loads: HTTP/2 without h2's checks, and phones that count instead of showing. With it answers take
        `latency_seconds`, and after `goaway_after` requests each connection asks its client to leave.
        """
        self.home = home
        self.project_id = project_id
        self._port = port
        self._streams_max = streams_max
        self._token_lifetime_seconds = token_lifetime_seconds
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._lean_connections: set[asyncio.Transport] = set()
        self.connections_opened = 0
        self._lean = lean
        self._latency_seconds, self._goaway_after = latency_seconds, goaway_after
        self.phones = Phones(home / "phone.jsonl", counting=lean)

    @property
    def url(self) -> str:
        """Return the address to give to the push channel as `endpoint`."""
        return f"https://localhost:{self._port}"

    @property
    def ca_file(self) -> Path:
        """Return the file of the authority to trust."""
        return self.home / "ca.pem"

    @property
    def service_account_file(self) -> Path:
        """Return the file of the service account, for `ASSIDU_FIREBASE_CREDENTIALS`."""
        return self.home / "service-account.json"

    @property
    def token_requests(self) -> int:
        """Return how often a token was asked for."""
        return self.tokens.requests

    @property
    def posts(self) -> list[str]:
        """Return the addresses of the POSTs that came, in order, whatever was answered (the last 10,000)."""
        return list(self.messages.posts)

    def start(self) -> Self:
        """Make keys and certificates, listen, and return once connections are accepted; raise OSError."""
        self.home.mkdir(parents=True, exist_ok=True)
        tls = certificates.make_tls(self.home)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Door(self), "127.0.0.1", self._port, ssl=tls)
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self.service_account_info = certificates.service_account(
            self.home, token_uri=f"{self.url}/token", project_id=self.project_id
        )
        self.tokens = TokenEndpoint(self.service_account_info, token_lifetime_seconds=self._token_lifetime_seconds)
        self.messages = MessagesSend(self.project_id, self.tokens, self.phones)
        self._projects = {self.messages.path: self.messages}
        self._thread = threading.Thread(target=self._loop.run_forever, name="firebase-stand-in", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Drop all connections and end the thread."""
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(START_SECONDS_MAX)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None
        self._loop.close()

    def add_project(self, project_id: str) -> dict[str, Any]:
        """Play another Firebase project too; return its service account."""
        account = {
            **self.service_account_info,
            "project_id": project_id,
            "client_email": f"stand-in@{project_id}.iam.gserviceaccount.com",
        }
        self.tokens.add(account)
        messages = MessagesSend(project_id, self.tokens, self.phones, self.messages.scripts)
        self._projects[messages.path] = messages
        return account

    def posts_of(self, project_id: str) -> list[str]:
        """Return the addresses of the POSTs that came for one project."""
        return [address for messages in self._projects.values() if messages.project_id == project_id
                for address in messages.posts]  # fmt: skip

    def script(self, address: str, answers: Iterable[Answer | str]) -> None:
        """Answer the next messages to `address` so, in turn; a text is a fault's name, or `sent`."""
        self.messages.script(address, answers)

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request, of either protocol; names of headers are in lower case."""
        parts = urlsplit(target)
        match method, parts.path:
            case "POST", "/token":
                return self.tokens.answer(body)
            case "POST", path if path in self._projects:
                return self._projects[path].answer(headers, body)
            case "GET", "/counts":
                return json_answer(200, self.counts())
            case "GET", "/phone":
                return self._phone(parse_qs(parts.query))
        return json_answer(404, {"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}})

    def counts(self) -> dict[str, int]:
        """Return what came so far: messages, different ones, repeated ones, tokens asked for, connections."""
        return {
            **self.phones.counts(),
            "posts": self.messages.posts_count,
            "token_requests": self.token_requests,
            "connections": self.connections_opened,
        }

    def _phone(self, query: Mapping[str, list[str]]) -> Answer:
        if "token" not in query:
            return json_answer(200, {"arrivals": self.phones.arrivals, "addresses": self.phones.addresses()})
        screen: list[dict[str, Any]] = [vars(shown) for shown in self.phones.screen(query["token"][0])]
        return json_answer(200, {"token": query["token"][0], "messages": screen})

    def open_door(self, protocol: str | None) -> asyncio.Protocol:
        """Return what speaks the protocol that a new connection has agreed on; called in the event loop."""
        if protocol == "h2" and self._lean:
            self.connections_opened += 1
            return LeanHttp2(
                self.handle,
                streams_max=self._streams_max,
                latency_seconds=self._latency_seconds,
                goaway_after=self._goaway_after,
                connections=self._lean_connections,
            )
        reader = asyncio.StreamReader(loop=self._loop)
        return asyncio.StreamReaderProtocol(reader, self._serve, loop=self._loop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections_opened += 1
        try:
            if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
                await wire.Http2(reader, writer, self.handle, streams_max=self._streams_max).run()
            else:
                await wire.http1(reader, writer, self.handle)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client left, or the stand-in stops
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _drop(self) -> None:
        for transport in list(self._lean_connections):
            transport.abort()
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections))

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._drop()
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        if answering:
            await asyncio.wait(answering, timeout=1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
