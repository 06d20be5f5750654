"""The wallet channel: a message on the member's pass. No passes are made yet, and it says so instead of pretending."""

from collections.abc import Sequence

from app.config import Settings
from notifications.channels.protocol import CHANNELS, OutgoingMessage, SendResult


class WalletChannel:
    """Refuses every message as `not_wired`, until there are passes to write on."""

    kind = "wallet"

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Refuse each message."""
        return [SendResult(outcome="refused", reason="not_wired")] * len(messages)

    def close(self) -> None:
        """Nothing is held open."""


@CHANNELS.register("wallet")
def open_wallet(settings: Settings) -> WalletChannel:  # noqa: ARG001 - every channel is opened with the settings
    """Open the channel."""
    return WalletChannel()
