"""Holds that are over: what a till reserved and did not capture in time is free again."""

from sqlalchemy import select

from app import clock
from app.db import Session
from app.models import Account, Hold
from app.services import expirations, ledger
from app.services.config import ProgramConfig


def end_old(session: Session, config: ProgramConfig, account: Account) -> None:
    """Let a locked account's old holds go before it pays, and book what has run out: no till waits for the job."""
    if not account.held:
        expirations.settle(session, config, account)
        return
    query = (
        select(Hold)
        .where(Hold.account_id == account.id, Hold.state == "held", Hold.expires_at <= clock.now())
        .execution_options(populate_existing=True)
    )
    for made in session.scalars(query):
        account.held -= made.amount
        made.state = "expired"
    settle_after(session, config, account)


def settle_after(session: Session, config: ProgramConfig, account: Account) -> None:
    """Book what waited for a hold's end: what has run out meanwhile, then what is owed."""
    expirations.settle(session, config, account)
    ledger.pay_debts(session, account)
