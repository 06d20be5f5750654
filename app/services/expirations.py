"""What runs out: booked as `expire` entries, lazily when an account is touched and by a job for those that are not."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app import clock
from app.db import Session
from app.models import Account, Entry, Lot
from app.services import accounts, events, expiry, ledger
from app.services.config import ProgramConfig
from app.services.ledger import Origin


def settle(session: Session, config: ProgramConfig, account: Account) -> list[Entry]:
    """Book what has run out on a locked account; return the entries, mostly none."""
    now = clock.now()
    if account.next_expiry_at is None or account.next_expiry_at > now:
        return []
    if config.purses[account.purse_id].expiry.get("policy") == "inactivity":
        entries = _book(session, account, ledger.open_lots(session, account), account.next_expiry_at)
        if not account.held:
            account.next_expiry_at = None
        return entries
    session.flush()
    gone = list(
        session.scalars(
            select(Lot)
            .where(Lot.account_id == account.id, Lot.remaining > 0, Lot.expires_at <= now)
            .order_by(Lot.expires_at, Lot.id)
        )
    )
    # One entry for each instant, so that the ledger says when what ran out.
    by_instant: dict[datetime, list[Lot]] = {}
    for lot in gone:
        assert lot.expires_at is not None
        by_instant.setdefault(lot.expires_at, []).append(lot)
    entries = [entry for instant, lots in by_instant.items() for entry in _book(session, account, lots, instant)]
    session.flush()
    account.next_expiry_at = session.scalar(
        select(func.min(Lot.expires_at)).where(Lot.account_id == account.id, Lot.remaining > 0)
    )
    return entries


def slide(config: ProgramConfig, account: Account, *, kind: str, happened_at: datetime) -> None:
    """Let an activity keep an account alive where the purse expires by inactivity."""
    until = expiry.slides_to(config.purses[account.purse_id].expiry, kind, happened_at, config.zone)
    if until is not None and (account.next_expiry_at is None or until > account.next_expiry_at):
        account.next_expiry_at = until


def _book(session: Session, account: Account, lots: list[Lot], instant: datetime) -> list[Entry]:
    # What a till holds does not run out under its hands: it waits for the capture, or for the hold's own end.
    amount = min(sum(lot.remaining for lot in lots), account.balance + account.debt - account.held)
    if amount == 0:
        return []
    origin = Origin(occurred_at=instant, reason="expired")
    entry = ledger.debit(session, account, kind="expire", amount=amount, lots=lots, origin=origin)
    account.burnt_total -= amount
    events.publish_entry(session, account, entry)
    return [entry]


def expire_due(session: Session, config: ProgramConfig, *, limit: int = 200) -> int:
    """Book what has run out on this programme's accounts; restartable; return how many accounts were settled."""
    due: list[UUID] = list(
        session.scalars(
            select(Account.member_id)
            .where(Account.next_expiry_at <= clock.now())
            .order_by(Account.next_expiry_at)
            .limit(limit)
        )
    )
    settled = 0
    # In the order of all jobs, so that no two wait for each other.
    for member_id in sorted(set(due)):
        for account in accounts.lock(session, member_id).values():
            before = account.next_expiry_at
            settle(session, config, account)
            settled += account.next_expiry_at != before
    return settled
