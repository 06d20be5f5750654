"""The e-mail channel: each message a mail of text and HTML, handed to an SMTP server over a few kept connections.

Without a server (`ASSIDU_SMTP_URL`) mails become lines of the outbox file, as one-time codes do.
"""

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from app import ids
from app.config import Settings
from app.services.mails import Postbox
from notifications.channels import email_frame
from notifications.channels.email_letters import AddressUnusableError, Letter, Writer
from notifications.channels.email_smtp import Conversation, Deadline, MailServer, NotOpenError
from notifications.channels.protocol import CHANNELS, Letterhead, OutgoingMessage, SendResult

log = structlog.get_logger(__name__)

BATCH_SECONDS = 25.0
"""No mail of a batch is begun later than this, so that a slow server keeps nothing beyond a lease of 60 seconds."""
LETTER_SECONDS = 25.0
"""The longest that one mail takes, from connecting to the verdict."""
STEP_SECONDS = 15.0
IDLE_CHECK_SECONDS = 5.0
"""A connection that was not used for so long is asked whether it stands before a mail is offered to it."""
IDLE_MAX_SECONDS = 60.0
LETTERS_PER_CONNECTION = 200
LATER = SendResult(outcome="retry", reason="server_slow", retry_after_seconds=1.0)


class EmailChannel:
    """Sends mails, one attempt for each; `send` may run in several threads and never holds more than `connections`."""

    kind = "email"

    def __init__(
        self,
        server: MailServer,
        *,
        mail_from: str,
        connections: int = 4,
        batch_seconds: float = BATCH_SECONDS,
        letter_seconds: float = LETTER_SECONDS,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        """Raise ValueError when `mail_from` is no address. Nothing is connected yet."""
        self._server = server
        self._writer = Writer(mail_from)
        self._batch_seconds = batch_seconds
        self._limits = (letter_seconds, step_seconds)
        self._idle: queue.LifoQueue[Conversation] = queue.LifoQueue()
        self._lanes = ThreadPoolExecutor(connections, thread_name_prefix="smtp")
        self._lock = threading.Lock()
        self._closed: NotOpenError | None = None
        self._closed_until = 0.0

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Offer each mail once, some side by side; answer for each, in order."""
        until = time.monotonic() + self._batch_seconds
        return list(self._lanes.map(lambda message: self._send_one(message, until), messages))

    def close(self) -> None:
        """End the connections, when the mails in hand are through."""
        self._lanes.shutdown()
        while True:
            try:
                self._idle.get_nowait().quit()
            except queue.Empty:
                return

    def _send_one(self, message: OutgoingMessage, until: float) -> SendResult:
        try:
            letter = self._writer.write(message)
        except AddressUnusableError:
            return SendResult(outcome="refused", reason="address_unusable")
        except (ValueError, LookupError):
            # UnicodeError is a ValueError: half a character of UTF-16, for example.
            return SendResult(outcome="refused", reason="message_invalid")
        if time.monotonic() >= until:
            return LATER
        return self._deliver(letter)

    def _deliver(self, letter: Letter) -> SendResult:
        deadline = Deadline(*self._limits)
        try:
            conversation = self._take(deadline)
        except NotOpenError as error:
            return SendResult(outcome="retry", reason=error.reason, retry_after_seconds=error.pause_seconds)
        result = conversation.deliver(letter, deadline)
        self._give_back(conversation)
        return result

    def _take(self, deadline: Deadline) -> Conversation:
        while True:
            try:
                conversation = self._idle.get_nowait()
            except queue.Empty:
                return self._open(deadline)
            idle_seconds = time.monotonic() - conversation.used_at
            if idle_seconds < IDLE_CHECK_SECONDS:
                return conversation
            if idle_seconds < IDLE_MAX_SECONDS and conversation.still_there(deadline):
                return conversation
            conversation.close()

    def _open(self, deadline: Deadline) -> Conversation:
        """Connect, unless the server just refused: a batch must not wait for it once for each mail."""
        with self._lock:
            left = self._closed_until - time.monotonic()
            if self._closed is not None and left > 0:
                raise NotOpenError(self._closed.reason, left)
        try:
            return Conversation(self._server, deadline, name=self._writer.domain)
        except NotOpenError as error:
            with self._lock:
                self._closed, self._closed_until = error, time.monotonic() + error.pause_seconds
            log.warning("mail_server_unavailable", reason=error.reason)
            raise

    def _give_back(self, conversation: Conversation) -> None:
        if conversation.alive and conversation.sent < LETTERS_PER_CONNECTION:
            self._idle.put(conversation)
        elif conversation.alive:
            conversation.quit()


class FileMailChannel:
    """Sends nothing: each mail becomes a line in the outbox file. The default of development."""

    kind = "email"

    def __init__(self, outbox: Postbox, *, mail_from: str) -> None:
        self.outbox = outbox
        self._writer = Writer(mail_from)

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Append each mail to the outbox."""
        return [self._keep(message) for message in messages]

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, message: OutgoingMessage) -> SendResult:
        letterhead = message.letterhead or Letterhead(program=self._writer.name)
        words = email_frame.render(message, letterhead)
        self.outbox.append(
            {
                "channel": self.kind,
                "kind": message.data.get("kind", "mail"),
                "delivery_id": ids.show("delivery", message.delivery_id),
                "from": letterhead.sender_address or self._writer.address,
                "to": message.address,
                "subject": words.subject,
                "text": words.text,
                "html": words.html,
                "unsubscribe_url": message.unsubscribe_url,
            }
        )
        return SendResult(outcome="sent", provider_id=f"file/{message.collapse_id}")


@CHANNELS.register("email")
def open_email(settings: Settings) -> EmailChannel | FileMailChannel:
    """Open the channel as the settings say; raise ValueError when they are not usable."""
    if not settings.smtp_url:
        return FileMailChannel(Postbox(settings.outbox_file), mail_from=settings.mail_from)
    server = MailServer.read(settings.smtp_url, settings.smtp_ca_file or None)
    return EmailChannel(server, mail_from=settings.mail_from, connections=settings.smtp_connections)
