"""Accounts: made with the member, locked together in one order before anything moves."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import ids
from app.db import Session
from app.errors import NotFoundError
from app.models import Account, Purse


def open_all(session: Session, member_id: UUID) -> None:
    """Make the member's missing accounts, one a purse; ids in a row, so that they share a page of the table."""
    purses = session.scalars(select(Purse.id).where(Purse.archived_at.is_(None)).order_by(Purse.id)).all()
    if not purses:
        return
    rows = [
        {
            "id": ids.new_id(), "program_id": session.program, "member_id": member_id, "purse_id": purse_id,
            "balance": 0, "pending": 0, "held": 0, "debt": 0, "earned_total": 0, "burnt_total": 0, "sequence": 0,
        }
        for purse_id in purses
    ]  # fmt: skip
    session.execute(insert(Account).values(rows).on_conflict_do_nothing())


def lock(session: Session, member_id: UUID, *, needed: Iterable[UUID] = ()) -> dict[UUID, Account]:
    """Return the member's accounts by purse, locked in the order of their ids until the transaction ends.

    That lock is what serialises everything that moves a member's value. Accounts of `needed` purses are made.
    """
    found = _locked(session, member_id)
    if any(purse_id not in found for purse_id in needed) or not found:
        open_all(session, member_id)
        found = _locked(session, member_id)
    return found


def _locked(session: Session, member_id: UUID) -> dict[UUID, Account]:
    query = (
        select(Account)
        .where(Account.member_id == member_id)
        .order_by(Account.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {account.purse_id: account for account in session.scalars(query)}


def get(session: Session, account_id: UUID) -> Account:
    """Return the account, not locked; raise NotFoundError."""
    account = session.scalars(select(Account).where(Account.id == account_id)).one_or_none()
    if account is None:
        raise NotFoundError("No such account in this programme.", account=ids.show("account", account_id))
    return account


def of_member(session: Session, member_id: UUID) -> list[Account]:
    """Return the member's accounts, oldest purse first."""
    return list(session.scalars(select(Account).where(Account.member_id == member_id).order_by(Account.purse_id)))
