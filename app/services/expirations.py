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
    slides = config.purses[account.purse_id].expiry.get("policy") == "inactivity"
    if slides:
        by_instant = {account.next_expiry_at: ledger.open_lots(session, account)}
    else:
        by_instant = _run_out(session, account, now)
    # What a till holds does not run out under its hands: it waits for the capture, which takes these very lots first,
    # or for the hold's own end. So it makes no difference when this is booked.
    kept = account.held
    entries: list[Entry] = []
    for instant, lots in by_instant.items():
        there = sum(lot.remaining for lot in lots)
        gone = max(0, there - kept)
        kept -= there - gone
        if gone:
            entries.append(_book(session, account, lots, gone, instant))
    session.flush()
    if not slides:
        account.next_expiry_at = session.scalar(
            select(func.min(Lot.expires_at)).where(Lot.account_id == account.id, Lot.remaining > 0)
        )
    elif not account.held:
        account.next_expiry_at = None
    return entries


def _run_out(session: Session, account: Account, now: datetime) -> dict[datetime, list[Lot]]:
    """Return the lots that have run out by their instants, for one entry each: the ledger says when what ran out."""
    session.flush()
    query = (
        select(Lot)
        .where(Lot.account_id == account.id, Lot.remaining > 0, Lot.expires_at <= now)
        .order_by(Lot.expires_at, Lot.id)
    )
    found: dict[datetime, list[Lot]] = {}
    for lot in session.scalars(query):
        assert lot.expires_at is not None
        found.setdefault(lot.expires_at, []).append(lot)
    return found


def slide(config: ProgramConfig, account: Account, *, kind: str, happened_at: datetime) -> None:
    """Let an activity keep an account alive where the purse expires by inactivity."""
    until = expiry.slides_to(config.purses[account.purse_id].expiry, kind, happened_at, config.zone)
    if until is not None and (account.next_expiry_at is None or until > account.next_expiry_at):
        account.next_expiry_at = until


def _book(session: Session, account: Account, lots: list[Lot], amount: int, instant: datetime) -> Entry:
    origin = Origin(occurred_at=instant, reason="expired")
    entry = ledger.debit(session, account, kind="expire", amount=amount, lots=lots, origin=origin)
    account.burnt_total -= amount
    events.publish_entry(session, account, entry)
    return entry


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
