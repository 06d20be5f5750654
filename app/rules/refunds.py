"""Refunds: what the same rule versions would have granted on what was kept, and so what must be taken back.

The reclaim is a function of what is kept in the end, and of nothing else: any split of a sale's refunds
reclaims the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from uuid import UUID

from app.rules.engine import RuleSet
from app.rules.facts import ActivityFacts, Amount, Item, MemberFacts, PurseFacts
from app.rules.outcomes import NOTHING, Outcome


@dataclass(frozen=True, slots=True)
class RefundedItem:
    """Pieces brought back; without `amount` they are worth their part of what was paid for that SKU."""

    sku: str
    quantity: int
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Reclaim:
    """What to take back since the sale, in all: subtract what earlier refunds of it took.

    `amounts` is by purse, each from 0 to what was granted; `vouchers` are the rewards, by rule, whose voucher
    is no longer earned.
    """

    amounts: dict[UUID, int]
    vouchers: tuple[tuple[UUID, UUID], ...]


def kept(activity: ActivityFacts, *, amount: int = 0, items: Iterable[RefundedItem] = ()) -> ActivityFacts | None:
    """Return what is left of a sale after all its refunds so far, or None when nothing is.

    `items` are the pieces brought back, `amount` is money given back beside them, both since the sale. Items
    are taken off first; money then shrinks every remaining line in proportion, exactly. Order and grouping
    make no difference.
    """
    lines, left = _without(activity.items, tuple(items))
    if activity.amount is None:
        return replace(activity, items=lines) if any(line.quantity > 0 for line in lines) else None
    worth = max(0, activity.amount - left)
    remaining = max(0, worth - amount)
    if remaining == 0 and activity.amount > 0:
        return None
    if amount and worth:
        share = Fraction(remaining) / Fraction(worth)
        lines = tuple(replace(line, quantity=line.quantity * share, amount=line.amount * share) for line in lines)
    return replace(activity, amount=remaining, items=lines)


def _without(items: tuple[Item, ...], refunded: tuple[RefundedItem, ...]) -> tuple[tuple[Item, ...], Amount]:
    """Return the lines without the pieces brought back, and what these were worth; lines of one SKU shrink alike."""
    if not refunded:
        return items, 0
    paid: dict[str, Amount] = {}
    pieces: dict[str, Amount] = {}
    for line in items:
        paid[line.sku] = paid.get(line.sku, 0) + line.amount
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    back: dict[str, Amount] = {}
    worth: dict[str, Amount] = {}
    for item in refunded:
        if not pieces.get(item.sku):
            continue  # not of this sale: the caller's refusal, not ours
        own = Fraction(paid[item.sku]) * item.quantity / Fraction(pieces[item.sku])
        back[item.sku] = back.get(item.sku, 0) + item.quantity
        worth[item.sku] = worth.get(item.sku, 0) + (own if item.amount is None else item.amount)
    taken = {sku: min(value, paid[sku]) for sku, value in worth.items()}
    lines = tuple(
        line if line.sku not in back else _shrunk(line, pieces[line.sku], back[line.sku], paid, taken) for line in items
    )
    return lines, sum(taken.values())


def _shrunk(line: Item, pieces: Amount, back: Amount, paid: Mapping[str, Amount], taken: Mapping[str, Amount]) -> Item:
    stays = Fraction(max(0, pieces - back)) / Fraction(pieces)
    money = Fraction(paid[line.sku] - taken[line.sku]) / Fraction(paid[line.sku]) if paid[line.sku] else stays
    return replace(line, quantity=line.quantity * stays, amount=line.amount * money)


def recompute(
    rules: RuleSet, remains: ActivityFacts | None, member: MemberFacts, purses: Mapping[UUID, PurseFacts]
) -> Outcome:
    """Return what the rules of the sale would have granted on what remains of it.

    `rules` are the versions that were live at the sale, `member` the facts of that moment
    (`facts.load_member`).
    """
    return NOTHING if remains is None else rules.evaluate(remains, member, purses)


def reclaim(granted: Outcome, recomputed: Outcome) -> Reclaim:
    """Return what all refunds of a sale together take back: what it granted less what the rest of it earns."""
    earned = recomputed.by_purse()
    amounts = {
        purse_id: min(max(amount - earned.get(purse_id, 0), 0), amount)
        for purse_id, amount in granted.by_purse().items()
    }
    still = {(voucher.reward_id, voucher.rule_id) for voucher in recomputed.vouchers}
    gone = tuple(
        (voucher.reward_id, voucher.rule_id)
        for voucher in granted.vouchers
        if (voucher.reward_id, voucher.rule_id) not in still
    )
    return Reclaim(amounts, gone)
