"""Everything that a programme holds about one member, in one document: what access and portability ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from app.db import Database, Session
from app.models import Account, Activity, Card, Consent, Entry, Member, Pass, Program, Purse, Voucher


@contextmanager
def read_once(database: Database, program_id: UUID, customer_id: UUID | None = None) -> Iterator[Session]:
    """Open the programme on one snapshot, so that the balance in a document is the sum of the entries beside it."""
    with database.transaction(program_id, customer_id=customer_id) as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def held(session: Session, member: Member) -> dict[str, Any]:
    """Return what the session's programme holds about its member (GDPR art. 15 and 20), for a session of `read_once`.

    What was bought is in it article by article: loyalty customers may carry that away (CNIL, 14 October 2025).
    """
    purses = select(Account, Purse).join(Purse, Purse.id == Account.purse_id).where(Account.member_id == member.id)
    return {
        "program": session.scalars(select(Program).where(Program.id == session.program)).one(),
        "member": member,
        "cards": _of(session, Card, Card.member_id, member),
        "accounts": [_account(session, account, purse) for account, purse in session.execute(purses).all()],
        "vouchers": _of(session, Voucher, Voucher.member_id, member),
        "passes": _of(session, Pass, Pass.member_id, member),
        "activities": _of(session, Activity, Activity.member_id, member),
        "consents": _of(session, Consent, Consent.member_id, member),
    }


def _of(session: Session, model: Any, owner: InstrumentedAttribute[UUID], member: Member) -> list[Any]:
    return list(session.scalars(select(model).where(owner == member.id).order_by(model.id)))


def _account(session: Session, account: Account, purse: Purse) -> dict[str, Any]:
    query = select(Entry).where(Entry.account_id == account.id).order_by(Entry.sequence)
    return {
        "id": account.id,
        "purse": purse.name,
        "kind": purse.kind,
        "balance": account.balance,
        "pending": account.pending,
        "entries": list(session.scalars(query)),
    }
