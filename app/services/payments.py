"""Moving value by hand: paying with a balance, corrections, and holds that a till captures or lets go."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import ConflictError, NotFoundError, invalid_field
from app.models import Account, Entry, Hold
from app.services import accounts, events, expiry, holds, ledger, redemptions
from app.services.config import ProgramConfig
from app.services.ledger import Origin

HOLD_SECONDS_MAX = 3600


class HoldEndedError(ConflictError):
    """The hold was captured, let go, or is too old."""

    slug = "hold-ended"
    title = "This hold has ended"


def burn(session: Session, config: ProgramConfig, *, account_id: UUID, amount: int, origin: Origin) -> Entry:
    """Pay `amount` from an account; raise InsufficientBalanceError, RedemptionsFrozenError."""
    redemptions.check_open(config)
    account = _locked(session, config, account_id)
    entry = ledger.debit(session, account, kind="burn", amount=amount, origin=origin)
    events.publish_entry(session, account, entry)
    return entry


def adjust(session: Session, config: ProgramConfig, *, account_id: UUID, amount: int, origin: Origin) -> Entry:
    """Correct an account by `amount`, up or down; what is added expires by the purse's policy."""
    if amount == 0:
        raise invalid_field("#/amount", "A correction is not 0.")
    account = _locked(session, config, account_id)
    if amount > 0:
        runs_out = expiry.expires_at(config.purses[account.purse_id].expiry, origin.occurred_at, config.zone)
        entry = ledger.credit(session, account, kind="adjust", amount=amount, origin=origin, expires_at=runs_out)
    else:
        entry = ledger.debit(session, account, kind="adjust", amount=-amount, origin=origin)
    events.publish_entry(session, account, entry)
    return entry


def hold(
    session: Session, config: ProgramConfig, *, account_id: UUID, amount: int, seconds: int, store_id: UUID | None
) -> Hold:
    """Reserve `amount` for a till for some time."""
    redemptions.check_open(config)
    account = _locked(session, config, account_id)
    if amount > ledger.available(account):
        left = ledger.available(account)
        raise ledger.InsufficientBalanceError(
            f"{amount} is needed and {left} is available.", needed=amount, available=left
        )
    account.held += amount
    made = Hold(
        account_id=account.id, amount=amount, store_id=store_id,
        expires_at=clock.now() + timedelta(seconds=min(seconds, HOLD_SECONDS_MAX)),
    )  # fmt: skip
    session.add(made)
    return made


def get_hold(session: Session, hold_id: UUID) -> Hold:
    """Return the hold; raise NotFoundError."""
    found = session.scalars(select(Hold).where(Hold.id == hold_id)).one_or_none()
    if found is None:
        raise NotFoundError("No such hold in this programme.", hold=ids.show("hold", hold_id))
    return found


def capture(session: Session, config: ProgramConfig, made: Hold, *, amount: int | None, origin: Origin) -> Entry:
    """Pay up to what a hold reserves; the rest is free again. Raise HoldEndedError, RedemptionsFrozenError."""
    redemptions.check_open(config)
    account = _release(session, made, "captured")
    wanted = made.amount if amount is None else amount
    if wanted > made.amount:
        raise invalid_field("#/amount", f"The hold is for {made.amount}.")
    entry = ledger.debit(session, account, kind="burn", amount=wanted, origin=origin)
    made.entry_id = entry.id
    holds.settle_after(session, config, account)
    events.publish_entry(session, account, entry)
    return entry


def void(session: Session, config: ProgramConfig, made: Hold) -> Hold:
    """Let a hold go."""
    account = _release(session, made, "voided")
    holds.settle_after(session, config, account)
    return made


def expire_holds(session: Session, config: ProgramConfig, *, limit: int = 200) -> int:
    """Let this programme's old holds go; return how many."""
    query = (
        select(Hold, Account.member_id)
        .join(Account, (Account.program_id == Hold.program_id) & (Account.id == Hold.account_id))
        .where(Hold.state == "held", Hold.expires_at <= clock.now())
        .order_by(Hold.expires_at)
        .limit(limit)
    )
    # In the order of all jobs, so that no two wait for each other.
    due = sorted(session.execute(query).all(), key=lambda row: row.member_id)
    for made, member_id in due:
        account = {one.id: one for one in accounts.lock(session, member_id).values()}[made.account_id]
        session.refresh(made)
        if made.state == "held":
            account.held -= made.amount
            made.state = "expired"
            holds.settle_after(session, config, account)
    return len(due)


def _release(session: Session, made: Hold, state: str) -> Account:
    account = accounts.get(session, made.account_id)
    accounts.lock(session, account.member_id)
    session.refresh(made)
    if made.state != "held" or made.expires_at <= clock.now():
        raise HoldEndedError("It was captured, let go, or is too old: make a new one.", state=made.state)
    account.held -= made.amount
    made.state = state
    return account


def _locked(session: Session, config: ProgramConfig, account_id: UUID) -> Account:
    found = accounts.get(session, account_id)
    accounts.lock(session, found.member_id)
    holds.end_old(session, config, found)
    return found
