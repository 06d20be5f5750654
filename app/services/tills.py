"""What a till is told: plain values that the ordinary path and the hot path both end in."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.crypto import Keyring
from app.db import Session
from app.models import Account, Card, Member, Voucher
from app.services import vouchers
from app.services.activities import Effect, Recorded
from app.services.config import ProgramConfig
from app.services.holdings import Holding


@dataclass(frozen=True, slots=True)
class ToldVoucher:
    """A voucher with its code."""

    id: UUID
    code: str
    reward_id: UUID
    name: str
    status: str
    valid_until: datetime | None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToldAccount:
    """An account and its purse."""

    id: UUID
    purse_id: UUID
    kind: str
    name: str
    balance: int
    pending: int
    goal: int | None


@dataclass(frozen=True, slots=True)
class ToldEffect:
    """One thing that was given."""

    kind: str
    why: str
    rule_id: UUID | None = None
    purse_id: UUID | None = None
    amount: int | None = None
    pending: bool = False
    voucher: ToldVoucher | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The whole answer to a scan or an activity."""

    activity_id: UUID
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    amount: int | None
    currency: str
    store_id: UUID | None
    receipt: str | None
    member_id: UUID
    first_name: str | None
    card_id: UUID | None = None
    card_number: str | None = None
    effects: list[ToldEffect] = field(default_factory=list)
    accounts: list[ToldAccount] = field(default_factory=list)
    vouchers: list[ToldVoucher] = field(default_factory=list)


def tell(
    session: Session, config: ProgramConfig, keyring: Keyring, recorded: Recorded, member: Member, card: Card | None
) -> Told:
    """Return what became of an activity, with the vouchers that the member can use now."""
    activity = recorded.activity
    return Told(
        activity_id=activity.id,
        kind=activity.kind,
        occurred_at=activity.occurred_at,
        recorded_at=activity.recorded_at,
        amount=activity.amount,
        currency=config.currency,
        store_id=activity.store_id,
        receipt=activity.receipt,
        member_id=member.id,
        first_name=member.first_name,
        card_id=card.id if card else None,
        card_number=card.number if card else None,
        effects=[_effect(keyring, effect) for effect in recorded.effects],
        accounts=accounts_of(config, recorded.accounts),
        vouchers=[voucher_of(keyring, voucher) for voucher in vouchers.of_member(session, member.id)],
    )


def accounts_of(config: ProgramConfig, held: list[Account]) -> list[ToldAccount]:
    """Return the accounts of purses in use, in the order that the purses were made."""
    found = []
    for account in sorted(held, key=lambda one: one.purse_id):
        purse = config.purses[account.purse_id]
        if purse.archived and not account.balance:
            continue
        found.append(
            ToldAccount(account.id, purse.id, purse.kind, purse.name, account.balance, account.pending, purse.goal)
        )
    return found


def holdings_of(found: list[Holding]) -> list[ToldAccount]:
    """Return what a member holds now, without what has run out and is not booked yet."""
    return [
        ToldAccount(
            one.account.id,
            one.purse.id,
            one.purse.kind,
            one.purse.name,
            one.balance,
            one.account.pending,
            one.purse.goal,
        )
        for one in found
    ]


def voucher_of(keyring: Keyring, voucher: Voucher) -> ToldVoucher:
    """Return the voucher with its code unsealed."""
    return ToldVoucher(
        voucher.id, vouchers.code_of(keyring, voucher), voucher.reward_id, voucher.name, voucher.status,
        voucher.valid_until, voucher.used_at,
    )  # fmt: skip


def _effect(keyring: Keyring, effect: Effect) -> ToldEffect:
    return ToldEffect(
        effect.kind, effect.why, effect.rule_id, effect.purse_id, effect.amount, effect.pending,
        voucher_of(keyring, effect.voucher) if effect.voucher else None,
    )  # fmt: skip
