"""The laws of the ledger, and of what reports count, as queries: each returns the places where the books break it.

`app.services.verification` runs them; `docs/explanation/ledger.md` says them in words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, select, true
from sqlalchemy.orm import aliased

from app.models import (
    Account,
    Activity,
    Allocation,
    ApiKey,
    Campaign,
    CampaignDelivery,
    CampaignRun,
    Card,
    Debt,
    Entry,
    Hold,
    Lot,
    Member,
    Partner,
    PendingGrant,
    Purse,
    RuleVersion,
    Staff,
    Store,
    Voucher,
)


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a law is broken: a query of (program_id, id, expected, found), its table, and whose ids it gives."""

    table: str
    kind: str
    query: Select[*tuple[Any, ...]]


Law = Callable[[UUID | None], Broken]
"""Makes the query of a law for one programme, or for all."""


def _within(model: Any, program_id: UUID | None) -> ColumnElement[bool]:
    return true() if program_id is None else model.program_id == program_id


def _sums(model: Any, key: Any, program_id: UUID | None, /, **columns: ColumnElement[Any]) -> Any:
    """Return sums grouped by (program, key), with the key as `key`."""
    labelled = [column.label(name) for name, column in columns.items()]
    return (
        select(model.program_id, key.label("key"), *labelled)
        .where(_within(model, program_id))
        .group_by(model.program_id, key)
        .subquery()
    )


def _of(model: Any, key: Any, sums: Any) -> tuple[Any, ColumnElement[bool]]:
    return sums, and_(sums.c.program_id == model.program_id, sums.c.key == key)


def _differs(model: Any, expected: Any, found: Any, program_id: UUID | None, *joined: tuple[Any, Any]) -> Select[Any]:
    """Return the rows of a model where two values differ; `joined` are outer joins that the values need."""
    query = select(
        model.program_id, model.id, cast(expected, String).label("expected"), cast(found, String).label("found")
    ).select_from(model)
    for other, on in joined:
        query = query.outerjoin(other, on)
    return query.where(_within(model, program_id), expected.is_distinct_from(found))


def _of_account(expected: Any, found: Any, program_id: UUID | None, *joined: tuple[Any, Any]) -> Broken:
    return Broken("account", "account", _differs(Account, expected, found, program_id, *joined))


