"""What members hold, as it is shown: accounts with their purse, and without what has run out since it was last booked.

Expiry is booked when an account is touched and by a job (`app.services.expirations`); reading writes nothing, so it
takes off what is due and not booked yet. The door function `my_cards` says the same in SQL for the customer's app.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, or_, select

from app import clock
from app.db import Session
from app.models import Account, Lot, Purse


@dataclass(frozen=True, slots=True)
class Holding:
    """One account, its purse, and the balance that can be spoken of now."""

    account: Account
    purse: Purse
    balance: int


def of_members(session: Session, member_ids: list[UUID]) -> dict[UUID, list[Holding]]:
    """Return each member's holdings, oldest purse first; purses that were archived while empty are left out."""
    query = (
        select(Account, Purse)
        .join(Purse, Purse.id == Account.purse_id)
        .where(Account.member_id.in_(member_ids), or_(Purse.archived_at.is_(None), Account.balance != 0))
        .order_by(Account.purse_id)
    )
    rows = session.execute(query).all()
    gone = _run_out(session, [account for account, _ in rows])
    found: dict[UUID, list[Holding]] = {member_id: [] for member_id in member_ids}
    for account, purse in rows:
        found[account.member_id].append(Holding(account, purse, _now(account, gone)))
    return found


def balance_of(session: Session, account: Account) -> int:
    """Return the balance of one account that can be spoken of now."""
    return _now(account, _run_out(session, [account]))


def _now(account: Account, gone: Mapping[UUID, int]) -> int:
    # A till's hold keeps what would run out first.
    return account.balance - max(0, gone.get(account.id, 0) - account.held)


def _run_out(session: Session, rows: list[Account]) -> dict[UUID, int]:
    """Return what has run out and is not booked yet, by account; mostly nothing is asked."""
    now = clock.now()
    due = [account.id for account in rows if account.next_expiry_at is not None and account.next_expiry_at <= now]
    if not due:
        return {}
    # A purse that expires by inactivity loses every lot at the account's own instant.
    slides = Purse.expiry["policy"].astext == "inactivity"
    query = (
        select(Lot.account_id, func.sum(Lot.remaining))
        .join(Account, Account.id == Lot.account_id)
        .join(Purse, Purse.id == Account.purse_id)
        .where(Lot.account_id.in_(due), Lot.remaining > 0, or_(Lot.expires_at <= now, slides))
        .group_by(Lot.account_id)
    )
    return {account_id: int(total) for account_id, total in session.execute(query)}
