"""What capped rules have given: read before they are evaluated, added to after, under locks where all share a cap."""

from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.db import Session
from app.models import RuleUsage
from app.rules.facts import RuleUsage as Used

EVER = date(1, 1, 1)
EVERYBODY = UUID(int=0)


def read(session: Session, rule_ids: Iterable[UUID], *, member_id: UUID, day: date) -> dict[UUID, Used]:
    """Return what each rule gave to the member ever, to the member on the day, and to everybody.

    The rows of everybody are made and locked: a budget that all share is spent in turn. Only programmes with such
    a cap pay for that.
    """
    ordered = sorted(rule_ids)
    if not ordered:
        return {}
    _ensure(session, [(rule_id, EVERYBODY, EVER) for rule_id in ordered])
    totals = session.scalars(
        select(RuleUsage)
        .where(RuleUsage.rule_id.in_(ordered), RuleUsage.member_id == EVERYBODY)
        .order_by(RuleUsage.rule_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    own = session.scalars(
        select(RuleUsage).where(
            RuleUsage.rule_id.in_(ordered), RuleUsage.member_id == member_id, RuleUsage.on_day.in_([EVER, day])
        )
    ).all()
    ever = {row.rule_id: row.amount for row in own if row.on_day == EVER}
    today = {row.rule_id: row.amount for row in own if row.on_day == day}
    return {row.rule_id: Used(ever.get(row.rule_id, 0), today.get(row.rule_id, 0), row.amount) for row in totals}


def add(session: Session, amounts: Mapping[UUID, int], *, member_id: UUID, day: date) -> None:
    """Add what the rules gave (or, negative, what was taken back) to all three counts of each."""
    rows = [
        {"rule_id": rule_id, "member_id": who, "on_day": on, "amount": amount, "program_id": session.program}
        for rule_id, amount in sorted(amounts.items())
        for who, on in ((EVERYBODY, EVER), (member_id, EVER), (member_id, day))
        if amount
    ]
    if not rows:
        return
    statement = insert(RuleUsage).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["rule_id", "member_id", "on_day"],
            set_={"amount": RuleUsage.amount + statement.excluded.amount},
        )
    )


def _ensure(session: Session, keys: Iterable[tuple[UUID, UUID, date]]) -> None:
    rows = [
        {"rule_id": rule_id, "member_id": who, "on_day": on, "amount": 0, "program_id": session.program}
        for rule_id, who, on in keys
    ]
    session.execute(insert(RuleUsage).values(rows).on_conflict_do_nothing())
