"""Verification: sound books are called sound, and whatever is changed behind the ledger's back is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import DDL, Executable, delete, insert, select

from app import clock, ids
from app.db import Database
from app.models import Allocation, CampaignDelivery, Entry, Lot, Voucher
from app.services import jobs, verification
from app.services.laws import LAWS
from app.services.verification import DriftError
from tests.world import make_world
from tests.world_ledger import Books, days, make_books
from tests.world_reports import make_campaign, make_row, make_run
from tests.world_till import make_guest

PLANTED = {
    "balance-is-the-sum-of-entries": ("account", "balance = balance + 1", "balance = balance - 1"),
    "balance-is-lots-less-debt": ("account", "balance = balance + 1", "balance = balance - 1"),
    "sequence-counts-entries": ("account", "sequence = sequence + 1", "sequence = sequence - 1"),
    "debt-is-what-is-owed": ("account", "debt = debt + 1", "debt = debt - 1"),
    "held-is-the-sum-of-holds": ("account", "held = held - 1", "held = held + 1"),
    "pending-is-the-sum-of-promises": ("account", "pending = pending + 1", "pending = pending - 1"),
    "what-is-free-pays-what-is-owed": ("account", "debt = debt + 1", "debt = debt - 1"),
    "earned-total": ("account", "earned_total = earned_total + 1", "earned_total = earned_total - 1"),
    "burnt-total": ("account", "burnt_total = burnt_total + 1", "burnt_total = burnt_total - 1"),
    "next-expiry-is-not-late": (
        "account",
        "next_expiry_at = next_expiry_at + interval '1 second'",
        "next_expiry_at = next_expiry_at - interval '1 second'",
    ),
    "entries-chain": ("entry", "balance_after = balance_after + 1", "balance_after = balance_after - 1"),
    "a-credit-is-a-lot": ("lot", "amount = amount + 1, remaining = remaining + 1",
                          "amount = amount - 1, remaining = remaining - 1"),
    "a-lot-is-less-its-allocations": ("lot", "remaining = remaining - 1", "remaining = remaining + 1"),
    "a-debit-is-paid-or-owed": ("allocation", "amount = amount + 1", "amount = amount - 1"),
    "an-allocation-stays-in-its-account": ("allocation", "lot_id = '{other}'", "lot_id = '{paid}'"),
    "activity-member-is-there": ("activity", "member_id = '{nobody}'", "member_id = '{member}'"),
    "activity-store-is-there": ("activity", "store_id = '{nobody}'", "store_id = '{store}'"),
    "entry-activity-is-there": ("entry", "activity_id = '{nobody}'", "activity_id = '{activity}'"),
    "lot-entry-is-there": ("lot", "entry_id = '{nobody}'", "entry_id = '{entry}'"),
    "a-message-is-of-its-runs-campaign": ("campaign_delivery", "campaign_id = '{nobody}'",
                                          "campaign_id = '{campaign}'"),
    "who-is-held-out-gets-nothing": ("campaign_delivery", "member_id = '{member}'", "member_id = '{held_out}'"),
    "what-became-of-a-message-has-its-instant": ("campaign_delivery", "state = 'opened'", "state = 'held_out'"),
    "campaign_delivery-run-is-there": ("campaign_delivery", "run_id = '{nobody}'", "run_id = '{run}'"),
    "campaign_delivery-member-is-there": ("campaign_delivery", "member_id = '{nobody}'", "member_id = '{held_out}'"),
    "voucher-entry-is-there": ("voucher", "entry_id = '{nobody}'", "entry_id = '{burn}'"),
}  # fmt: skip
"""What is changed and how it is put right again; of each table, one row."""


@pytest.mark.parametrize("law", PLANTED)
def test_what_breaks_a_law_is_named(books: Books, law: str) -> None:
    with planted(books, law) as row_id:
        found = [drift for drift in books.drifts() if drift.law == law]

    assert len(found) == 1
    assert found[0].id.endswith(row_id)
    assert found[0].program == ids.show("program", books.cafe.world.program_id)
    assert found[0].expected != found[0].found
    assert books.drifts() == []


def test_every_law_has_been_broken_here_but_plain_references() -> None:
    assert {law for law in LAWS if not law.endswith("-is-there")} <= set(PLANTED)


def test_a_line_that_is_taken_out_is_named(books: Books) -> None:
    with books.open() as (session, _):
        entry = session.scalars(select(Entry).where(Entry.id == UUID(_names(books)["entry"]))).one()
    kept = {column.name: getattr(entry, column.name) for column in Entry.__table__.columns}
    _behind_its_back(books, delete(Entry.__table__).where(Entry.__table__.c.id == entry.id))
    try:
        laws = {drift.law for drift in books.drifts()}
    finally:
        _behind_its_back(books, insert(Entry.__table__).values(kept))

    assert {"balance-is-the-sum-of-entries", "sequence-counts-entries", "entries-chain", "lot-entry-is-there"} <= laws
    assert books.drifts() == []


def test_the_nightly_job_fails_loudly_when_the_books_differ(books: Books) -> None:
    with planted(books, "earned-total"), pytest.raises(DriftError):
        jobs.JOBS["verify"](books.cafe.world.database)


def test_one_programmes_drift_is_not_anothers(books: Books, database: Database) -> None:
    with planted(books, "earned-total"):
        found = verification.verify(database, program_id=ids.new_id())

    assert found == []


def test_no_more_than_the_limit_is_named(books: Books) -> None:
    with planted(books, "balance-is-lots-less-debt"):
        found = verification.verify(books.cafe.world.database, program_id=books.cafe.world.program_id, limit=0)

    assert found == []


@contextmanager
def planted(books: Books, law: str) -> Iterator[str]:
    """Break a law as nobody can through the application; give the broken row's id, and mend it after."""
    table, broken, mended = PLANTED[law]
    names = _names(books)
    row = names["burn" if table == "allocation" else table]
    where = f"WHERE {'entry_id' if table == 'allocation' else 'id'} = '{row}'"
    _behind_its_back(books, DDL(f"UPDATE {table} SET {broken.format(**names)} {where}"))  # noqa: S608 - our own
    try:
        # A lot that differs from its credit is named by the credit.
        yield (names["entry"] if law == "a-credit-is-a-lot" else row).replace("-", "")
    finally:
        _behind_its_back(books, DDL(f"UPDATE {table} SET {mended.format(**names)} {where}"))  # noqa: S608 - our own


