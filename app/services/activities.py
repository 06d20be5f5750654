"""Activities: what happened is written down, the rules say what it earns, the ledger moves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.errors import NotFoundError
from app.models import Account, Activity, Entry, Member, PendingGrant, Rule, Voucher
from app.rules.facts import MemberFacts, dump_member
from app.rules.outcomes import Grant, Outcome
from app.services import (
    accounts,
    events,
    expirations,
    expiry,
    happenings,
    ledger,
    pending,
    rule_sets,
    rule_usages,
    vouchers,
)
from app.services.config import ProgramConfig, PurseConfig
from app.services.happenings import Happening
from app.services.ledger import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that the activity gave: an amount to a purse, or a voucher."""

    kind: str
    why: str
    rule_id: UUID | None = None
    purse_id: UUID | None = None
    amount: int | None = None
    pending: bool = False
    voucher: Voucher | None = None


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What became of an activity."""

    activity: Activity
    effects: list[Effect] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)


EFFECT_KINDS = {"points": "points", "stamps": "stamps", "money": "cash_back"}


def record(
    session: Session, config: ProgramConfig, keyring: Keyring, *, member: Member, happening: Happening
) -> Recorded:
    """Write the activity down and give what it earns, in this transaction."""
    happenings.check_store(config, happening.store_id)
    needs = config.ruleset.needs(happening.kind)
    held = accounts.lock(session, member.id, needed=needs.purse_ids)
    for account in held.values():
        expirations.settle(session, config, account)
    facts = happenings.facts_of(config, happening)
    day = facts.local_at.date()
    known = MemberFacts(
        purchases_count=_purchases(session, member.id) if needs.first_purchase else 0,
        usage=rule_usages.read(session, needs.usage, member_id=member.id, day=day),
    )
    outcome = config.ruleset.evaluate(facts, known, config.purse_facts)
    activity = _write(session, config, member, happening, known if needs.usage or needs.first_purchase else None)
    result = Recorded(activity=activity, accounts=list(held.values()))
    for grant in outcome.grants:
        result.effects.append(_give(session, config, held[grant.purse_id], activity, grant))
    for account in held.values():
        expirations.slide(config, account, kind=happening.kind, happened_at=happening.occurred_at)
    _give_vouchers(session, config, keyring, member, result, outcome)
    _complete_cards(session, config, keyring, member, result, held)
    given = outcome.by_rule()
    rule_usages.add(session, {rule_id: given.get(rule_id, 0) for rule_id in needs.usage}, member_id=member.id, day=day)
    publish(session, result)
    session.flush()
    return result


def _purchases(session: Session, member_id: UUID) -> int:
    """Return 1 when the member bought before, else 0: nobody asks for more, and counting would grow with history."""
    query = select(Activity.id).where(Activity.member_id == member_id, Activity.kind == "purchase").limit(1)
    return 1 if session.scalar(query) else 0


def _write(
    session: Session, config: ProgramConfig, member: Member, happening: Happening, known: MemberFacts | None
) -> Activity:
    store = config.stores.get(happening.store_id) if happening.store_id else None
    data = dict(happening.data) if happening.data else {}
    if known is not None:
        data["rules"] = dump_member(known, config.ruleset.needs(happening.kind).usage)
    activity = Activity(
        member_id=member.id, kind=happening.kind, occurred_at=happening.occurred_at, recorded_at=clock.now(),
        amount=happening.amount, items=[dict(item) for item in happening.items] or None, data=data or None,
        receipt=happening.receipt, card_id=happening.card_id, store_id=happening.store_id,
        partner_id=store.partner_id if store else None, staff_id=happening.staff_id,
        api_key_id=happening.api_key_id, offline=happening.offline, external_id=happening.external_id,
        rule_set_id=rule_sets.remember(session, config.ruleset),
    )  # fmt: skip
    session.add(activity)
    return activity


def origin_of(activity: Activity, grant: Grant | None = None, *, reason: str | None = None) -> Origin:
    """Return what an entry keeps of its activity and rule."""
    return Origin(
        occurred_at=activity.occurred_at, activity_id=activity.id, partner_id=activity.partner_id,
        store_id=activity.store_id, staff_id=activity.staff_id, api_key_id=activity.api_key_id, reason=reason,
        rule_id=grant.rule_id if grant else None, rule_version_id=grant.rule_version_id if grant else None,
        steps=grant.steps if grant else None,
    )  # fmt: skip


def _give(session: Session, config: ProgramConfig, account: Account, activity: Activity, grant: Grant) -> Effect:
    purse = config.purses[grant.purse_id]
    origin = origin_of(activity, grant)
    waits_until = pending.confirms_at(purse, activity.occurred_at)
    if waits_until is not None:
        pending.grant(session, account, amount=grant.amount, origin=origin, confirms_at=waits_until)
    else:
        runs_out = expiry.expires_at(purse.expiry, activity.occurred_at, config.zone)
        ledger.credit(session, account, kind="earn", amount=grant.amount, origin=origin, expires_at=runs_out)
    return Effect(
        kind=EFFECT_KINDS[purse.kind], why=grant.why, rule_id=grant.rule_id, purse_id=purse.id, amount=grant.amount,
        pending=waits_until is not None,
    )  # fmt: skip


def _give_vouchers(
    session: Session, config: ProgramConfig, keyring: Keyring, member: Member, result: Recorded, outcome: Outcome
) -> None:
    for granted in outcome.vouchers:
        reward = config.rewards.get(granted.reward_id)
        if reward is None or reward.status != "live":
            continue
        voucher = vouchers.issue(
            session, keyring, member_id=member.id, reward=reward, locale=member.locale or config.locale,
            activity_id=result.activity.id,
        )  # fmt: skip
        result.effects.append(Effect(kind="voucher", why=granted.why, rule_id=granted.rule_id, voucher=voucher))


def _complete_cards(
    session: Session,
    config: ProgramConfig,
    keyring: Keyring,
    member: Member,
    result: Recorded,
    held: Mapping[UUID, Account],
) -> None:
    """Turn each full stamp card into its voucher and begin the next; stamps beyond the goal stay."""
    for purse_id, account in held.items():
        purse = config.purses[purse_id]
        while is_full(config, purse, ledger.available(account)):
            assert purse.goal is not None
            reward = config.rewards[purse.reward_id]  # type: ignore[index]
            origin = origin_of(result.activity, reason="card-full")
            entry = ledger.debit(session, account, kind="burn", amount=purse.goal, origin=origin)
            voucher = vouchers.issue(
                session, keyring, member_id=member.id, reward=reward, locale=member.locale or config.locale,
                activity_id=result.activity.id, entry_id=entry.id,
            )  # fmt: skip
            why = f"{purse.name}: {purse.goal} of {purse.goal}"
            result.effects.append(Effect(kind="voucher", why=why, purse_id=purse_id, voucher=voucher))


def is_full(config: ProgramConfig, purse: PurseConfig, balance: int) -> bool:
    """Return whether a stamp card's balance reaches its goal and its reward can be given."""
    if purse.kind != "stamps" or purse.goal is None or purse.reward_id is None or balance < purse.goal:
        return False
    return purse.reward_id in config.rewards


