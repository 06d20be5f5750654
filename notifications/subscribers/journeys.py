"""Triggered campaigns: an event begins a member's journey through each that waits for it."""

from app.db import Database
from notifications.campaigns import beginning, triggers
from notifications.campaigns.triggers import TRIGGERS
from notifications.subscribers import SUBSCRIBERS, PublishedEvent, Subscriber

triggers.load()
_kinds = frozenset().union(*(TRIGGERS[name].hears for name in TRIGGERS))


def _handle(database: Database, event: PublishedEvent) -> None:
    beginning.hear(database, event)


SUBSCRIBERS.register("journeys")(Subscriber(kinds=_kinds, handle=_handle))