def _behind_its_back(books: Books, statement: Executable) -> None:
    """Run a statement as a superuser whose triggers and foreign keys are off."""
    with books.cafe.world.database.owner.begin() as connection:
        connection.execute(DDL("SET LOCAL session_replication_role = replica"))
        connection.execute(statement)


def _names(books: Books) -> dict[str, str]:
    """Return the ids of the rows that are changed: one of each table, and what is put right again."""
    with books.open() as (session, _):
        entry = session.scalars(select(Entry).where(Entry.kind == "earn")).one()
        burn = session.scalars(select(Entry).where(Entry.kind == "burn")).one()
        message = session.scalars(select(CampaignDelivery).where(CampaignDelivery.state == "held_out")).one()
        found = {
            "campaign_delivery": message.id,
            "campaign": message.campaign_id,
            "run": message.run_id,
            "held_out": message.member_id,
            "account": entry.account_id,
            "entry": entry.id,
            "activity": entry.activity_id,
            "lot": session.scalars(select(Lot.id).where(Lot.entry_id == entry.id)).one(),
            "burn": burn.id,
            "paid": session.scalars(select(Allocation.lot_id).where(Allocation.entry_id == burn.id)).one(),
            "other": session.scalars(select(Lot.id).where(Lot.account_id != entry.account_id)).one(),
            "voucher": session.scalars(select(Voucher.id)).one(),
            "member": books.member_id,
            "store": books.cafe.world.store_id,
            "nobody": ids.new_id(),
        }
    return {name: str(value) for name, value in found.items()}


@pytest.fixture(scope="module")
def books(database: Database) -> Books:
    """Books with something of everything in them, and sound: whoever breaks them mends them."""
    made = make_books(make_world(database))
    with clock.held(clock.now()):
        made.credit(50, expires_at=clock.now() + days(9))
        sale = made.buy(20_00)
        made.hold(5)
        made.redeem()
        made.refund(sale, amount=3_00)
        guest = make_guest(made.cafe)
        Books(made.cafe, guest.id).credit(5)
        with made.open() as (session, _):
            run = make_run(session, make_campaign(session))
            session.add_all([make_row(run, made.member_id), make_row(run, guest.id, "held_out", channel="email")])
    assert made.drifts() == []
    return made
