"""The wallet channel: a message becomes a line on the member's card in their phone's wallet, which then tells of it.

Nothing leaves from here: the message is written beside the pass, and the wallet's own engine takes it to the phone.
"""

from collections.abc import Sequence
from uuid import UUID

from app import ids
from app.config import Settings
from app.db import Database
from app.errors import NotFoundError
from app.services import pass_messages
from app.services.pass_messages import Note
from notifications.channels.protocol import CHANNELS, OutgoingMessage, SendResult

NOT_WIRED = SendResult(outcome="refused", reason="not_wired")
NO_PASS = SendResult(outcome="refused", reason="no_pass")


class WalletChannel:
    """Writes on passes. Without a database (`look_up_in`) it refuses every message as `not_wired`."""

    kind = "wallet"

    def __init__(self) -> None:
        self._database: Database | None = None

    def look_up_in(self, database: Database | None) -> None:
        """Find passes there."""
        self._database = database

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Write each message on the passes that its member has in a phone; `no_pass` where there is none."""
        by_program: dict[UUID, list[int]] = {}
        results = [NOT_WIRED] * len(messages)
        if self._database is None:
            return results
        for place, message in enumerate(messages):
            if message.program_id is not None:
                by_program.setdefault(message.program_id, []).append(place)
        for program_id, places in by_program.items():
            answered = self._write(self._database, program_id, [messages[place] for place in places])
            for place, result in zip(places, answered, strict=True):
                results[place] = result
        return results

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, database: Database, program_id: UUID, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        notes = [note_of(message) for message in messages]
        with database.transaction(program_id) as session:
            reached = pass_messages.write(session, [note for note in notes if note is not None])
        return [
            SendResult(outcome="sent", provider_id=f"{self.kind}/{message.collapse_id}")
            if message.delivery_id in reached
            else NO_PASS
            for message in messages
        ]


def note_of(message: OutgoingMessage) -> Note | None:
    """Return what is written for a message; its address is the member's id. None for an address that is none."""
    try:
        member_id = ids.parse("member", message.address)
    except NotFoundError:
        return None
    texts = {"title": message.title, "body": message.body}
    return Note(delivery_id=message.delivery_id, member_id=member_id, text={message.locale or "und": texts})


@CHANNELS.register("wallet")
def open_wallet(settings: Settings) -> WalletChannel:  # noqa: ARG001 - every channel is opened with the settings
    """Open the channel."""
    return WalletChannel()
