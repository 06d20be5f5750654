"""The stand-in's server: Google's token endpoint, FCM, and a look at the phones, on one port."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from notifications.stand_in.fcm import SCOPES, MessagesSend
from notifications.stand_in.lean import LeanHttp2
from notifications.stand_in.phone import Phones
from wire.stand_in import accounts
from wire.stand_in.answers import Answer, json_answer
from wire.stand_in.oauth import TokenEndpoint
from wire.stand_in.server import Server


class StandIn(Server):
    """Google's part of a push, on loopback. `start` it or use it as a context manager.

    Under `home` it writes `ca.pem` (to trust), `service-account.json` (to sign in with) and `phone.jsonl` (what phones
    got).
    """

    name = "firebase-stand-in"

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
        super().__init__(home, port=port, streams_max=streams_max)
        self.project_id = project_id
        self._token_lifetime_seconds = token_lifetime_seconds
        self._lean_connections: set[asyncio.Transport] = set()
        self._lean = lean
        self._latency_seconds, self._goaway_after = latency_seconds, goaway_after
        self.phones = Phones(home / "phone.jsonl", counting=lean)

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

    def started(self) -> None:
        """Make the account, whose file names the port."""
        self.service_account_info = accounts.service_account(
            self.home, token_uri=f"{self.url}/token", project_id=self.project_id
        )
        self.tokens = TokenEndpoint(
            self.service_account_info, token_lifetime_seconds=self._token_lifetime_seconds, scopes=SCOPES
        )
        self.messages = MessagesSend(self.project_id, self.tokens, self.phones)
        self._projects = {self.messages.path: self.messages}

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

    def open_door(self, peer: ssl.SSLObject) -> asyncio.Protocol:
        """Return what speaks the protocol that a new connection has agreed on; called in the event loop."""
        if not (self._lean and peer.selected_alpn_protocol() == "h2"):
            return super().open_door(peer)
        self.connections_opened += 1
        return LeanHttp2(
            self.handle,
            streams_max=self._streams_max,
            latency_seconds=self._latency_seconds,
            goaway_after=self._goaway_after,
            connections=self._lean_connections,
        )

    async def drop(self) -> None:
        """End all connections; called in the event loop."""
        for transport in list(self._lean_connections):
            transport.abort()
        await super().drop()
