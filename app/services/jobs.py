"""What is done by the clock: each job finds its work across programmes and may be killed and run again at any time."""

from collections.abc import Callable
from datetime import UTC, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, inspect, or_, select, tuple_
from structlog import get_logger

from app import clock, ids
from app.db import Database, Session
from app.models import (
    Account,
    Attempt,
    Campaign,
    CampaignDelivery,
    CampaignRun,
    CodeUse,
    CustomerCode,
    CustomerSession,
    Device,
    Event,
    GoogleNonce,
    Hold,
    Letter,
    PassLink,
    PassLog,
    PendingGrant,
    StaffSession,
    Voucher,
    WebhookDelivery,
)
from app.services import (
    config,
    devices,
    expirations,
    idempotency,
    kept_reports,
    payments,
    pending,
    verification,
    vouchers,
    wallet_credentials,
)
from app.services.config import ProgramConfig

log = get_logger(__name__)

BATCH = 5000
MEMBERS_AT_ONCE = 50
"""How many members' accounts a job keeps locked: a scan of one of them waits for so many."""
PARTITIONS_AHEAD_MONTHS = 3
SPENT_CODE_KEPT = timedelta(hours=1)
"""A rotating code is refused by its age long before that."""
ONE_TIME_CODE_KEPT = timedelta(days=1)
ATTEMPTS_KEPT = timedelta(days=2)
SESSION_KEPT = timedelta(days=30)
LETTER_KEPT = timedelta(days=1)
WEBHOOK_DELIVERY_KEPT = timedelta(days=30)
PASS_LINK_KEPT = timedelta(days=1)
PASS_LINE_KEPT = timedelta(days=30)


def forget_answers(database: Database) -> int:
    """Forget answers to repeated requests that are older than 30 days."""
    total = 0
    while True:
        with database.across_programs() as session:
            touched = idempotency.forget_old(session, batch=BATCH)
        total += touched
        if touched < BATCH:
            return total


def forget_spent_codes(database: Database) -> int:
    """Forget which rotating codes were spent more than an hour ago."""
    return _delete(database, CodeUse, CodeUse.created_at < clock.now() - SPENT_CODE_KEPT)


def forget_one_time_codes(database: Database) -> int:
    """Forget one-time codes a day after they were sent, and old counts of attempts."""
    now = clock.now()
    codes = _delete(database, CustomerCode, CustomerCode.created_at < now - ONE_TIME_CODE_KEPT)
    return codes + _delete(database, Attempt, Attempt.window_starts_at < now - ATTEMPTS_KEPT)


def forget_sessions(database: Database) -> int:
    """Forget sign-ins that ended more than 30 days ago."""
    before = clock.now() - SESSION_KEPT
    ended = _delete(database, CustomerSession, CustomerSession.expires_at < before)
    return ended + _delete(database, StaffSession, StaffSession.expires_at < before)


def forget_events(database: Database) -> int:
    """Forget handled events of months that ended `ASSIDU_EVENTS_KEPT_DAYS` ago, most of them by dropping the month.

    Row by row go those of a month of which something is not handled, and those that were written before their month
    had a place. Return how many months and rows.
    """
    before = clock.now().astimezone(UTC) - timedelta(days=database.settings.events_kept_days)
    months_begin = before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with database.across_programs() as session:
        months = int(session.scalars(select(func.drop_event_months(before))).one())
    old = (Event.id < func.uuid_from_instant(months_begin)) & Event.handled_at.is_not(None)
    return months + _delete(database, Event, old)


def forget_webhook_deliveries(database: Database) -> int:
    """Forget what was sent to webhooks more than 30 days ago."""
    before = clock.now() - WEBHOOK_DELIVERY_KEPT
    old = (WebhookDelivery.id < func.uuid_from_instant(before)) & (WebhookDelivery.due_at < before)
    return _delete(database, WebhookDelivery, old)


def forget_campaign_rows(database: Database) -> int:
    """Forget messages of campaigns that were over `ASSIDU_CAMPAIGNS_KEPT_DAYS` ago; their reports are kept for good."""
    before = clock.now() - timedelta(days=database.settings.campaigns_kept_days)
    ran = CampaignRun.campaign_id == Campaign.id
    young = or_(CampaignRun.finished_at.is_(None), CampaignRun.finished_at >= before)
    over = select(Campaign.program_id, Campaign.id).where(
        Campaign.status.in_(("finished", "cancelled", "archived")),
        exists().where(CampaignDelivery.campaign_id == Campaign.id),
        ~exists().where(ran, young),
    )
    with database.across_programs() as session:
        rows = session.execute(over).all()
    total = 0
    for row in rows:
        with database.transaction(row.program_id) as session:
            kept_reports.seal(session, row.id)
        total += _delete(database, CampaignDelivery, CampaignDelivery.campaign_id == row.id)
    return total


def forget_devices(database: Database) -> int:
    """Forget phones that nobody heard of for 270 days: their addresses have expired."""
    return _delete(database, Device, Device.last_contact_at < clock.now() - devices.GONE_AFTER)


