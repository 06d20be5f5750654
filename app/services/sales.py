"""A sale read back from the books: what it gave, what was given back of it so far, and what is left."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.db import Session
from app.models import Account, Activity, Entry, PendingGrant, Voucher
from app.rules.facts import ActivityFacts
from app.rules.outcomes import Grant, Outcome, VoucherGrant
from app.rules.refunds import RefundedItem, kept
from app.services import happenings, ledger, pending
from app.services.config import ProgramConfig
from app.services.happenings import Happening

WHOLE = "whole"
"""What the data of a reversal says that gave all of the rest back."""


def reversals_of(session: Session, original_id: UUID) -> list[Activity]:
    """Return the refunds of a sale so far, oldest first."""
    query = select(Activity).where(Activity.reverses_activity_id == original_id).order_by(Activity.id)
    return list(session.scalars(query))


def remains(config: ProgramConfig, original: Activity, reversals: list[Activity]) -> ActivityFacts | None:
    """Return the activity as it would have been with what is kept, or None when nothing is."""
    if any((row.data or {}).get(WHOLE) for row in reversals):
        return None
    sold = happenings.facts_of(
        config,
        Happening(
            kind=original.kind,
            occurred_at=original.occurred_at,
            amount=original.amount,
            items=tuple(original.items or ()),
            store_id=original.store_id,
        ),
    )
    items = [
        RefundedItem(sku=item["sku"], quantity=int(item["quantity"]), amount=item.get("amount"))
        for row in reversals
        for item in row.items or ()
    ]
    # Money counts by itself only where no items were named with it.
    money = sum(row.amount or 0 for row in reversals if not row.items)
    return kept(sold, amount=money, items=items)


def granted(session: Session, held: Mapping[UUID, Account], original: Activity) -> Outcome:
    """Return what the sale gave, from the books: credited entries and promises."""
    purse_of = {account.id: purse_id for purse_id, account in held.items()}
    promises = pending.of_activity(session, original.id)
    confirmed = {waiting.entry_id for waiting in promises if waiting.entry_id is not None}
    rows: list[Entry | PendingGrant] = [
        entry
        for entry in ledger.entries_of_activity(session, original.id)
        if entry.kind == "earn" and entry.id not in confirmed
    ]
    grants = [
        Grant(
            purse_of[row.account_id], row.amount, row.rule_id or original.id, row.rule_version_id or original.id, "", {}
        )
        for row in [*rows, *promises]
    ]
    # What was withdrawn before is not withdrawn again.
    issued = session.scalars(
        select(Voucher)
        .where(Voucher.activity_id == original.id, Voucher.entry_id.is_(None), Voucher.status != "void")
        .order_by(Voucher.id)
    )
    given = [VoucherGrant(row.reward_id, original.id, original.id, "") for row in issued]
    return Outcome(tuple(grants), tuple(given))


def reclaimed_before(session: Session, account: Account, original_id: UUID) -> int:
    """Return what earlier refunds of the sale took from the account: cancelled promises, entries, forgiven rests."""
    promised = sum(
        waiting.cancelled for waiting in pending.of_activity(session, original_id) if waiting.account_id == account.id
    )
    reversals = reversals_of(session, original_id)
    taken = session.scalars(
        select(Entry.amount).where(
            Entry.account_id == account.id,
            Entry.kind == "reverse",
            Entry.amount < 0,
            Entry.activity_id.in_([row.id for row in reversals]),
        )
    ).all()
    forgiven = sum((row.data or {}).get("forgiven", {}).get(account.id.hex, 0) for row in reversals)
    return int(promised - sum(taken) + forgiven)


def pieces(items: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many pieces of each SKU the lines hold."""
    found: dict[str, int] = {}
    for item in items:
        found[item["sku"]] = found.get(item["sku"], 0) + int(item.get("quantity", 1))
    return found
