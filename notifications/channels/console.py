"""The console channel: keeps messages as lines of JSON in a file, for development, tests and one-time codes."""

from collections.abc import Sequence

from app import ids
from app.config import Settings
from app.services.mails import Postbox
from notifications.channels.protocol import CHANNELS, OutgoingMessage, SendResult

OutboxFile = Postbox
"""The file of lines that one-time codes are kept in too."""


class ConsoleChannel:
    """Sends nothing: each message becomes a line in the outbox file."""

    kind = "console"

    def __init__(self, outbox: OutboxFile) -> None:
        self.outbox = outbox

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Append each message to the outbox."""
        return [self._keep(message) for message in messages]

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, message: OutgoingMessage) -> SendResult:
        self.outbox.append(
            {
                "channel": self.kind,
                "delivery_id": ids.show("delivery", message.delivery_id),
                "address": message.address,
                "address_kind": message.address_kind,
                "platform": message.platform,
                "title": message.title,
                "body": message.body,
                "link": message.link,
                "data": dict(message.data),
            }
        )
        return SendResult(outcome="sent", provider_id=f"{self.kind}/{message.collapse_id}")


@CHANNELS.register("console")
def open_console(settings: Settings) -> ConsoleChannel:
    """Open the channel on the outbox file under `ASSIDU_HOME`."""
    return ConsoleChannel(OutboxFile(settings.outbox_file))