def forget_letters(database: Database) -> int:
    """Forget mails a day after they could be sent; those that went were emptied then."""
    return _delete(database, Letter, Letter.expires_at < clock.now() - LETTER_KEPT)


def forget_wallet_leftovers(database: Database) -> int:
    """Forget links to passes a day after their end, and phones' complaints and Google's nonces after 30 days."""
    now = clock.now()
    links = _delete(database, PassLink, PassLink.expires_at < now - PASS_LINK_KEPT)
    lines = _delete(database, PassLog, PassLog.created_at < now - PASS_LINE_KEPT)
    return links + lines + _delete(database, GoogleNonce, GoogleNonce.seen_at < now - PASS_LINE_KEPT)


def watch_wallet_credentials(database: Database) -> int:
    """Warn in the log of each programme whose certificate ends within 30 days, or has; return how many."""
    with database.across_programs() as session:
        aging = wallet_credentials.watch(session)
    for program_id, seen in aging:
        log.warning(
            "wallet_credential_ends", program_id=ids.show("program", program_id), platform=seen.platform,
            credential_id=wallet_credentials.public_id(seen.id),
            not_after=seen.not_after.isoformat() if seen.not_after else None,
        )  # fmt: skip
    return len(aging)


def ensure_partitions(database: Database) -> int:
    """Make the coming months' partitions; without them rows go to the default partition, where they are slower."""
    with database.across_programs() as session:
        return int(session.scalars(select(func.ensure_partitions(clock.now(), PARTITIONS_AHEAD_MONTHS))).one())


def confirm_pending(database: Database) -> int:
    """Credit what has waited long enough."""
    due = (PendingGrant.state == "pending") & (PendingGrant.confirms_at <= clock.now())
    return _each_program(database, PendingGrant, due, partial(pending.confirm_due, limit=MEMBERS_AT_ONCE))


def expire_holds(database: Database) -> int:
    """Let holds go that no till captured in time."""
    due = (Hold.state == "held") & (Hold.expires_at <= clock.now())
    return _each_program(database, Hold, due, partial(payments.expire_holds, limit=MEMBERS_AT_ONCE))


def expire_lots(database: Database) -> int:
    """Book what has run out on accounts that nobody touched since."""
    due = Account.next_expiry_at <= clock.now()
    return _each_program(database, Account, due, partial(expirations.expire_due, limit=MEMBERS_AT_ONCE))


def expire_vouchers(database: Database) -> int:
    """Mark vouchers whose last day has passed."""
    due = (Voucher.status == "issued") & (Voucher.valid_until <= clock.now())
    return _each_program(database, Voucher, due, lambda session, _config: vouchers.expire_due(session))


JOBS: dict[str, Callable[[Database], int]] = {
    "forget_answers": forget_answers,
    "forget_spent_codes": forget_spent_codes,
    "forget_one_time_codes": forget_one_time_codes,
    "forget_sessions": forget_sessions,
    "forget_devices": forget_devices,
    "forget_letters": forget_letters,
    "forget_events": forget_events,
    "forget_webhook_deliveries": forget_webhook_deliveries,
    "forget_campaign_rows": forget_campaign_rows,
    "forget_wallet_leftovers": forget_wallet_leftovers,
    "watch_wallet_credentials": watch_wallet_credentials,
    "ensure_partitions": ensure_partitions,
    "confirm_pending": confirm_pending,
    "expire_holds": expire_holds,
    "expire_lots": expire_lots,
    "expire_vouchers": expire_vouchers,
    "refresh_reports": kept_reports.refresh,
    "verify": verification.run,
}
"""Every job by its name; each returns how many rows it touched. When they run: `notifications.periodic.SCHEDULE`."""


def _each_program(
    database: Database, model: type[Any], due: ColumnElement[bool], step: Callable[[Session, ProgramConfig], int]
) -> int:
    """Take steps in each programme with due rows, a transaction each, until one does nothing; return their sum.

    A programme whose step fails keeps no other waiting: the errors are raised together, at the end.
    """
    with database.across_programs() as session:
        program_ids = session.scalars(select(model.program_id).where(due).distinct()).all()
    total = 0
    failed: list[Exception] = []
    for program_id in program_ids:
        try:
            total += _steps(database, program_id, step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other programmes go on
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(program_ids)} programmes failed", failed)
    return total


def _steps(database: Database, program_id: UUID, step: Callable[[Session, ProgramConfig], int]) -> int:
    total = 0
    while True:
        with database.transaction(program_id) as session:
            done = step(session, config.load(session))
        total += done
        if done == 0:
            return total


def _delete(database: Database, model: type[Any], condition: ColumnElement[bool]) -> int:
    """Delete the model's rows that meet `condition`, a batch a transaction; return how many."""
    key = inspect(model).primary_key
    doomed = select(*key).where(condition).limit(BATCH)
    total = 0
    while True:
        with database.across_programs() as session:
            gone: int = session.execute(
                delete(model).where(tuple_(*key).in_(doomed)), execution_options={"synchronize_session": False}
            ).rowcount  # type: ignore[attr-defined]
        total += gone
        if gone < BATCH:
            return total
