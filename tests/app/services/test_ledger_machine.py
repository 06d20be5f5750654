"""Any history of an account: the services on the real database against a model in plain Python, step by step.

Bounded here; `pytest --hypothesis-profile=nightly` goes further.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app import clock, ids
from app.db import Database
from app.errors import ConflictError
from app.services import expirations, expiry, holdings, payments, pending
from tests.app.services.ledger_model import Model, ModelLot, Refused
from tests.world import make_world
from tests.world_ledger import Books
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest

CENTS = st.one_of(st.integers(10_00, 40_00), st.integers(0, 2_00))
START = datetime(2026, 3, 27, 9, tzinfo=UTC)
"""Two days before the clocks change in Paris."""

POLICIES: tuple[dict[str, Any], ...] = (
    {"policy": "never"},
    {"policy": "after_days", "days": 2},
    {"policy": "end_of", "unit": "day", "after": 1},
)


class LedgerMachine(RuleBasedStateMachine):
    """One member, one purse."""

    database: ClassVar[Database]
    application: ClassVar[Flask]
    policy: ClassVar[str]
    kind_of_books: ClassVar[type[Books]] = Books

    sales = Bundle("sales")
    holds = Bundle("holds")
    payments = Bundle("payments")

    @initialize(ends=st.sampled_from(POLICIES), wait=st.sampled_from([0, 1]))
    def begin(self, ends: dict[str, Any], wait: int) -> None:
        """Open the books at a held instant."""
        self.clock = clock.held(START)
        self.clock.__enter__()
        self.wait = timedelta(days=wait)
        cafe = make_cafe(make_world(self.database), on_clawback=self.policy, expiry=ends, hold_days=wait)
        self.guest: Guest = make_guest(cafe)
        self.books = self.kind_of_books(cafe, self.guest.id)
        self.till = Till(self.application.test_client(), cafe)
        zone = _zone(cafe)
        self.model = Model(self.policy, lambda at: expiry.expires_at(ends, at, zone))
        self.steps = 0
        self.reserved: tuple[UUID, int] | None = None
        self.credit(35, None)

    def teardown(self) -> None:
        """Re-add the books a last time and let the clock run."""
        if not hasattr(self, "clock"):
            return
        try:
            assert self.books.drifts() == []
        finally:
            self.clock.__exit__(None, None, None)

    @rule(amount=st.integers(1, 40), hours=st.sampled_from([None, 5, 30, 70]))
    def credit(self, amount: int, hours: int | None) -> None:
        """Credit a lot that ends at its own time."""
        ends = None if hours is None else clock.now() + timedelta(hours=hours)
        self.steps += 1
        self.books.credit(amount, expires_at=ends)
        self.model.credit(amount, ends)

    @rule(target=sales, cents=CENTS)
    def buy(self, cents: int) -> tuple[UUID, int]:
        """Record a purchase."""
        return self.books.buy(cents), self._bought(cents)

    @rule(target=sales, cents=CENTS, repeats=st.integers(1, 3))
    def scan_and_repeat(self, cents: int, repeats: int) -> tuple[UUID, int]:
        """Scan over HTTP, and send the very request again under its key."""
        key = ids.new_id().hex
        answers = [self.till.scan(self.guest, "purchase", key=key, amount=cents) for _ in range(1 + repeats)]
        assert {(answer.status_code, answer.get_data()) for answer in answers} == {(201, answers[0].get_data())}
        return ids.parse("activity", answers[0].json["id"]), self._bought(cents)

    @rule(amount=st.integers(1, 50))
    def burn(self, amount: int) -> None:
        """Pay."""
        self._both(lambda: self.books.burn(amount), self._paying(lambda: self.model.spend(amount)))

    @rule(target=sales, cents=st.integers(10_00, 40_00), rest=st.integers(0, 8), held=st.booleans())
    def buy_use_and_return(self, cents: int, rest: int, *, held: bool) -> tuple[UUID, int]:
        """Buy, pay or reserve nearly all there is, and bring half of it back: what refunds find too little of."""
        sale = self.buy(cents)
        amount = self.model.free - rest
        if amount > 0 and held:
            self.reserved = self.hold(amount, 3600)
        elif amount > 0:
            self.burn(amount)
        self.refund(sale, 0.5)
        return sale

    @precondition(lambda self: self.reserved is not None)
    @rule(captured=st.booleans())
    def end_the_reserve(self, *, captured: bool) -> None:
        """Capture half of what was reserved so, or let it go."""
        assert self.reserved is not None
        if captured:
            self.capture(self.reserved, 0.5)
        else:
            self.release(self.reserved)
        self.reserved = None

    @rule(amount=st.integers(-30, 30).filter(bool))
    def adjust(self, amount: int) -> None:
        """Correct."""
        if amount > 0:
            self._both(
                lambda: self.books.adjust(amount),
                self._paying(lambda: self.model.credit(amount, self.model.ends(clock.now()))),
            )
        else:
            self._both(lambda: self.books.adjust(amount), self._paying(lambda: self.model.spend(-amount)))

    @rule(target=payments)
    def redeem(self) -> Any:
        """Buy the cake for 30."""
        done = self._both(self.books.redeem, self._paying(lambda: self.model.spend(30)))
        return multiple() if done is None else (done[0].id, done[1])

    @rule(payment=payments)
    def withdraw(self, payment: tuple[UUID, list[tuple[ModelLot, int]]]) -> None:
        """Withdraw the cake's voucher and give the price back; a second time is refused."""
        voucher_id, paid = payment

        def model() -> None:
            if not paid:
                raise Refused
            self.model.give_back(paid)
            paid.clear()

        self._both(lambda: self.books.withdraw(voucher_id), model)

    @rule(target=holds, amount=st.integers(1, 40), seconds=st.integers(60, 3600))
    def hold(self, amount: int, seconds: int) -> Any:
        """Reserve."""
        number = len(self.model.holds) + self.steps * 1000

        def model() -> int:
            if amount > self.model.free:
                raise Refused
            self.model.holds[number] = (amount, clock.now() + timedelta(seconds=seconds))
            return number

        done = self._both(lambda: self.books.hold(amount, seconds=seconds), self._paying(model))
        return multiple() if done is None else done

    @rule(made=consumes(holds), part=st.floats(0.1, 1))
    def capture(self, made: tuple[UUID, int], part: float) -> None:
        """Pay what is reserved, or a part of it."""
        hold_id, number = made
        wanted = max(1, int(self.model.holds.get(number, (1, START))[0] * part))

        def model() -> None:
            self._end(number)
            self.model.spend(wanted)
            self.model.expire(clock.now())
            self.model.pay_debt()

        self._both(lambda: self.books.capture(hold_id, wanted), model)

    @rule(made=holds)
    def release(self, made: tuple[UUID, int]) -> None:
        """Let a hold go."""

        def model() -> None:
            self._end(made[1])
            self.model.expire(clock.now())
            self.model.pay_debt()

        self._both(lambda: self.books.release(made[0]), model)

    @rule(sale=sales, part=st.one_of(st.none(), st.floats(0, 1)))
    def refund(self, sale: tuple[UUID, int], part: float | None) -> None:
        """Take a sale back, wholly or in part."""
        activity_id, number = sale
        known = self.model.sales[number]
        left = known.cents - known.back
        cents = left if part is None else min(left, 1 + int(left * part))
        if known.done:
            cents = 0

        def model() -> None:
            if known.done:
                raise Refused
            self.model.refund(number, cents)
            known.done = part is None or known.back == known.cents

        wanted = {} if part is None or not cents else {"amount": cents}
        self._both(lambda: self.books.refund(activity_id, **wanted), model)

    @rule(hours=st.integers(1, 30))
    def wait_for(self, hours: int) -> None:
        """Let time pass."""
        clock.advance(timedelta(hours=hours))
        self.model.expire(clock.now())

    @rule(early=st.sampled_from([timedelta(), timedelta(microseconds=1)]))
    def wait_for_the_next_end(self, early: timedelta) -> None:
        """Let time pass until something ends, to the microsecond, or to the one before."""
        until = self.model.next_end(clock.now())
        if until is not None:
            clock.advance(max(timedelta(), until - early - clock.now()))
            self.model.expire(clock.now())

    @rule()
    def run_the_jobs(self) -> None:
        """Do what the worker does by the clock."""
        with self.books.open() as (session, setup):
            payments.expire_holds(session, setup)
            pending.confirm_due(session, setup)
            expirations.expire_due(session, setup)
        now = clock.now()
        self.model.holds = {number: one for number, one in self.model.holds.items() if one[1] > now}
        self.model.expire(now)
        self.model.pay_debt()
        self.model.confirm(now)
        self.model.expire(now)

    @invariant()
    def model_and_database_agree(self) -> None:
        """Nothing is more or less than it ought to be."""
        if not hasattr(self, "books"):
            return
        with self.books.open() as (session, _):
            held = holdings.of_members(session, [self.guest.id])[self.guest.id]
        mine = next(one for one in held if one.purse.id == self.books.cafe.points)
        shown = (mine.balance, mine.account.pending, mine.account.held, mine.account.debt)
        model = self.model
        assert shown == (model.balance, model.pending, model.held, model.debt)
        assert mine.balance >= -mine.account.debt
        assert model.policy == "debt" or not mine.account.debt

    @precondition(lambda self: self.steps % 8 == 0)
    @invariant()
    def the_books_add_up(self) -> None:
        """Re-adding finds nothing."""
        if hasattr(self, "books"):
            assert self.books.drifts() == []

    def _bought(self, cents: int) -> int:
        self.steps += 1
        confirms = clock.now() + self.wait if self.wait else None
        return self.model.buy(cents, clock.now(), confirms)

    def _end(self, number: int) -> None:
        if number not in self.model.holds or self.model.holds[number][1] <= clock.now():
            raise Refused
        del self.model.holds[number]

    def _paying(self, model: Callable[[], Any]) -> Callable[[], Any]:
        """Let old holds go first; what is refused then has let none go."""

        def whole() -> Any:
            now = clock.now()
            if self.model.holds:
                self.model.holds = {number: one for number, one in self.model.holds.items() if one[1] > now}
                self.model.expire(now)
                self.model.pay_debt()
            return model()

        def tried_first() -> Any:
            real, self.model = self.model, deepcopy(self.model)
            try:
                whole()
            finally:
                self.model = real
            return whole()

        return tried_first

    def _both(self, act: Callable[[], Any], model: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Do it in both worlds; both do it, or both refuse and nothing moved. None when refused."""
        self.steps += 1
        try:
            wanted = model()
        except Refused:
            wanted = Refused
        try:
            done = act()
        except ConflictError:
            assert wanted is Refused
            return None
        assert wanted is not Refused
        self.model.expire(clock.now())
        return done, wanted


def _zone(cafe: Cafe) -> Any:
    with Books(cafe, cafe.cake).open() as (_, setup):
        return setup.zone


@pytest.mark.parametrize("policy", ["debt", "clamp", "refuse"])
def test_any_history_leaves_the_account_as_the_model_says(database: Database, application: Flask, policy: str) -> None:
    LedgerMachine.database, LedgerMachine.application, LedgerMachine.policy = database, application, policy
    bounded = {"max_examples": 8, "stateful_step_count": 25} if _is_everyday() else {}
    checks = settings(**bounded, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(LedgerMachine, settings=checks)  # type: ignore[no-untyped-call]


class KeylessTills(LedgerMachine):
    """The naive way: a till that repeats what was not answered, under no key."""

    @rule(target=LedgerMachine.sales, cents=CENTS, repeats=st.integers(1, 3))
    def scan_and_repeat(self, cents: int, repeats: int) -> tuple[UUID, int]:
        """Scan over HTTP, and again under another key."""
        answers = [self.till.scan(self.guest, "purchase", amount=cents) for _ in range(1 + repeats)]
        return ids.parse("activity", answers[0].json["id"]), self._bought(cents)


class BooksOfParts(Books):
    """The naive way: each refund takes what its own amount would have earned, whatever came before."""

    def refund(self, activity_id: UUID, amount: int | None = None) -> Any:
        """Take back the whole as it is, and a part by itself."""
        if amount is None:
            return super().refund(activity_id)
        return self.adjust(-(amount // 100)) if amount >= 100 else None


class RefundsByParts(LedgerMachine):
    """Refunds that know nothing of each other."""

    kind_of_books = BooksOfParts


@pytest.mark.parametrize("naive", [KeylessTills, RefundsByParts])
def test_the_naive_way_is_found_out(database: Database, application: Flask, naive: type[LedgerMachine]) -> None:
    naive.database, naive.application, naive.policy = database, application, "debt"
    # What fails is wanted here, not the shortest way to it.
    checks = settings(max_examples=50, stateful_step_count=25, phases=[Phase.generate], report_multiple_bugs=False)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(naive, settings=checks)  # type: ignore[no-untyped-call]


def _is_everyday() -> bool:
    return settings.get_current_profile_name() != "nightly"