def _or_zero(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(column, 0)


_TAKEN_BACK = (Entry.kind == "reverse") & (Entry.amount < 0)
_GIVEN_BACK = (Entry.kind == "reverse") & (Entry.amount > 0)
_MOVED = Entry.kind.not_in(("reverse", "expire"))


def _adds_up(column: Any, model: Any, total: ColumnElement[Any], less: Any = 0) -> Law:
    """Return a law: an account's column is the total over its rows of a model, less something of its own."""

    def build(program_id: UUID | None) -> Broken:
        sums = _sums(model, model.account_id, program_id, total=total)
        return _of_account(_or_zero(sums.c.total) - less, column, program_id, _of(Account, Account.id, sums))

    return build


def _paid_debts(program_id: UUID | None) -> Broken:
    """Only what a till holds may lie beside a debt."""
    found = _of_account(Account.held, Account.balance + Account.debt, program_id)
    return Broken(found.table, found.kind, found.query.where(Account.debt > 0))


def _next_expiry(program_id: UUID | None) -> Broken:
    first = _sums(Lot, Lot.account_id, program_id, expires_at=func.min(Lot.expires_at).filter(Lot.remaining > 0))
    slides = Purse.expiry["policy"].astext == "inactivity"
    expected = func.least(Account.next_expiry_at, first.c.expires_at)
    joined = _of(Account, Account.id, first)
    purse = (Purse, and_(Purse.program_id == Account.program_id, Purse.id == Account.purse_id))
    found = _of_account(expected, Account.next_expiry_at, program_id, joined, purse)
    return Broken(found.table, found.kind, found.query.where(~slides))


def _chain(program_id: UUID | None) -> Broken:
    """Each entry's number and balance follow from those before it."""
    account = (Entry.program_id, Entry.account_id)
    rows = (
        select(
            Entry.program_id, Entry.id, Entry.sequence, Entry.balance_after,
            func.row_number().over(partition_by=account, order_by=Entry.sequence).label("place"),
            func.sum(Entry.amount).over(partition_by=account, order_by=Entry.sequence, rows=(None, 0)).label("total"),
        )
        .where(_within(Entry, program_id))
        .subquery()
    )  # fmt: skip
    expected = func.concat(rows.c.place, ": ", rows.c.total).label("expected")
    found = func.concat(rows.c.sequence, ": ", rows.c.balance_after).label("found")
    differs = (rows.c.place != rows.c.sequence) | (rows.c.total != rows.c.balance_after)
    return Broken("entry", "entry", select(rows.c.program_id, rows.c.id, expected, found).where(differs))


def _credits(program_id: UUID | None) -> Broken:
    """What is credited lies in a lot; what is given back lies in none of its own."""
    lots = _sums(Lot, Lot.entry_id, program_id, amount=func.sum(Lot.amount))
    query = _differs(Entry, Entry.amount, lots.c.amount, program_id, _of(Entry, Entry.id, lots))
    return Broken("entry", "entry", query.where(Entry.amount > 0, Entry.kind != "reverse"))


def _remaining(program_id: UUID | None) -> Broken:
    taken = _sums(Allocation, Allocation.lot_id, program_id, amount=func.sum(Allocation.amount))
    expected = Lot.amount - _or_zero(taken.c.amount)
    return Broken("lot", "lot", _differs(Lot, expected, Lot.remaining, program_id, _of(Lot, Lot.id, taken)))


def _debits(program_id: UUID | None) -> Broken:
    """What a debit took is what lots paid, what is owed of it, and what reversals of it forgave."""
    paid = _sums(Allocation, Allocation.entry_id, program_id, amount=func.sum(Allocation.amount))
    back = _sums(Allocation, Allocation.entry_id, program_id, amount=func.sum(Allocation.amount))
    forgiven = (
        select(
            Entry.program_id, Entry.reverses_entry_id.label("key"),
            func.sum(Entry.amount + _or_zero(back.c.amount)).label("amount"),
        )
        .outerjoin(back, and_(back.c.program_id == Entry.program_id, back.c.key == Entry.id))
        .where(_within(Entry, program_id), _GIVEN_BACK)
        .group_by(Entry.program_id, Entry.reverses_entry_id)
        .subquery()
    )  # fmt: skip
    owed = (Debt, and_(Debt.program_id == Entry.program_id, Debt.entry_id == Entry.id))
    found = _or_zero(paid.c.amount) + func.coalesce(Debt.remaining, 0) + _or_zero(forgiven.c.amount)
    joined = (_of(Entry, Entry.id, paid), _of(Entry, Entry.id, forgiven), owed)
    return Broken("entry", "entry", _differs(Entry, -Entry.amount, found, program_id, *joined).where(Entry.amount < 0))


def _one_account(program_id: UUID | None) -> Broken:
    """An allocation ties an entry and a lot that exist, of one account."""
    lot = and_(Lot.program_id == Allocation.program_id, Lot.id == Allocation.lot_id)
    entry = and_(Entry.program_id == Allocation.program_id, Entry.id == Allocation.entry_id)
    query = (
        select(
            Allocation.program_id, Allocation.entry_id.label("id"),
            func.coalesce(cast(Lot.account_id, String), "a lot").label("expected"),
            func.coalesce(cast(Entry.account_id, String), "no entry").label("found"),
        )
        .outerjoin(Lot, lot)
        .outerjoin(Entry, entry)
        .where(_within(Allocation, program_id))
        .where(Lot.account_id.is_(None) | Lot.account_id.is_distinct_from(Entry.account_id))
    )  # fmt: skip
    return Broken("allocation", "entry", query)


def _reference(model: Any, column: Any, target: Any) -> Law:
    """Return a law: what the column names is there, in the same programme."""

    def build(program_id: UUID | None) -> Broken:
        named = aliased(target)
        there = select(1).where(named.program_id == model.program_id, named.id == column).exists()
        query = select(
            model.program_id, model.id, literal("a row of " + target.__tablename__).label("expected"),
            cast(column, String).label("found"),
        ).where(_within(model, program_id), column.is_not(None), ~there)  # fmt: skip
        return Broken(model.__tablename__, _KINDS.get(model.__tablename__, model.__tablename__), query)

    return build


_KINDS = {"campaign_delivery": "delivery"}
"""Whose ids rows have where that is not their table's name."""


def _own_run(program_id: UUID | None) -> Broken:
    """A message is of the campaign that its run is of."""
    run = and_(CampaignRun.program_id == CampaignDelivery.program_id, CampaignRun.id == CampaignDelivery.run_id)
    of_run = CampaignRun.campaign_id
    query = _differs(CampaignDelivery, of_run, CampaignDelivery.campaign_id, program_id, (CampaignRun, run))
    return Broken("campaign_delivery", "delivery", query.where(of_run.is_not(None)))


def _held_out(program_id: UUID | None) -> Broken:
    """Who is held out of a run is written to by no channel of it: else a report compares a group with itself."""
    row, other = CampaignDelivery, aliased(CampaignDelivery)
    written_to = select(1).where(
        other.run_id == row.run_id, other.member_id == row.member_id, other.program_id == row.program_id,
        other.state != "held_out",
    )  # fmt: skip
    query = select(
        row.program_id, row.id, literal("no message").label("expected"), literal("a message").label("found")
    ).where(_within(row, program_id), row.state == "held_out", written_to.exists())
    return Broken("campaign_delivery", "delivery", query)


def _sent_at(program_id: UUID | None) -> Broken:
    """What was sent was sent at an instant, and what was opened was opened at one: reports count by them."""
    row = CampaignDelivery
    wrong = (row.state == "sent") & row.sent_at.is_(None) | (row.state == "opened") & row.opened_at.is_(None)
    query = select(
        row.program_id, row.id, literal("an instant").label("expected"), row.state.label("found")
    ).where(_within(row, program_id), wrong)  # fmt: skip
    return Broken("campaign_delivery", "delivery", query)


_REFERENCES: tuple[tuple[Any, str, Any], ...] = (
    (Activity, "member_id", Member),
    (Activity, "card_id", Card),
    (Activity, "store_id", Store),
    (Activity, "partner_id", Partner),
    (Activity, "staff_id", Staff),
    (Activity, "api_key_id", ApiKey),
    (Activity, "reverses_activity_id", Activity),
    (Entry, "activity_id", Activity),
    (Entry, "rule_version_id", RuleVersion),
    (Entry, "store_id", Store),
    (Entry, "partner_id", Partner),
    (Entry, "staff_id", Staff),
    (Entry, "api_key_id", ApiKey),
    (Entry, "reverses_entry_id", Entry),
    (Lot, "entry_id", Entry),
    (PendingGrant, "activity_id", Activity),
    (PendingGrant, "entry_id", Entry),
    (Hold, "entry_id", Entry),
    (Voucher, "entry_id", Entry),
    (Voucher, "activity_id", Activity),
    (CampaignDelivery, "run_id", CampaignRun),
    (CampaignDelivery, "campaign_id", Campaign),
    (CampaignDelivery, "member_id", Member),
)
"""What refers without a foreign key: tables that grow with every scan spare the lock that each check would take."""

LAWS: Mapping[str, Law] = {
    "balance-is-the-sum-of-entries": _adds_up(Account.balance, Entry, func.sum(Entry.amount)),
    "balance-is-lots-less-debt": _adds_up(Account.balance, Lot, func.sum(Lot.remaining), less=Account.debt),
    "sequence-counts-entries": _adds_up(Account.sequence, Entry, func.count()),
    "debt-is-what-is-owed": _adds_up(Account.debt, Debt, func.sum(Debt.remaining)),
    "held-is-the-sum-of-holds": _adds_up(Account.held, Hold, func.sum(Hold.amount).filter(Hold.state == "held")),
    "pending-is-the-sum-of-promises": _adds_up(
        Account.pending,
        PendingGrant,
        func.sum(PendingGrant.amount - PendingGrant.cancelled).filter(PendingGrant.state == "pending"),
    ),
    "earned-total": _adds_up(
        Account.earned_total, Entry, func.sum(Entry.amount).filter((_MOVED & (Entry.amount > 0)) | _TAKEN_BACK)
    ),
    "burnt-total": _adds_up(
        Account.burnt_total, Entry, -func.sum(Entry.amount).filter((_MOVED & (Entry.amount < 0)) | _GIVEN_BACK)
    ),
    "what-is-free-pays-what-is-owed": _paid_debts,
    "next-expiry-is-not-late": _next_expiry,
    "entries-chain": _chain,
    "a-credit-is-a-lot": _credits,
    "a-lot-is-less-its-allocations": _remaining,
    "a-debit-is-paid-or-owed": _debits,
    "an-allocation-stays-in-its-account": _one_account,
    "a-message-is-of-its-runs-campaign": _own_run,
    "who-is-held-out-gets-nothing": _held_out,
    "what-became-of-a-message-has-its-instant": _sent_at,
    **{
        f"{model.__tablename__}-{name.removesuffix('_id').replace('_', '-')}-is-there": _reference(
            model, getattr(model, name), target
        )
        for model, name, target in _REFERENCES
    },
}
"""Every law by its name."""
