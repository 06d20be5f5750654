"""What a channel is: it takes messages, hands each to the world once, and says honestly what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

from app.config import Settings
from app.db import Database
from app.registry import Registry

Outcome = Literal["sent", "gone", "refused", "retry", "unknown"]
IN_DOUBT = frozenset({
    "answer_not_understood", "answer_too_long", "channel_failed", "connection_lost", "no_answer", "stream_reset",
    "timeout",
})  # fmt: skip
"""Reasons of messages that wait to be sent again and may have been sent: one that is not sent again after all is
`unknown`, and nothing else."""
AddressKind = Literal["fid", "token"]
Priority = Literal["high", "normal"]


@dataclass(frozen=True, kw_only=True)
class Letterhead:
    """In whose name a mail is written: one for each programme. Colours are `#rrggbb`; what is None is the channel's."""

    program: str
    sender_name: str | None = None
    sender_address: str | None = None
    reply_to: str | None = None
    background: str | None = None
    foreground: str | None = None
    logo_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingMessage:
    """One message to one address: what a delivery's row becomes when its turn has come.

    - `program_id` chooses the Firebase project, where the programme has its own.
    - `analytics_label` groups messages in Firebase's own reports: one for each family of campaigns, 100 a day at most.
    - `priority` is `normal` for what may wait until a sleeping phone wakes by itself.
    - `begin_by`, on the clock of `time.monotonic`: what was not begun then is not sent; another may send it by then.
    - `letterhead`, `locale`, `subject` (the title where there is none), `html` (the body's, which we made and escaped)
      and `unsubscribe_url` are e-mail's; `address` is the mailbox.
    """

    delivery_id: UUID
    address: str
    address_kind: AddressKind = "token"
    platform: str = "android"
    title: str
    body: str
    link: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    ttl_seconds: int = 86_400
    program_id: UUID | None = None
    image_url: str | None = None
    analytics_label: str | None = None
    priority: Priority = "high"
    begin_by: float | None = None
    letterhead: Letterhead | None = None
    locale: str | None = None
    subject: str | None = None
    html: str | None = None
    unsubscribe_url: str | None = None

    @property
    def collapse_id(self) -> str:
        """Return what makes a second copy replace the first on the screen: the delivery's id, 32 hexadecimal digits."""
        return self.delivery_id.hex


OF_THE_LANE = frozenset({
    "quota_exceeded", "connection_failed", "credential_refused", "certificate_refused", "no_starttls", "no_sign_in",
    "sign_in_busy",
})  # fmt: skip
"""Reasons that concern whatever is sent this way, not this message: more of the same only spends attempts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """What became of one message.

    - `sent`: the provider took it; `provider_id` is its name for it.
    - `gone`: the address leads nowhere any more and must be forgotten.
    - `refused`: it can never be sent as it is; `reason` says why.
    - `retry`: it was not sent; try again after `retry_after_seconds` (at least), by moving the delivery's `due_at`.
    - `unknown`: it may have been sent. Send it again only where a second copy replaces the first.

    `reason` is a slug for programs and reports, never text from the message or the address.
    """

    outcome: Outcome
    provider_id: str | None = None
    reason: str | None = None
    retry_after_seconds: float | None = None


class Channel(Protocol):
    """A way out. `send` answers for each message, in order, makes one attempt at most for each, and never sleeps."""

    @property
    def kind(self) -> str:
        """Return the name under which `CHANNELS` knows it."""
        ...

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Try to send each message once; may be called from several threads. Call it with no transaction open."""
        ...

    def close(self) -> None:
        """Give back connections and threads; the channel is not used afterwards."""
        ...


@runtime_checkable
class KeepsPauses(Protocol):
    """A channel that stops by itself when a provider has had enough, and only for those whose provider it is."""

    def paused_until(self, program_id: UUID) -> datetime | None:
        """Return until when this programme's provider wants no more, None when it takes messages."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A channel that programmes can set something for."""

    def look_up_in(self, database: Database | None) -> None:
        """Say where their settings are; before the first message."""
        ...


CHANNELS: Registry[Callable[[Settings], Channel]] = Registry("channels")
"""How to open each kind: `CHANNELS.load("notifications.channels")`, then `CHANNELS[kind](settings)`."""


def open_channel(settings: Settings, database: Database | None = None) -> Channel:
    """Open the channel that `ASSIDU_PUSH_CHANNEL` names; raise ValueError when its settings are not usable.

    With `database` a channel may look there for what programmes have set for themselves.
    """
    CHANNELS.load("notifications.channels")
    channel = CHANNELS[settings.push_channel](settings)
    if isinstance(channel, LooksUp):
        channel.look_up_in(database)
    return channel
