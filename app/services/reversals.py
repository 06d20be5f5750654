"""Reversals: a refund or a mistake takes back what the sale earned, by what is left of it under the sale's own rules.

What is taken in all is a function of what is kept in the end, so any split of refunds takes the same total. The order:
what still waits of that sale, what is left of its own lots, other lots, and then the purse's policy.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import ConflictError, invalid_field
from app.models import Account, Activity, Entry, Voucher
from app.rules.facts import MemberFacts, load_member
from app.rules.outcomes import Outcome
from app.rules.refunds import reclaim, recompute
from app.services import (
    accounts,
    events,
    expirations,
    ledger,
    pending,
    rule_sets,
    rule_usages,
    sales,
    vouchers,
)
from app.services.config import ProgramConfig
from app.services.ledger import Origin


class AlreadyReversedError(ConflictError):
    """Nothing is left of the activity to give back."""

    slug = "already-reversed"
    title = "It was given back before"


class ClawbackRefusedError(ConflictError):
    """The purse refuses refunds whose points were spent."""

    slug = "clawback-refused"
    title = "What it earned was spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What is given back: all of it, an amount in minor units, or pieces of items."""

    reason: str
    amount: int | None = None
    items: tuple[Mapping[str, Any], ...] = ()
    store_id: UUID | None = None
    staff_id: UUID | None = None
    api_key_id: UUID | None = None


@dataclass(slots=True, kw_only=True)
class Reversed:
    """What became of a reversal. `shortfall` is what could not be taken and was forgiven, by purse."""

    activity: Activity
    original: Activity
    entries: list[Entry] = field(default_factory=list)
    reclaimed: dict[UUID, int] = field(default_factory=dict)
    shortfall: dict[UUID, int] = field(default_factory=dict)
    vouchers: list[Voucher] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)


def reverse(session: Session, config: ProgramConfig, original: Activity, refund: Refund) -> Reversed:
    """Take back what the refunded part of an activity earned.

    Raises AlreadyReversedError, ClawbackRefusedError (the purse's policy), InvalidError for more than is left.
    """
    if original.reverses_activity_id is not None:
        raise AlreadyReversedError("This is itself a reversal; reverse the sale it belongs to, or adjust the account.")
    held = accounts.lock(session, original.member_id)
    for account in held.values():
        expirations.settle(session, config, account)
    earlier = sales.reversals_of(session, original.id)
    if earlier and sales.remains(config, original, earlier) is None:
        raise AlreadyReversedError("All of it was given back before.")
    _check(original, earlier, refund)
    reversal = _reversal_of(original, earlier, refund)
    result = Reversed(activity=reversal, original=original, accounts=list(held.values()))
    granted = sales.granted(session, held, original)
    remains = sales.remains(config, original, [*earlier, reversal])
    rules = rule_sets.load(session, original.rule_set_id)
    facts = load_member(original.data["rules"]) if original.data and "rules" in original.data else MemberFacts()
    earned = recompute(rules, remains, facts, config.purse_facts)
    due = reclaim(granted, earned)
    if remains is None:
        due.amounts.update(granted.by_purse())
    _withdraw_vouchers(session, held, original, _unearned(granted, earned), result, whole=remains is None)
    for purse_id, amount in due.amounts.items():
        taken_before = sales.reclaimed_before(session, held[purse_id], original.id)
        if amount > taken_before:
            _claw_back(session, config, held[purse_id], original, amount - taken_before, result, refund)
    _free_usage(session, config, original, granted, due.amounts, rules.needs(original.kind).usage, remains is None)
    if result.shortfall:
        forgiven = {held[purse_id].id.hex: amount for purse_id, amount in result.shortfall.items()}
        reversal.data = {**(reversal.data or {}), "forgiven": forgiven}
    # Written last: an activity is never changed once it is there.
    session.add(reversal)
    _publish(session, result)
    session.flush()
    return result


def _check(original: Activity, earlier: list[Activity], refund: Refund) -> None:
    if refund.amount is not None:
        left = (original.amount or 0) - sum(row.amount or 0 for row in earlier)
        if refund.amount > left:
            raise invalid_field("#/amount", f"Only {left} is left of this activity to give back.")
        if refund.amount == 0:
            raise invalid_field("#/amount", "Give back more than 0, or leave it out for the whole.")
    sold = sales.pieces(original.items or ())
    back = sales.pieces([item for row in earlier for item in row.items or ()])
    for place, item in enumerate(refund.items):
        left = sold.get(item["sku"], 0) - back.get(item["sku"], 0)
        if item["quantity"] > left:
            raise invalid_field(f"#/items/{place}/quantity", f"Only {left} of it is left to give back.")
        back[item["sku"]] = back.get(item["sku"], 0) + item["quantity"]


