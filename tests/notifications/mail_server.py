"""A mail server on loopback that takes mails in earnest, and misbehaves by the recipient's name."""

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult

REFUSALS = {
    "busy": "450 4.2.1 Greylisted, try again",
    "closing": "421 4.3.2 Shutting down",
    "nobody": "550 5.1.1 No such user nobody@mail.example",
    "unknown": "550 Unknown user",
    "blocked": "550 5.7.1 Blocked by policy",
    "full": "552 5.2.2 Mailbox full",
}
"""What `<name>@…` is answered to RCPT."""
VERDICTS = {"spam": "554 5.7.1 Looks like spam", "later": "451 4.3.0 Try later"}
"""What `<name>@…` is answered after the final dot."""


@dataclass
class Received:
    """A mail that the server took."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, parsed as a mail program does."""
        return cast("EmailMessage", message_from_bytes(self.raw, policy=default))

    def part(self, subtype: str) -> str:
        """The text of its `plain` or `html` part."""
        body = self.mail.get_body((subtype,))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


@dataclass
class MailServerStandIn:
    """Runs in a thread of its own; `received` is what it took, `offered` the recipients of each RCPT, in order."""

    starttls: ssl.SSLContext | None = None
    implicit_tls: ssl.SSLContext | None = None
    password: str | None = None
    slow_seconds: float = 60.0
    received: list[Received] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._await(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up on everybody."""
        self._await(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def hang_up(self) -> None:
        """End all connections, as an idle limit does."""
        self._await(self._abort())

    async def _listen(self) -> asyncio.Server:
        self._talks: set[_Talk] = set()
        return await self._loop.create_server(self._talk, "127.0.0.1", 0, ssl=self.implicit_tls)

    def _talk(self) -> SMTP:
        secure = self.starttls is not None or self.implicit_tls is not None
        return _Talk(
            self, hostname="mx.test", loop=self._loop, tls_context=self.starttls, require_starttls=False,
            auth_required=self.password is not None, auth_require_tls=secure,
            authenticator=self._authenticate, auth_callback=None, data_size_limit=200_000,
        )  # fmt: skip

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password.decode() == self.password, handled=False)

    async def _stop(self) -> None:
        self._server.close()
        await self._abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _abort(self) -> None:
        for talk in list(self._talks):
            if talk.transport is not None:
                talk.transport.abort()

    def _await(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(60)


class _Talk(SMTP):
    def __init__(self, home: MailServerStandIn, **options: Any) -> None:
        super().__init__(_Handler(home), **options)
        self._home = home

    def connection_made(self, transport: Any) -> None:
        if self not in self._home._talks:
            self._home._talks.add(self)
            self._home.connections += 1
            self._home.open_now += 1
            self._home.most_open = max(self._home.most_open, self._home.open_now)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._home._talks:
            self._home._talks.remove(self)
            self._home.open_now -= 1
        super().connection_lost(error)


@dataclass
class _Handler:
    home: MailServerStandIn

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: ARG002, N802
        self.home.offered.append(address)
        refusal = REFUSALS.get(address.partition("@")[0])
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
        recipient = envelope.rcpt_tos[0]
        name = recipient.partition("@")[0]
        if name == "slow":
            await asyncio.sleep(self.home.slow_seconds)
        if name in VERDICTS:
            return VERDICTS[name]
        self.home.received.append(Received(envelope.mail_from, recipient, envelope.original_content))
        if name == "dropped":
            server.transport.abort()
            await asyncio.sleep(60)
        return "250 2.0.0 Ok: queued as 4XyZ1"
