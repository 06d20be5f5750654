"""The ledger: the only code, with the hot path beside it, that moves an account.

Every function here wants the account locked (`accounts.lock`). The laws, in `docs/explanation/ledger.md`:
an account's balance is the sum of its entries, and what remains in its lots less its debt; a lot's remaining is its
amount less its allocations; what is free pays what is owed at once; an entry is never changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock
from app.db import Session
from app.errors import ConflictError
from app.models import Account, Allocation, Debt, Entry, Lot


class InsufficientBalanceError(ConflictError):
    """The account holds less than is asked."""

    slug = "insufficient-balance"
    title = "Not enough on the account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an entry comes from: what every movement keeps of its cause."""

    occurred_at: datetime
    activity_id: UUID | None = None
    rule_id: UUID | None = None
    rule_version_id: UUID | None = None
    partner_id: UUID | None = None
    store_id: UUID | None = None
    staff_id: UUID | None = None
    api_key_id: UUID | None = None
    reverses_entry_id: UUID | None = None
    transfer_id: UUID | None = None
    reason: str | None = None
    steps: dict[str, Any] | None = None


def available(account: Account) -> int:
    """Return what the member can spend now: never below 0."""
    return max(0, account.balance - account.held)


def credit(
    session: Session, account: Account, *, kind: str, amount: int, origin: Origin, expires_at: datetime | None
) -> Entry:
    """Add `amount` (positive) as one entry and one lot; a debt is paid from it first."""
    assert amount > 0
    account.earned_total += amount
    entry = _post(session, account, kind, amount, origin)
    lot = Lot(
        account_id=account.id, entry_id=entry.id, amount=amount, remaining=amount, available_from=origin.occurred_at,
        expires_at=expires_at, partner_id=origin.partner_id,
    )  # fmt: skip
    session.add(lot)
    if account.debt:
        _absorb_debt(session, account, lot, amount)
    note_expiry(account, lot.expires_at if lot.remaining else None)
    return entry


def debit(
    session: Session,
    account: Account,
    *,
    kind: str,
    amount: int,
    origin: Origin,
    lots: Iterable[Lot] | None = None,
    may_owe: bool = False,
) -> Entry:
    """Take `amount` (positive) from the lots that expire first; raise InsufficientBalanceError for too little.

    `lots` replaces the order. With `may_owe`, what the lots lack becomes the account's debt; holds are respected
    either way.
    """
    assert amount > 0
    takeable = account.balance + account.debt - account.held
    if amount > takeable and not may_owe:
        raise InsufficientBalanceError(
            f"{amount} is needed and {max(0, takeable)} is available.", needed=amount, available=max(0, takeable)
        )
    account.burnt_total += amount
    entry = _post(session, account, kind, -amount, origin)
    left = min(amount, takeable)
    if left < amount:
        account.debt += amount - left
        session.add(Debt(entry_id=entry.id, account_id=account.id, amount=amount - left, remaining=amount - left))
    for lot in open_lots(session, account) if lots is None else lots:
        if left == 0:
            break
        taken = min(left, lot.remaining)
        if taken:
            _allocate(session, entry, lot, taken)
            left -= taken
    assert left == 0, "lots hold less than the account says"
    return entry


def give_back(session: Session, account: Account, *, debit_entry: Entry, amount: int, origin: Origin) -> Entry:
    """Return `amount` of an earlier debit to the very lots that paid it, with their own expiry."""
    assert 0 < amount <= -debit_entry.amount
    entry = _post(session, account, "reverse", amount, replace(origin, reverses_entry_id=debit_entry.id))
    account.burnt_total -= amount
    left = amount
    session.flush()
    debt = session.scalars(select(Debt).where(Debt.entry_id == debit_entry.id)).one_or_none()
    if debt is not None:
        # What was never taken from a lot is still owed: it is forgiven first.
        forgiven = min(left, debt.remaining)
        debt.remaining -= forgiven
        account.debt -= forgiven
        left -= forgiven
    for lot, part in reversed(_allocations_of(session, debit_entry)):
        if left == 0:
            break
        back = min(left, part)
        if back > 0:
            _allocate(session, entry, lot, -back)
            note_expiry(account, lot.expires_at)
            left -= back
    assert left == 0, "more is given back than was taken"
    pay_debts(session, account)
    return entry


def pay_debts(session: Session, account: Account) -> None:
    """Let what is free pay what is owed, as a credit does: after value was given back, or a hold was let go."""
    free = account.balance + account.debt - account.held
    if not account.debt or not free:
        return
    for lot in open_lots(session, account):
        free -= _absorb_debt(session, account, lot, free)
        if not account.debt or not free:
            return


