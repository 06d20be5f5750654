"""Campaigns that were let go: those that are due begin at once, not at the next tick."""

from app.db import Database
from notifications.campaigns import dispatching
from notifications.subscribers import SUBSCRIBERS, PublishedEvent, Subscriber


def _handle(database: Database, _event: PublishedEvent) -> None:
    dispatching.hasten(database)


SUBSCRIBERS.register("campaigns")(
    Subscriber(kinds=frozenset({"campaign.scheduled", "campaign.resumed"}), handle=_handle)
)
