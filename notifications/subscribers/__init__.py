"""Who listens to the outbox: one module a subscriber, found by name, called by the relay for events of its kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db import Database
from app.registry import Registry


@dataclass(frozen=True, kw_only=True)
class PublishedEvent:
    """A fact as a subscriber sees it; `data` holds ids in their public form."""

    id: UUID
    program_id: UUID
    kind: str
    data: dict[str, Any]
    member_id: UUID | None
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """What handles events of some kinds.

    `handle` may be called twice for one event, also at the same time by two processes, and in any order of events: it
    must be idempotent by the event's id. It opens and commits its own transactions. What it raises makes the relay
    call it again later, together with the event's other subscribers.
    """

    kinds: frozenset[str]
    handle: Callable[[Database, PublishedEvent], None]


SUBSCRIBERS: Registry[Subscriber] = Registry("subscribers")
"""All that listen: `SUBSCRIBERS.load("notifications.subscribers")`; other packages register theirs from above."""
