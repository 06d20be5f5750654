"""Hearing: an event of the outbox marks the passes of its member. A scan itself writes nothing for this."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock
from app.db import Database
from app.models import PassRevision
from app.services import pass_updates

KINDS = frozenset({
    "activity.recorded", "activity.reversed", "card.blocked", "card.claimed", "card.replaced", "card.unblocked",
    "entry.posted", "reward.redeemed", "voucher.expired", "voucher.issued", "voucher.used", "voucher.void",
})  # fmt: skip
"""Facts after which a member's card may look otherwise."""
REMEMBERED = timedelta(seconds=2)
_KNOWN_MAX = 10_000


class Ear:
    """Marks passes of members that something happened to. One for each worker.

    Most programmes of an installation may have no passes: that is remembered for a moment, so that their events cost
    nothing here. A pass that is made in this moment looks after itself: see `app.services.passes.issue`.
    """

    def __init__(self, on_mark: Callable[[], None] | None = None) -> None:
        """Call `on_mark` after a mark was made and committed: the lanes of this process need not poll for it."""
        self._on_mark = on_mark
        self._without: dict[UUID, datetime] = {}
        self._lock = threading.Lock()

    def hear(self, database: Database, *, kind: str, program_id: UUID, member_id: UUID | None) -> int:
        """Mark the passes of the event's member; return how many. Hearing an event twice marks twice, to no harm."""
        if member_id is None or self._knows_of_none(program_id):
            return 0
        now = clock.now()
        with database.transaction(program_id) as session:
            marked = pass_updates.mark_member(session, member_id, reason=kind)
            has_passes = marked > 0 or session.scalar(select(PassRevision.revision)) is not None
        if not has_passes:
            self._remember(program_id, now)
        if marked and self._on_mark is not None:
            self._on_mark()
        return marked

    def _knows_of_none(self, program_id: UUID) -> bool:
        with self._lock:
            known = self._without.get(program_id)
        return known is not None and known <= clock.now() < known + REMEMBERED

    def _remember(self, program_id: UUID, at: datetime) -> None:
        with self._lock:
            if len(self._without) >= _KNOWN_MAX:
                self._without.clear()
            self._without[program_id] = at