def _reversal_of(original: Activity, earlier: list[Activity], refund: Refund) -> Activity:
    whole = refund.amount is None and not refund.items
    amount = refund.amount
    if whole and original.amount is not None:
        amount = original.amount - sum(row.amount or 0 for row in earlier)
    return Activity(
        member_id=original.member_id,
        kind=original.kind,
        occurred_at=clock.now(),
        recorded_at=clock.now(),
        amount=amount,
        items=[dict(item) for item in refund.items] or None,
        data={sales.WHOLE: True} if whole else None,
        card_id=original.card_id,
        store_id=refund.store_id or original.store_id,
        partner_id=original.partner_id,
        staff_id=refund.staff_id,
        api_key_id=refund.api_key_id,
        reverses_activity_id=original.id,
        reason=refund.reason,
    )


def _unearned(granted: Outcome, earned: Outcome) -> list[UUID]:
    """Return the rewards, one for each voucher that what is kept no longer earns. Vouchers do not name their rule."""
    given = Counter(voucher.reward_id for voucher in granted.vouchers)
    return list((given - Counter(voucher.reward_id for voucher in earned.vouchers)).elements())


def _withdraw_vouchers(
    session: Session,
    held: Mapping[UUID, Account],
    original: Activity,
    rewards: list[UUID],
    result: Reversed,
    *,
    whole: bool,
) -> None:
    """Withdraw unused vouchers that are no longer earned; a full card's voucher gives its stamps back first."""
    issued = session.scalars(
        select(Voucher)
        .where(Voucher.activity_id == original.id, Voucher.status == "issued")
        .order_by(Voucher.id)
        .with_for_update()
    ).all()
    by_id = {account.id: account for account in held.values()}
    for voucher in issued:
        if voucher.entry_id is None and not whole and voucher.reward_id not in rewards:
            continue
        if voucher.entry_id is not None:
            if not whole:
                continue
            burn = session.scalars(select(Entry).where(Entry.id == voucher.entry_id)).one()
            origin = Origin(occurred_at=clock.now(), activity_id=result.activity.id, reason="card-reopened")
            account = by_id[burn.account_id]
            result.entries.append(
                ledger.give_back(session, account, debit_entry=burn, amount=-burn.amount, origin=origin)
            )
        elif voucher.reward_id in rewards:
            rewards.remove(voucher.reward_id)
        voucher.status = "void"
        voucher.void_reason = "refunded"
        vouchers.publish(session, "voucher.void", voucher)
        result.vouchers.append(voucher)


def _claw_back(
    session: Session,
    config: ProgramConfig,
    account: Account,
    original: Activity,
    amount: int,
    result: Reversed,
    refund: Refund,
) -> None:
    purse_id = account.purse_id
    result.reclaimed[purse_id] = amount
    for waiting in pending.of_activity(session, original.id):
        if waiting.account_id == account.id and waiting.state == "pending" and amount:
            amount -= pending.cancel(account, waiting, amount=amount)
    if not amount:
        return
    policy = config.purses[purse_id].on_clawback
    takeable = account.balance + account.debt - account.held
    if amount > takeable and policy == "refuse":
        raise ClawbackRefusedError(
            f"{amount} was earned and only {max(0, takeable)} is left: the programme refuses such refunds.",
            needed=amount,
            available=max(0, takeable),
        )
    if amount > takeable and policy == "clamp":
        result.shortfall[purse_id] = amount - takeable
        amount = takeable
    if not amount:
        return
    own = ledger.lots_of_activity(session, account, original.id)
    known = {lot.id for lot in own}
    others = [lot for lot in ledger.open_lots(session, account) if lot.id not in known]
    earned = next(
        (row for row in ledger.entries_of_activity(session, original.id) if row.account_id == account.id), None
    )
    origin = Origin(
        occurred_at=clock.now(),
        activity_id=result.activity.id,
        partner_id=original.partner_id,
        store_id=result.activity.store_id,
        staff_id=refund.staff_id,
        api_key_id=refund.api_key_id,
        reverses_entry_id=earned.id if earned else None,
        rule_id=earned.rule_id if earned else None,
        rule_version_id=earned.rule_version_id if earned else None,
        reason=refund.reason,
    )
    result.entries.append(
        ledger.debit(
            session,
            account,
            kind="reverse",
            amount=amount,
            origin=origin,
            lots=[*own, *others],
            may_owe=policy == "debt",
        )
    )
    account.burnt_total -= amount
    account.earned_total -= amount


def _free_usage(
    session: Session,
    config: ProgramConfig,
    original: Activity,
    granted: Outcome,
    due: Mapping[UUID, int],
    capped: frozenset[UUID],
    whole: bool,  # noqa: FBT001 - private
) -> None:
    """Give a capped rule's budget back when all that it gave is taken back."""
    if not whole or not capped:
        return
    given = granted.by_rule()
    day = original.occurred_at.astimezone(config.zone).date()
    rule_usages.add(
        session,
        {rule_id: -amount for rule_id, amount in given.items() if rule_id in capped and due},
        member_id=original.member_id,
        day=day,
    )


def _publish(session: Session, result: Reversed) -> None:
    data = {
        "activity": ids.show("activity", result.activity.id),
        "reverses": ids.show("activity", result.original.id),
        "reason": result.activity.reason,
        "reclaimed": [
            {"purse": ids.show("purse", purse_id), "amount": amount} for purse_id, amount in result.reclaimed.items()
        ],
    }
    events.publish(session, kind="activity.reversed", member_id=result.activity.member_id, data=data)
