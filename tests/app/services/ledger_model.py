"""What an account ought to hold, in plain Python: lots, holds, promises, a debt. No database, no laziness."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

NEVER = datetime.max.replace(tzinfo=UTC)


class Refused(Exception):  # noqa: N818 - what the ledger ought to refuse
    """The ledger ought to refuse this."""


@dataclass
class ModelLot:
    """One credit and what is left of it."""

    number: int
    left: int
    ends: datetime | None
    sale: int | None


@dataclass
class ModelSale:
    """A purchase: its price, what came back of it, what it earned, and what was taken back."""

    cents: int
    earned: int
    back: int = 0
    taken: int = 0
    done: bool = False


@dataclass
class ModelPromise:
    """A credit that waits."""

    sale: int
    left: int
    confirms: datetime


@dataclass
class Model:
    """An account whose purse expires as `ends` says and claws back by `policy`."""

    policy: str
    ends: Callable[[datetime], datetime | None]
    lots: list[ModelLot] = field(default_factory=list)
    holds: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    promises: list[ModelPromise] = field(default_factory=list)
    sales: list[ModelSale] = field(default_factory=list)
    debt: int = 0

    @property
    def balance(self) -> int:
        """What is there, less what is owed."""
        return sum(lot.left for lot in self.lots) - self.debt

    @property
    def held(self) -> int:
        """What tills hold."""
        return sum(amount for amount, _ in self.holds.values())

    @property
    def pending(self) -> int:
        """What waits."""
        return sum(promise.left for promise in self.promises)

    @property
    def free(self) -> int:
        """What can be spent."""
        return sum(lot.left for lot in self.lots) - self.held

    def next_end(self, now: datetime) -> datetime | None:
        """Return when the next lot, hold or promise ends."""
        ends = [lot.ends for lot in self.lots if lot.left and lot.ends is not None]
        ends += [until for _, until in self.holds.values()] + [promise.confirms for promise in self.promises]
        return min((one for one in ends if one > now), default=None)

    def expire(self, now: datetime) -> None:
        """Drop what has run out, but what holds keep, which is what would run out first."""
        kept = self.held
        for lot in self._in_order():
            if lot.ends is not None and lot.ends <= now:
                stays = min(lot.left, kept)
                kept -= stays
                lot.left = stays

    def credit(self, amount: int, ends: datetime | None, sale: int | None = None) -> None:
        """Add a lot, which pays the debt first."""
        paid = min(self.debt, amount)
        self.debt -= paid
        self.lots.append(ModelLot(len(self.lots), amount - paid, ends, sale))

    def spend(self, amount: int) -> list[tuple[ModelLot, int]]:
        """Take from the lots that end first; return which paid what."""
        if amount > self.free:
            raise Refused
        return self._take(amount, self._in_order())

    def give_back(self, paid: list[tuple[ModelLot, int]]) -> None:
        """Undo a payment, lot by lot; a debtor's debt is paid from it."""
        for lot, amount in paid:
            lot.left += amount
        self.pay_debt()

    def pay_debt(self) -> None:
        """Let what is free pay what is owed."""
        paid = min(self.debt, self.free)
        self._take(paid, self._in_order())
        self.debt -= paid

    def buy(self, cents: int, now: datetime, confirms: datetime | None) -> int:
        """Record a purchase of a point for each euro; return its number."""
        sale = len(self.sales)
        self.sales.append(ModelSale(cents, cents // 100))
        if cents >= 100:
            if confirms is None:
                self.credit(cents // 100, self.ends(now), sale)
            else:
                self.promises.append(ModelPromise(sale, cents // 100, confirms))
        return sale

    def confirm(self, now: datetime) -> None:
        """Credit the promises whose time has come."""
        due = [promise for promise in self.promises if promise.confirms <= now]
        self.promises = [promise for promise in self.promises if promise.confirms > now]
        for promise in due:
            if promise.left:
                self.credit(promise.left, self.ends(promise.confirms), promise.sale)

    def refund(self, number: int, cents: int) -> None:
        """Take back what the refunded part earned: promises, the sale's lots, other lots, then the policy."""
        sale = self.sales[number]
        due = sale.earned - (sale.cents - sale.back - cents) // 100 - sale.taken
        cancelled = sum(promise.left for promise in self.promises if promise.sale == number)
        rest = max(0, due - cancelled)
        short = max(0, rest - self.free)
        if short and self.policy == "refuse":
            raise Refused
        for promise in self.promises:
            if promise.sale == number:
                promise.left -= min(promise.left, due)
        sale.back += cents
        sale.taken += due
        own = [lot for lot in self.lots if lot.sale == number]
        self._take(rest - short, [*own, *(lot for lot in self._in_order() if lot.sale != number)])
        if self.policy == "debt":
            self.debt += short

    def _in_order(self) -> list[ModelLot]:
        return sorted(self.lots, key=lambda lot: (lot.ends or NEVER, lot.number))

    def _take(self, amount: int, order: Iterable[ModelLot]) -> list[tuple[ModelLot, int]]:
        paid = []
        for lot in order:
            taken = min(amount, lot.left)
            if taken:
                lot.left -= taken
                amount -= taken
                paid.append((lot, taken))
        assert amount == 0
        return paid
