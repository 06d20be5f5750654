"""Credits that wait: until a date, until somebody confirms them, or until a reversal cancels them."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock
from app.db import Session
from app.models import Account, Entry, PendingGrant
from app.services import accounts, events, expirations, expiry, ledger
from app.services.config import ProgramConfig, PurseConfig
from app.services.ledger import Origin


def grant(session: Session, account: Account, *, amount: int, origin: Origin, confirms_at: datetime) -> PendingGrant:
    """Promise `amount`, to be credited at `confirms_at`; it shows as pending and cannot be spent."""
    assert origin.activity_id is not None
    account.pending += amount
    waiting = PendingGrant(
        account_id=account.id, activity_id=origin.activity_id, amount=amount, occurred_at=origin.occurred_at,
        confirms_at=confirms_at, rule_id=origin.rule_id, rule_version_id=origin.rule_version_id,
        partner_id=origin.partner_id, store_id=origin.store_id, steps=origin.steps,
    )  # fmt: skip
    session.add(waiting)
    return waiting


def confirms_at(purse: PurseConfig, occurred_at: datetime) -> datetime | None:
    """Return when a credit to the purse stops waiting, or None where it does not wait."""
    if not purse.hold_days:
        return None
    at = occurred_at + timedelta(days=purse.hold_days)
    return at if at > clock.now() else None


def confirm(session: Session, config: ProgramConfig, account: Account, waiting: PendingGrant) -> Entry | None:
    """Credit what is left of a promise; None when nothing is. The account must be locked."""
    # First what has run out: by inactivity everything does, and what is credited now must not go with it.
    expirations.settle(session, config, account)
    left = waiting.amount - waiting.cancelled
    account.pending -= left
    waiting.state = "confirmed" if left else "cancelled"
    if not left:
        return None
    origin = Origin(
        occurred_at=waiting.occurred_at, activity_id=waiting.activity_id, rule_id=waiting.rule_id,
        rule_version_id=waiting.rule_version_id, partner_id=waiting.partner_id, store_id=waiting.store_id,
        steps=waiting.steps,
    )  # fmt: skip
    purse = config.purses[account.purse_id]
    # What waited expires as if it were earned when it could first be used.
    expires_at = expiry.expires_at(purse.expiry, waiting.confirms_at or clock.now(), config.zone)
    entry = ledger.credit(session, account, kind="earn", amount=left, origin=origin, expires_at=expires_at)
    waiting.entry_id = entry.id
    events.publish_entry(session, account, entry)
    return entry


def cancel(account: Account, waiting: PendingGrant, *, amount: int) -> int:
    """Take back up to `amount` of a promise; return how much that was."""
    taken = min(amount, waiting.amount - waiting.cancelled)
    waiting.cancelled += taken
    account.pending -= taken
    if waiting.cancelled == waiting.amount:
        waiting.state = "cancelled"
    return taken


def of_activity(session: Session, activity_id: UUID) -> list[PendingGrant]:
    """Return the promises of an activity, whatever became of them."""
    query = select(PendingGrant).where(PendingGrant.activity_id == activity_id).order_by(PendingGrant.id)
    return list(session.scalars(query))


def confirm_activity(session: Session, config: ProgramConfig, *, activity_id: UUID, member_id: UUID) -> list[Entry]:
    """Credit now what an activity still waits for: the parcel arrived, the review was checked; return the entries."""
    locked = {account.id: account for account in accounts.lock(session, member_id).values()}
    entries = []
    for waiting in of_activity(session, activity_id):
        if waiting.state == "pending":
            waiting.confirms_at = min(waiting.confirms_at or clock.now(), clock.now())
            entry = confirm(session, config, locked[waiting.account_id], waiting)
            entries += [entry] if entry is not None else []
    return entries


def confirm_due(session: Session, config: ProgramConfig, *, limit: int = 200) -> int:
    """Credit this programme's promises that have waited long enough; return how many."""
    due = (
        select(PendingGrant.id, Account.member_id)
        .join(Account, (Account.program_id == PendingGrant.program_id) & (Account.id == PendingGrant.account_id))
        .where(PendingGrant.state == "pending", PendingGrant.confirms_at <= clock.now())
        .order_by(PendingGrant.confirms_at)
        .limit(limit)
    )
    done = 0
    # In the order of all jobs, so that no two wait for each other.
    for waiting_id, member_id in sorted(session.execute(due).all(), key=lambda row: row.member_id):
        locked = {account.id: account for account in accounts.lock(session, member_id).values()}
        waiting = session.scalars(
            select(PendingGrant).where(PendingGrant.id == waiting_id).execution_options(populate_existing=True)
        ).one()
        if waiting.state == "pending":
            confirm(session, config, locked[waiting.account_id], waiting)
            done += 1
    return done
