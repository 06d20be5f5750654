"""Where the wallet meets the worker: its subscriber hears the outbox, and its engine runs beside the relay."""

from collections.abc import Sequence

from app import ids
from app.db import Database
from notifications.subscribers import SUBSCRIBERS, PublishedEvent, Subscriber
from wallet.updates import hearing
from wallet.updates.hearing import Ear
from wallet.updates.updater import Updater

_EARS: list[Ear] = [Ear()]
"""The one that hears, last in the list: that of this process's engine, once there is one."""


def open_parts(database: Database) -> Sequence[Updater]:
    """Open the update engine for a worker, and let it hear events; raise ValueError for unusable settings."""
    updater = Updater(database)
    _EARS[:] = [updater.ear]
    return [updater]


def _hear(database: Database, event: PublishedEvent) -> None:
    _EARS[-1].hear(
        database, kind=event.kind, program_id=event.program_id, member_id=event.member_id,
        recorded_at=event.recorded_at,
        reward_id=ids.parse("reward", event.data["reward"]) if event.kind == "reward.redeemed" else None,
    )  # fmt: skip


SUBSCRIBERS.register("wallet")(Subscriber(kinds=hearing.KINDS, handle=_hear))
