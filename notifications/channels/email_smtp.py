"""Talking SMTP: one connection that sends letters, and the honest outcome of each (RFC 5321).

The standard library's smtplib is driven command by command, since its `send_message` does not tell at which point a
connection was lost: before the final dot nothing was accepted, after it nobody knows.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from notifications.channels.email_letters import Letter
from notifications.channels.protocol import SendResult

BUSY_PAUSE_SECONDS = 60.0
"""After a 4xx; servers that greylist take a second try after minutes, not seconds."""
LOST_PAUSE_SECONDS = 5.0
OPERATOR_PAUSE_SECONDS = 60.0
"""What only the operator can mend (password, certificate) waits for it until the message expires."""
WAIT_MIN_SECONDS = 0.05

_OK, _WILL_FORWARD, _GO_AHEAD, _CLOSING, _FAILED = 250, 251, 354, 421, 500
_NO_SUCH_BOX = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced codes (RFC 3463, RFC 7505) of an address that leads nowhere; others under 550 judge the message."""
_QUEUED = re.compile(rb"queued as ([0-9A-Za-z._-]{1,64})")
_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_DOT = re.compile(rb"(?m)^\.")
_TROUBLE = (OSError, smtplib.SMTPException)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed in. `tls` is `implicit` (smtps), `starttls` or `none`; the password is in no repr."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @classmethod
    def read(cls, url: str, ca_file: str | None = None) -> "MailServer":
        """Read `smtp://user:password@host:port` or `smtps://…` as the settings checked it."""
        parts = urlsplit(url)
        secure = parts.scheme == "smtps"
        tls = "implicit" if secure else parse_qs(parts.query).get("tls", ["starttls"])[0]
        return cls(
            host=parts.hostname or "",
            # RFC 8314 §3.3 and RFC 6409 §3.1: submission, with and without implicit TLS.
            port=parts.port or (465 if secure else 587),
            tls=tls,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            ca_file=ca_file,
        )


class NotOpenError(Exception):
    """No conversation could begin; `reason` is a slug, `pause_seconds` how long to leave the server alone."""

    def __init__(self, reason: str, pause_seconds: float = LOST_PAUSE_SECONDS) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause_seconds = pause_seconds


