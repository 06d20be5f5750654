"""Hearing: an event of the outbox marks the passes of its member. A scan itself writes nothing for this."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from app import clock
from app.db import Database
from app.models import Pass, Reward
from app.services import pass_updates
from wallet.updates import sweeping

KINDS = frozenset({
    "activity.recorded", "activity.reversed", "card.blocked", "card.claimed", "card.replaced", "card.unblocked",
    "entry.posted", "reward.redeemed", "voucher.expired", "voucher.issued", "voucher.used", "voucher.void",
})  # fmt: skip
"""Facts after which a member's card may look otherwise."""
PROGRAMS_MAX = 10_000
MEMBERS_MAX = 200_000
"""Members with passes that are remembered of one programme; of a larger one the database is asked for each event."""
LATE = timedelta(minutes=1)
"""How long a pass may take from its id to its commit, and be found all the same."""


@dataclass(frozen=True, slots=True)
class _Holders:
    """Who had a pass of a programme at an instant; None where they are too many to be remembered."""

    at: datetime
    members: set[UUID] | None


class Ear:
    """Marks passes of members that something happened to. One for each worker.

    Most members have no pass: who has is remembered between events, and read on, as far as there are new passes, for an
    event that was written after it was read. A busy outbox costs a small question for each batch of events.
    """

    def __init__(self, on_mark: Callable[[], None] | None = None) -> None:
        """Call `on_mark` after a mark was made and committed: the lanes of this process need not poll for it."""
        self._on_mark = on_mark
        self._known: dict[UUID, _Holders] = {}
        self._lock = threading.Lock()

    def hear(
        self, database: Database, *, kind: str, program_id: UUID, member_id: UUID | None, recorded_at: datetime,
        reward_id: UUID | None = None,
    ) -> int:  # fmt: skip
        """Mark the passes of the event's member; return how many. Hearing an event twice marks twice, to no harm.

        With `reward_id` the reward was taken: where none of it is left, no card names it as what comes next.
        """
        if member_id is None:
            return 0
        holders = self._holders(database, program_id, recorded_at)
        if reward_id is not None and (holders is None or holders):
            _sweep_if_sold_out(database, program_id, reward_id)
        if holders is not None and member_id not in holders:
            return 0
        with database.transaction(program_id) as session:
            marked = pass_updates.mark_member(session, member_id, reason=kind)
        if marked and self._on_mark is not None:
            self._on_mark()
        return marked

    def _holders(self, database: Database, program_id: UUID, recorded_at: datetime) -> set[UUID] | None:
        with self._lock:
            known = self._known.get(program_id)
        if known is None or known.at <= recorded_at:
            known = self._read(database, program_id, known)
        return known.members

    def _read(self, database: Database, program_id: UUID, before: _Holders | None) -> _Holders:
        if before is not None and before.members is None:
            return before
        now = clock.now()
        query = select(Pass.member_id).where(Pass.program_id == program_id)
        if before is not None:
            query = query.where(Pass.id >= func.uuid_from_instant(before.at - LATE))
        with database.transaction(program_id) as session:
            found = set(session.scalars(query.limit(MEMBERS_MAX + 1)))
        members = found | (before.members or set() if before is not None else set())
        known = _Holders(now, members if len(members) <= MEMBERS_MAX else None)
        with self._lock:
            if len(self._known) >= PROGRAMS_MAX:
                self._known.clear()
            self._known[program_id] = known
        return known


def _sweep_if_sold_out(database: Database, program_id: UUID, reward_id: UUID) -> None:
    with database.transaction(program_id) as session:
        stock = session.scalar(select(Reward.stock).where(Reward.id == reward_id))
    if stock == 0:
        with database.across_programs() as session:
            sweeping.begin(session, program_id)