def open_lots(session: Session, account: Account) -> list[Lot]:
    """Return the lots with something left: first to expire first, then the oldest; never-expiring last."""
    session.flush()
    query = (
        select(Lot)
        .where(Lot.account_id == account.id, Lot.remaining > 0)
        .order_by(Lot.expires_at.asc().nulls_last(), Lot.id)
    )
    return list(session.scalars(query))


def lots_of_activity(session: Session, account: Account, activity_id: UUID) -> list[Lot]:
    """Return what is left of the lots that an activity filled."""
    session.flush()
    query = (
        select(Lot)
        .join(Entry, (Entry.program_id == Lot.program_id) & (Entry.id == Lot.entry_id))
        .where(Lot.account_id == account.id, Lot.remaining > 0, Entry.activity_id == activity_id)
        .order_by(Lot.id)
    )
    return list(session.scalars(query))


def entries_of_activity(session: Session, activity_id: UUID) -> list[Entry]:
    """Return the entries of an activity in the order they were posted."""
    return list(session.scalars(select(Entry).where(Entry.activity_id == activity_id).order_by(Entry.id)))


def balance_at(session: Session, account: Account, instant: datetime, *, by: str = "recorded") -> int:
    """Return the balance as it was recorded at an instant, or as it had occurred by then (late scans included)."""
    column = Entry.recorded_at if by == "recorded" else Entry.occurred_at
    query = select(func.coalesce(func.sum(Entry.amount), 0)).where(Entry.account_id == account.id, column <= instant)
    return int(session.scalar(query) or 0)


def note_expiry(account: Account, expires_at: datetime | None) -> None:
    """Keep `next_expiry_at` not later than the first expiry of what is left."""
    if expires_at is not None and (account.next_expiry_at is None or expires_at < account.next_expiry_at):
        account.next_expiry_at = expires_at


def _post(session: Session, account: Account, kind: str, amount: int, origin: Origin) -> Entry:
    account.balance += amount
    account.sequence += 1
    entry = Entry(
        account_id=account.id, sequence=account.sequence, kind=kind, amount=amount, balance_after=account.balance,
        occurred_at=origin.occurred_at, recorded_at=clock.now(), activity_id=origin.activity_id,
        rule_id=origin.rule_id, rule_version_id=origin.rule_version_id, partner_id=origin.partner_id,
        store_id=origin.store_id, staff_id=origin.staff_id, api_key_id=origin.api_key_id,
        reverses_entry_id=origin.reverses_entry_id, transfer_id=origin.transfer_id, reason=origin.reason,
        steps=origin.steps,
    )  # fmt: skip
    session.add(entry)
    return entry


def _allocate(session: Session, entry: Entry, lot: Lot, amount: int) -> None:
    lot.remaining -= amount
    session.add(Allocation(entry_id=entry.id, lot_id=lot.id, amount=amount))


def _absorb_debt(session: Session, account: Account, lot: Lot, limit: int) -> int:
    """Let up to `limit` of a lot pay what earlier debits could not find, oldest first; return how much it paid."""
    total = 0
    query = select(Debt).where(Debt.account_id == account.id, Debt.remaining > 0).order_by(Debt.entry_id)
    for debt in session.scalars(query).all():
        paid = min(debt.remaining, lot.remaining, limit - total)
        if paid == 0:
            break
        total += paid
        lot.remaining -= paid
        account.debt -= paid
        debt.remaining -= paid
        # The debit may have taken from this very lot before: what was held then is free now.
        parts = select(func.count()).where(Allocation.entry_id == debt.entry_id, Allocation.lot_id == lot.id)
        part = int(session.scalar(parts) or 0)
        session.add(Allocation(entry_id=debt.entry_id, lot_id=lot.id, part=part, amount=paid))
    return total


def _allocations_of(session: Session, debit_entry: Entry) -> list[tuple[Lot, int]]:
    """Return what each lot paid of a debit, less what it already got back by earlier reversals of it."""
    related = select(Entry.id).where(
        Entry.account_id == debit_entry.account_id,
        (Entry.id == debit_entry.id) | (Entry.reverses_entry_id == debit_entry.id),
    )
    taken = (
        select(Allocation.lot_id, func.sum(Allocation.amount).label("amount"))
        .where(Allocation.entry_id.in_(related))
        .group_by(Allocation.lot_id)
        .subquery()
    )
    query = (
        select(Lot, taken.c.amount)
        .join(taken, taken.c.lot_id == Lot.id)
        .order_by(Lot.expires_at.asc().nulls_last(), Lot.id)
    )
    return [(lot, int(amount)) for lot, amount in session.execute(query)]
