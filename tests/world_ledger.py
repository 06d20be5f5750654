"""The books of one member in one purse, moved through the services a transaction at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import clock, ids
from app.db import Session
from app.models import Account, Entry, Hold, Lot, Member, Program, Purse, Voucher
from app.services import activities, config, ledger, payments, redemptions, reversals, verification, vouchers
from app.services.config import ProgramConfig
from app.services.happenings import Happening
from app.services.ledger import Origin
from app.services.reversals import Refund, Reversed
from app.services.verification import Drift
from tests.world import World
from tests.world_till import Cafe, make_cafe, make_guest


@dataclass(frozen=True)
class Books:
    """A member of the café and the purse of points: a point for each whole euro."""

    cafe: Cafe
    member_id: UUID

    @contextmanager
    def open(self) -> Iterator[tuple[Session, ProgramConfig]]:
        """Open a transaction with the set-up as it is now."""
        with self.cafe.world.database.transaction(self.cafe.world.program_id) as session:
            yield session, config.load(session)

    def account(self, purse_id: UUID | None = None) -> Account:
        """Return the account as it is booked."""
        with self.open() as (session, _):
            return session.scalars(_of(self.member_id, purse_id or self.cafe.points)).one()

    @property
    def balance(self) -> int:
        """What the account's balance is."""
        return self.account().balance

    def lots(self) -> list[int]:
        """Return what is left of each lot, oldest first."""
        with self.open() as (session, _):
            query = select(Lot.remaining).where(Lot.account_id == self.account().id).order_by(Lot.id)
            return list(session.scalars(query))

    def entries(self) -> list[tuple[str, int]]:
        """Return the kinds and amounts of the entries, oldest first."""
        with self.open() as (session, _):
            query = select(Entry).where(Entry.account_id == self.account().id).order_by(Entry.sequence)
            return [(entry.kind, entry.amount) for entry in session.scalars(query)]

    def drifts(self) -> list[Drift]:
        """Re-add the books of this programme."""
        return verification.verify(self.cafe.world.database, program_id=self.cafe.world.program_id)

    def credit(self, amount: int, *, expires_at: datetime | None = None) -> None:
        """Post a credit whose expiry is given, whatever the purse's policy is."""
        with self.open() as (session, _):
            account = session.scalars(_of(self.member_id, self.cafe.points).with_for_update()).one()
            origin = Origin(occurred_at=clock.now())
            ledger.credit(session, account, kind="adjust", amount=amount, origin=origin, expires_at=expires_at)

    def buy(self, cents: int, *, at: datetime | None = None, **said: Any) -> UUID:
        """Record a purchase; return the activity's id."""
        return self.do("purchase", amount=cents, at=at, **said)

    def do(self, kind: str, *, at: datetime | None = None, **said: Any) -> UUID:
        """Record an activity; return its id."""
        with self.open() as (session, setup):
            happening = Happening(kind=kind, occurred_at=at or clock.now(), store_id=self.cafe.world.store_id, **said)
            member = session.scalars(select(Member).where(Member.id == self.member_id)).one()
            keyring = self.cafe.world.database.keyring
            return activities.record(session, setup, keyring, member=member, happening=happening).activity.id

    def burn(self, amount: int) -> None:
        """Pay from the account."""
        with self.open() as (session, setup):
            payments.burn(session, setup, account_id=self.account().id, amount=amount, origin=here())

    def adjust(self, amount: int) -> None:
        """Correct the account."""
        with self.open() as (session, setup):
            payments.adjust(session, setup, account_id=self.account().id, amount=amount, origin=here())

    def hold(self, amount: int, *, seconds: int = 900) -> UUID:
        """Reserve; return the hold's id."""
        with self.open() as (session, setup):
            made = payments.hold(
                session, setup, account_id=self.account().id, amount=amount, seconds=seconds, store_id=None
            )
            return made.id

    def capture(self, hold_id: UUID, amount: int | None = None) -> None:
        """Pay what is reserved, or less."""
        with self.open() as (session, setup):
            payments.capture(session, setup, payments.get_hold(session, hold_id), amount=amount, origin=here())

    def release(self, hold_id: UUID) -> Hold:
        """Let a hold go."""
        with self.open() as (session, setup):
            return payments.void(session, setup, payments.get_hold(session, hold_id))

    def refund(self, activity_id: UUID, **part: Any) -> Reversed:
        """Take an activity back, wholly or in part."""
        with self.open() as (session, setup):
            original = activities.get(session, activity_id)
            return reversals.reverse(session, setup, original, Refund(reason="refund", **part))

    def redeem(self, reward_id: UUID | None = None) -> Voucher:
        """Buy the cake, or another reward."""
        with self.open() as (session, setup):
            member = session.scalars(select(Member).where(Member.id == self.member_id)).one()
            return redemptions.redeem(
                session, setup, self.cafe.world.database.keyring, member=member,
                reward_id=reward_id or self.cafe.cake, origin=here(),
            )  # fmt: skip

    def withdraw(self, voucher_id: UUID) -> None:
        """Withdraw a voucher and give its price back."""
        with self.open() as (session, _):
            voucher = session.scalars(select(Voucher).where(Voucher.id == voucher_id)).one()
            vouchers.void(session, voucher, reason="mistake")
            redemptions.refund_price(session, voucher, origin=here())

    def vouchers(self) -> list[tuple[str, str]]:
        """Return the name and status of the member's vouchers, oldest first."""
        with self.open() as (session, _):
            query = select(Voucher).where(Voucher.member_id == self.member_id).order_by(Voucher.id)
            return [(voucher.name, voucher.status) for voucher in session.scalars(query)]

    def set_purse(self, **values: Any) -> None:
        """Change the purse of points."""
        with self.open() as (session, _):
            session.execute(update(Purse).where(Purse.id == self.cafe.points).values(values))
            session.execute(
                update(Program)
                .where(Program.id == self.cafe.world.program_id)
                .values(config_version=ids.new_id().int >> 68)
            )


def here() -> Origin:
    """Return where a movement of a test comes from."""
    return Origin(occurred_at=clock.now(), reason="test")


def days(count: float) -> timedelta:
    """Return so many times 24 hours."""
    return timedelta(days=count)


def make_books(world: World, **purse: Any) -> Books:
    """Make a café whose purse of points is as `purse` says, and a member."""
    cafe = make_cafe(world, **purse)
    return Books(cafe, make_guest(cafe).id)


def _of(member_id: UUID, purse_id: UUID) -> Any:
    return select(Account).where(Account.member_id == member_id, Account.purse_id == purse_id)
