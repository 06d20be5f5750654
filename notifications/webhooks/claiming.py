"""Taking due deliveries: fairly between programmes and webhooks, under a lease, each by one worker at a time.

Two statements in one transaction: what could be taken is looked up without a lock, a few of each webhook; what is
picked of it is then locked (others' picks are skipped) and marked with a fencing token.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, literal, select, true, update

from app import clock, ids
from app.db import Session
from app.models import Webhook, WebhookDelivery

LEASE = timedelta(seconds=60)
"""Longer than an attempt can take, resolving the name included; who overstays it is fenced out."""
LANES = 4
"""Attempts to one webhook that one worker makes at a time; one, while the webhook is failing."""
SEATS = 24
"""Attempts that one worker makes at a time."""
SUSPECT_SEATS = 8
"""How many of the seats failing webhooks may take together: they are the slow ones, and hold up nobody else."""
SLOW_SECONDS = 3.0
"""An attempt that takes longer gives its seat to another, and its webhook gets no further attempt meanwhile."""
SLOW_SEATS = 24
"""How many attempts may be slow beside the seats; further ones keep theirs."""
CANDIDATES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A due delivery that might be taken; `failing` is its webhook's state."""

    id: UUID
    program_id: UUID
    webhook_id: UUID
    failing: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until the lease ends, and its webhook as it was then; `owner` is the fencing token."""

    id: UUID
    event_id: UUID
    owner: UUID
    body: str
    webhook: Webhook

    @property
    def program_id(self) -> UUID:
        """Return whose it is."""
        return self.webhook.program_id

    @property
    def failing(self) -> bool:
        """Say whether the webhook was failing when this was claimed."""
        return self.webhook.failing_since is not None


class InHand:
    """What one worker is sending right now, and since when."""

    def __init__(self, *, slow_seconds: float = SLOW_SECONDS) -> None:
        self._held: dict[UUID, tuple[Claimed, float]] = {}
        self._slow_seconds = slow_seconds

    def add(self, claimed: Claimed) -> None:
        """Note an attempt that begins."""
        self._held[claimed.id] = (claimed, time.monotonic())

    def drop(self, claimed: Claimed) -> None:
        """Note an attempt that ended."""
        del self._held[claimed.id]

    def seats(self) -> int:
        """Return how many seats are taken: slow attempts stand, as far as there is room."""
        return len(self._held) - min(len(self._slow()), SLOW_SEATS)

    def by_webhook(self) -> Counter[UUID]:
        """Return how many attempts each webhook has; one with a slow attempt counts as full."""
        busy = Counter(one.webhook.id for one, _ in self._held.values())
        for one in self._slow():
            busy[one.webhook.id] = LANES
        return busy

    def by_program(self) -> Counter[UUID]:
        """Return how many attempts each programme has."""
        return Counter(one.program_id for one, _ in self._held.values())

    def suspects(self) -> int:
        """Return how many attempts are to webhooks that are failing."""
        return sum(one.failing for one, _ in self._held.values())

    def _slow(self) -> list[Claimed]:
        before = time.monotonic() - self._slow_seconds
        return [one for one, began in self._held.values() if began < before]


def pick(
    candidates: Iterable[Candidate], *, seats: int, suspect_seats: int,
    busy: Mapping[UUID, int], programs: Mapping[UUID, int],
) -> list[Candidate]:  # fmt: skip
    """Choose what to send next for so many free seats.

    `busy` is how many attempts each webhook has already, `programs` each programme. One after the other goes to the
    programme that has the fewest; within a webhook the order of `candidates` stays.
    """
    lanes, held = Counter(busy), Counter(programs)
    waiting: dict[UUID, list[Candidate]] = defaultdict(list)
    for one in candidates:
        waiting[one.program_id].append(one)
    picked: list[Candidate] = []
    while waiting and len(picked) < seats:
        program_id = min(waiting, key=lambda known: (held[known], known))
        queue = waiting[program_id]
        one = queue.pop(0)
        if not queue:
            del waiting[program_id]
        if lanes[one.webhook_id] >= (1 if one.failing else LANES) or (one.failing and suspect_seats <= 0):
            continue
        suspect_seats -= one.failing
        lanes[one.webhook_id] += 1
        held[program_id] += 1
        picked.append(one)
    return picked


def claim(session: Session, in_hand: InHand, *, seats: int = SEATS) -> list[Claimed]:
    """Take what the free seats allow, for the length of a lease; the caller commits. The worker role's session."""
    free = seats - in_hand.seats()
    if free <= 0:
        return []
    picked = pick(
        _candidates(session), seats=free, suspect_seats=SUSPECT_SEATS - in_hand.suspects(),
        busy=in_hand.by_webhook(), programs=in_hand.by_program(),
    )  # fmt: skip
    return _take(session, [one.id for one in picked]) if picked else []


def _candidates(session: Session) -> list[Candidate]:
    first = (
        select(WebhookDelivery.id, WebhookDelivery.due_at)
        .where(WebhookDelivery.webhook_id == Webhook.id, *_due())
        .order_by(WebhookDelivery.due_at)
        .limit(LANES)
        .correlate(Webhook)
        .lateral("first")
    )
    query = (
        select(first.c.id, Webhook.program_id, Webhook.id.label("webhook_id"), Webhook.failing_since)
        .join(first, true())
        .where(Webhook.status == "live")
        .order_by(first.c.due_at)
        .limit(CANDIDATES_MAX)
    )
    return [
        Candidate(row.id, row.program_id, row.webhook_id, row.failing_since is not None)
        for row in session.execute(query)
    ]


def _take(session: Session, wanted: list[UUID]) -> list[Claimed]:
    owner = ids.new_id()
    locked = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.id.in_(wanted), *_due())
        .with_for_update(skip_locked=True)
        .cte("locked")
    )
    rows = session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == locked.c.id)
        .values(state="sending", lease_owner=owner, due_at=clock.now() + LEASE, attempts=WebhookDelivery.attempts + 1)
        .returning(WebhookDelivery.id, WebhookDelivery.webhook_id, WebhookDelivery.event_id, WebhookDelivery.body),
        execution_options={"synchronize_session": False},
    ).all()
    live = select(Webhook).where(Webhook.id.in_({row.webhook_id for row in rows}))
    whom = {webhook.id: webhook for webhook in session.scalars(live)}
    return [Claimed(row.id, row.event_id, owner, row.body, whom[row.webhook_id]) for row in rows]


def _due() -> tuple[ColumnElement[bool], ...]:
    # The states are written out: the partial index of what is open is found for constants only.
    states = [literal(state, literal_execute=True) for state in ("queued", "sending")]
    return WebhookDelivery.state.in_(states), WebhookDelivery.due_at <= clock.now()
