"""What a member can look back on: entries, activities and vouchers, page by page, newest first."""

import heapq
from collections.abc import Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import select, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.db import Session
from app.errors import invalid_field
from app.models import Account, Activity, Entry, Voucher
from app.money import AMOUNT_MAX

_ACCOUNTS_MAX = 50


class Position:
    """Where a page of entries ended: for each account, by its id, the sequence of its last entry shown.

    A member's accounts are few and grow in order, so a list of numbers says it: the page is found through the index
    of each account, as fast after ten years as after a day, and stays right when an offline till syncs meanwhile.
    """

    def __init__(self, sequences: Sequence[int | None]) -> None:
        self.sequences = list(sequences)

    @classmethod
    def read(cls, text: str | None) -> "Position":
        """Read what `str` wrote; raise InvalidError for any other text."""
        if text is None:
            return cls([])
        try:
            return cls([min(int(part), AMOUNT_MAX) if part else None for part in text.split(".")[:_ACCOUNTS_MAX]])
        except ValueError:
            raise invalid_field("?/after", "Not a cursor of ours: send `next` of the page before, unchanged.") from None

    def __str__(self) -> str:
        return ".".join("" if sequence is None else str(sequence) for sequence in self.sequences)

    def of(self, index: int) -> int | None:
        """Return the sequence that the account's entries must be below, or None for the newest."""
        return self.sequences[index] if index < len(self.sequences) else None


def entries(
    session: Session, member_id: UUID, *, limit: int, after: Position
) -> tuple[list[tuple[Entry, Account]], Position | None]:
    """Return up to `limit` entries over the member's accounts in the order of recording, and where the page ended.

    The position is None on the last page.
    """
    own = list(session.scalars(select(Account).where(Account.member_id == member_id).order_by(Account.id)))
    if not own:
        return [], None
    by_id = {account.id: index for index, account in enumerate(own)}
    streams: list[list[Entry]] = [[] for _ in own]
    for entry in session.scalars(_newest_of_each(own, limit, after)):
        streams[by_id[entry.account_id]].append(entry)
    for stream in streams:
        stream.sort(key=lambda entry: entry.sequence, reverse=True)
    merged = heapq.merge(*streams, key=lambda entry: (entry.recorded_at, entry.id), reverse=True)
    found = list(islice(merged, limit + 1))
    shown = found[:limit]
    reached = [after.of(index) for index in range(len(own))]
    for entry in shown:
        reached[by_id[entry.account_id]] = entry.sequence
    rows = [(entry, own[by_id[entry.account_id]]) for entry in shown]
    return rows, Position(reached) if len(found) > limit else None


def _newest_of_each(own: Sequence[Account], limit: int, after: Position) -> Any:
    parts = []
    for index, account in enumerate(own):
        part = select(Entry).where(Entry.account_id == account.id, Entry.program_id == account.program_id)
        below = after.of(index)
        if below is not None:
            part = part.where(Entry.sequence < below)
        parts.append(part.order_by(Entry.sequence.desc()).limit(limit + 1))
    if len(parts) == 1:
        return parts[0]
    return select(aliased(Entry, union_all(*parts).subquery()))


def activities(session: Session, member_id: UUID, *, limit: int, after: UUID | None) -> list[Activity]:
    """Return up to `limit` + 1 of what the member did, behind `after`."""
    return list(
        session.scalars(_behind(select(Activity).where(Activity.member_id == member_id), Activity.id, limit, after))
    )


def vouchers(
    session: Session, member_id: UUID, *, limit: int, after: UUID | None, status: str | None = None
) -> list[Voucher]:
    """Return up to `limit` + 1 of the member's vouchers, of one status or all, behind `after`."""
    query = select(Voucher).where(Voucher.member_id == member_id)
    if status is not None:
        query = query.where(Voucher.status == status)
    return list(session.scalars(_behind(query, Voucher.id, limit, after)))


def _behind(query: Any, column: InstrumentedAttribute[UUID], limit: int, after: UUID | None) -> Any:
    if after is not None:
        query = query.where(column < after)
    return query.order_by(column.desc()).limit(limit + 1)