class Deadline:
    """Until when one letter may take, in seconds of the monotonic clock."""

    def __init__(self, seconds: float, step_seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._step = step_seconds

    def next_wait(self) -> float:
        """Return how long the next step may wait."""
        return max(WAIT_MIN_SECONDS, min(self._step, self._end - time.monotonic()))


class Conversation:
    """One connection to the mail server, used by one thread at a time."""

    def __init__(self, server: MailServer, deadline: Deadline, *, name: str) -> None:
        """Connect, secure and sign in; raise NotOpenError. `name` is what we call ourselves (EHLO)."""
        self.sent = 0
        self.used_at = time.monotonic()
        self._smtp = _open(server, deadline, name)

    def deliver(self, letter: Letter, deadline: Deadline) -> SendResult:
        """Offer the letter once and say what became of it; `alive` says whether the connection can go on."""
        self.sent += 1
        try:
            refusal = self._offer(letter, deadline)
        except _TROUBLE:
            # The final dot was not sent whole: the server throws away what it has (RFC 5321 §4.1.1.4).
            self.close()
            return SendResult(outcome="retry", reason="connection_lost", retry_after_seconds=LOST_PAUSE_SECONDS)
        if refusal is not None:
            self._begin_again()
            return refusal
        return self._hear_verdict(deadline)

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as we know."""
        return self._smtp.sock is not None

    def still_there(self, deadline: Deadline) -> bool:
        """Ask an idle server whether it still listens, so that nothing is offered to one that hung up."""
        try:
            self._wait(deadline)
            return self._smtp.noop()[0] == _OK
        except _TROUBLE:
            return False

    def close(self) -> None:
        """End the connection without a word; what was accepted stays accepted."""
        self._smtp.close()

    def quit(self) -> None:
        """End the connection in order."""
        try:
            self._smtp.quit()
        except _TROUBLE:
            self.close()

    def _offer(self, letter: Letter, deadline: Deadline) -> SendResult | None:
        smtp = self._smtp
        room = smtp.esmtp_features.get("size", "")
        if room.isdecimal() and 0 < int(room) < len(letter.data):
            return SendResult(outcome="refused", reason="too_large")
        steps: list[tuple[Callable[[], tuple[int, bytes]], frozenset[int], str]] = [
            (lambda: smtp.mail(letter.sender), frozenset({_OK}), "sender"),
            (lambda: smtp.rcpt(letter.recipient), frozenset({_OK, _WILL_FORWARD}), "recipient"),
            (lambda: smtp.docmd("DATA"), frozenset({_GO_AHEAD}), "data"),
        ]
        for ask, accepted, step in steps:
            self._wait(deadline)
            code, text = ask()
            if code not in accepted:
                return refusal_of(code, text, step)
        self._wait(deadline)
        smtp.send(_DOT.sub(b"..", letter.data) + b".\r\n")
        return None

    def _hear_verdict(self, deadline: Deadline) -> SendResult:
        try:
            self._wait(deadline)
            code, text = self._smtp.getreply()
        except _TROUBLE:
            self.close()
            return SendResult(outcome="unknown", reason="connection_lost_after_data")
        self.used_at = time.monotonic()
        if code == _OK:
            queued = _QUEUED.search(text)
            return SendResult(outcome="sent", provider_id=queued[1].decode() if queued else None)
        if not 400 <= code < 600:  # noqa: PLR2004 - no answer that SMTP knows
            self.close()
            return SendResult(outcome="unknown", reason="answer_not_understood")
        if code == _CLOSING:
            self.close()
        return refusal_of(code, text, "message")

    def _begin_again(self) -> None:
        try:
            if self._smtp.sock is not None and self._smtp.rset()[0] != _OK:
                self.close()
        except _TROUBLE:
            self.close()
        self.used_at = time.monotonic()

    def _wait(self, deadline: Deadline) -> None:
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self._smtp.sock.settimeout(deadline.next_wait())


def refusal_of(code: int, text: bytes, step: str) -> SendResult:
    """Say what a refusal means; `step` is whom it is about: the `sender`, the `recipient`, `data`, the `message`.

    The server's words are not kept: they repeat addresses. A 550 to a recipient without an enhanced code, or with one
    of an address, is an address that leads nowhere; with another (5.7.1: a policy) it judges us, and the address stays.
    """
    enhanced = _ENHANCED.match(text)
    detail = enhanced[1].decode() if enhanced else ""
    reason = f"smtp_{code}_{detail}" if detail else f"smtp_{code}"
    if code < _FAILED:
        return SendResult(outcome="retry", reason=reason, retry_after_seconds=BUSY_PAUSE_SECONDS)
    if code == 530 or (step == "sender" and code in {535, 538}):  # noqa: PLR2004 - RFC 4954 §6: sign in first
        return SendResult(outcome="retry", reason="credential_refused", retry_after_seconds=OPERATOR_PAUSE_SECONDS)
    nobody = detail in _NO_SUCH_BOX or (not detail and code in {550, 551, 553})
    if step == "recipient" and nobody:
        return SendResult(outcome="gone", reason=reason)
    return SendResult(outcome="refused", reason=reason)


def _open(server: MailServer, deadline: Deadline, name: str) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=server.ca_file) if server.tls != "none" else None
    smtp: smtplib.SMTP
    if server.tls == "implicit":
        smtp = smtplib.SMTP_SSL(local_hostname=name, timeout=deadline.next_wait(), context=context)
    else:
        smtp = smtplib.SMTP(local_hostname=name, timeout=deadline.next_wait())
    try:
        _greet(smtp, server, deadline, context)
    except NotOpenError:
        smtp.close()
        raise
    except smtplib.SMTPAuthenticationError as error:
        smtp.close()
        temporary = error.smtp_code < _FAILED
        raise NotOpenError("sign_in_busy" if temporary else "credential_refused", OPERATOR_PAUSE_SECONDS) from None
    except smtplib.SMTPNotSupportedError:
        smtp.close()
        raise NotOpenError("no_sign_in", OPERATOR_PAUSE_SECONDS) from None
    except ssl.SSLError:
        smtp.close()
        raise NotOpenError("certificate_refused", OPERATOR_PAUSE_SECONDS) from None
    except _TROUBLE:
        smtp.close()
        raise NotOpenError("connection_failed") from None
    return smtp


def _greet(smtp: smtplib.SMTP, server: MailServer, deadline: Deadline, context: ssl.SSLContext | None) -> None:
    # smtplib checks a certificate against the name that it was made with, which is empty here, and not against the
    # name given to `connect`.
    smtp._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001 - guarded by the tests of certificates
    code, _ = smtp.connect(server.host, server.port)
    if code != 220:  # noqa: PLR2004 - "service ready"
        raise NotOpenError(f"greeting_{code}", BUSY_PAUSE_SECONDS)
    _say(smtp, deadline)
    smtp.ehlo_or_helo_if_needed()
    if server.tls == "starttls":
        if not smtp.has_extn("starttls"):
            raise NotOpenError("no_starttls", OPERATOR_PAUSE_SECONDS)
        _say(smtp, deadline)
        if smtp.starttls(context=context)[0] != 220:  # noqa: PLR2004 - "ready to start TLS"
            raise NotOpenError("no_starttls", BUSY_PAUSE_SECONDS)
        smtp.ehlo_or_helo_if_needed()
    if server.user is not None:
        _say(smtp, deadline)
        smtp.login(server.user, server.password or "")


def _say(smtp: smtplib.SMTP, deadline: Deadline) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(deadline.next_wait())