def publish(session: Session, result: Recorded) -> None:
    """Write the one fact of a recorded activity, with what it gave."""
    activity = result.activity
    events.publish(session, kind="activity.recorded", member_id=activity.member_id, data=fact_of(result))


def fact_of(result: Recorded) -> dict[str, Any]:
    """Return what `activity.recorded` says."""
    return {
        "activity": ids.show("activity", result.activity.id),
        "kind": result.activity.kind,
        "effects": [
            {"kind": effect.kind, "purse": ids.show("purse", effect.purse_id), "amount": effect.amount}
            for effect in result.effects
            if effect.purse_id is not None and effect.amount is not None
        ],
    }


def get(session: Session, activity_id: UUID) -> Activity:
    """Return the activity; raise NotFoundError."""
    activity = session.scalars(select(Activity).where(Activity.id == activity_id)).one_or_none()
    if activity is None:
        raise NotFoundError("No such activity in this programme.", activity=ids.show("activity", activity_id))
    return activity


def effects_of(session: Session, config: ProgramConfig, activity: Activity) -> list[Effect]:
    """Return what an activity gave, read back from the books: what was credited, what still waits, vouchers."""
    credited = (
        select(Entry.amount, Account.purse_id, Entry.rule_id, Rule.name, literal(value=False))
        .join(Account, (Account.program_id == Entry.program_id) & (Account.id == Entry.account_id))
        .outerjoin(Rule, (Rule.program_id == Entry.program_id) & (Rule.id == Entry.rule_id))
        .where(Entry.activity_id == activity.id, Entry.kind == "earn")
        .order_by(Entry.id)
    )
    waiting = (
        select(PendingGrant.amount - PendingGrant.cancelled, Account.purse_id, Rule.id, Rule.name, literal(value=True))
        .join(Account, (Account.program_id == PendingGrant.program_id) & (Account.id == PendingGrant.account_id))
        .outerjoin(Rule, (Rule.program_id == PendingGrant.program_id) & (Rule.id == PendingGrant.rule_id))
        .where(PendingGrant.activity_id == activity.id, PendingGrant.state == "pending")
        .order_by(PendingGrant.id)
    )
    found = [
        Effect(
            kind=EFFECT_KINDS[config.purses[purse_id].kind], why=name or config.purses[purse_id].name,
            rule_id=rule_id, purse_id=purse_id, amount=amount, pending=waits,
        )
        for query in (credited, waiting)
        for amount, purse_id, rule_id, name, waits in session.execute(query)
    ]  # fmt: skip
    issued = select(Voucher).where(Voucher.activity_id == activity.id).order_by(Voucher.id)
    found += [Effect(kind="voucher", why=voucher.name, voucher=voucher) for voucher in session.scalars(issued)]
    return found
