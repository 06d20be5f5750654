"""What the faces of passes are made of: a card or a voucher with all that stands on it, for many passes at once.

Some eight queries answer however many cards are asked for, none of which a scan waits for. `wallet.faces` words and
arranges what is read here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from app import clock
from app.codes import grammar
from app.crypto import Keyring
from app.db import Session
from app.models import Card, Lot, Member, Pass, PassMessage, Program, Purse, Reward, Voucher
from app.services import cards, holdings, programs, vouchers
from app.services.holdings import Holding

VOUCHERS_MAX = 20
"""As many open vouchers as one card names, the newest."""
_SAMPLE_NUMBER = "9000 0000 0000 0000"
_SAMPLE_TOKEN = "0" * 17
"""Of no card: whoever scans a preview is told so."""
_SAMPLE_AMOUNTS = {"points": 120, "stamps": 7, "money": 1250}
_SPOKEN: ColumnElement[str | None] = func.coalesce(Member.locale, func.member_app_locale(Member.customer_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class NextExpiry:
    """What of an account runs out first, and when."""

    purse_id: UUID
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a member has in a purse; 0 where nothing ever happened."""

    purse: Purse
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """A card, its member, and what both have. `code` is the static code, absent when no till may take the card.

    `spoken` is the member's language, or else that of the member's app. `balances` are those of the programme's
    purses and of what else the member holds, the oldest purse first. `rewards` are the programme's that can be
    bought, and those that the vouchers and purses name, by their id, the cheapest first. `message` is the newest that
    a campaign wrote on one of the card's passes: `{"fr": {"title": …, "body": …}}`.
    """

    program: Program
    card: Card
    member: Member
    code: str | None
    spoken: str | None = None
    balances: Sequence[Balance] = ()
    vouchers: Sequence[Voucher] = ()
    rewards: Mapping[UUID, Reward] = field(default_factory=dict)
    next_expiry: NextExpiry | None = None
    message: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherFacts:
    """A voucher as a pass of its own. `code` is absent once no till honours it; `spoken` as on cards."""

    program: Program
    voucher: Voucher
    member: Member
    reward: Reward
    code: str | None
    spoken: str | None = None


def of_cards(session: Session, keyring: Keyring, card_ids: Collection[UUID]) -> dict[UUID, CardFacts]:
    """Return the facts of each card of the programme that exists, by the card's id."""
    program = programs.get(session)
    query = select(Card, Member, _SPOKEN).join(Member, Member.id == Card.member_id).where(Card.id.in_(card_ids))
    rows = session.execute(query).all()
    member_ids = list({member.id for _, member, _ in rows})
    purses = session.scalars(select(Purse).where(Purse.archived_at.is_(None), Purse.partner_id.is_(None))).all()
    held = holdings.of_members(session, member_ids)
    open_vouchers = _open_vouchers(session, member_ids)
    rewards = _rewards(session, [*purses, *(one.purse for some in held.values() for one in some)], open_vouchers)
    expiries = _next_expiries(session, held)
    messages = _messages(session, card_ids)
    return {
        card.id: CardFacts(
            program=program,
            card=card,
            member=member,
            code=grammar.static_code(cards.token_of(keyring, card)) if card.status == "active" else None,
            spoken=spoken,
            balances=_balances(purses, held[member.id]),
            vouchers=open_vouchers.get(member.id, []),
            rewards=rewards,
            next_expiry=expiries.get(member.id),
            message=messages.get(card.id),
        )
        for card, member, spoken in rows
    }


def of_vouchers(session: Session, keyring: Keyring, voucher_ids: Collection[UUID]) -> dict[UUID, VoucherFacts]:
    """Return the facts of each voucher of the programme that exists, by its id."""
    program = programs.get(session)
    query = (
        select(Voucher, Member, Reward, _SPOKEN)
        .join(Member, Member.id == Voucher.member_id)
        .join(Reward, Reward.id == Voucher.reward_id)
        .where(Voucher.id.in_(voucher_ids))
    )
    now = clock.now()
    return {
        voucher.id: VoucherFacts(
            program=program,
            voucher=voucher,
            member=member,
            reward=reward,
            code=grammar.voucher_code(vouchers.code_of(keyring, voucher)) if _is_open(voucher, now) else None,
            spoken=spoken,
        )
        for voucher, member, reward, spoken in session.execute(query)
    }


def sample(
    session: Session, *, first_name: str, last_name: str, filled: int | None = None, locale: str | None = None
) -> CardFacts:
    """Return the card of a member who does not exist, to show a design by; nothing of it is written.

    `filled` is how many stamps the card has (seven tenths of its goal), `locale` what the member speaks.
    """
    program = programs.get(session)
    purses = session.scalars(
        select(Purse).where(Purse.archived_at.is_(None), Purse.partner_id.is_(None)).order_by(Purse.id)
    ).all()
    member = Member(joined_at=clock.now(), first_name=first_name, last_name=last_name, locale=locale)
    card = Card(member_id=member.id, number=_SAMPLE_NUMBER, token_hash=b"", token_sealed=b"", totp_key_sealed=b"")
    return CardFacts(
        program=program,
        card=card,
        member=member,
        code=grammar.static_code(_SAMPLE_TOKEN),
        spoken=locale,
        balances=[Balance(purse=purse, amount=_sample_amount(purse, filled)) for purse in purses],
        rewards=_rewards(session, purses, {}),
    )


def _sample_amount(purse: Purse, filled: int | None) -> int:
    if purse.kind == "stamps" and purse.goal:
        return purse.goal * 7 // 10 if filled is None else min(filled, purse.goal)
    return _SAMPLE_AMOUNTS[purse.kind]


def _is_open(voucher: Voucher, now: datetime) -> bool:
    return voucher.status == "issued" and (voucher.valid_until is None or voucher.valid_until > now)


def _open_vouchers(session: Session, member_ids: Sequence[UUID]) -> dict[UUID, list[Voucher]]:
    """Return the newest open vouchers of each member, the newest first."""
    place = func.row_number().over(partition_by=Voucher.member_id, order_by=Voucher.id.desc()).label("place")
    is_open = or_(Voucher.valid_until.is_(None), Voucher.valid_until > clock.now())
    ranked = (
        select(Voucher, place).where(Voucher.member_id.in_(member_ids), Voucher.status == "issued", is_open).subquery()
    )
    row = aliased(Voucher, ranked)
    query = select(row).where(ranked.c.place <= VOUCHERS_MAX).order_by(row.member_id, row.id.desc())
    found: dict[UUID, list[Voucher]] = {}
    for voucher in session.scalars(query):
        found.setdefault(voucher.member_id, []).append(voucher)
    return found


def _balances(purses: Sequence[Purse], held: Sequence[Holding]) -> list[Balance]:
    found = {purse.id: Balance(purse=purse, amount=0) for purse in purses}
    found |= {one.purse.id: Balance(purse=one.purse, amount=one.balance) for one in held}
    return [found[key] for key in sorted(found)]


def _rewards(session: Session, purses: Iterable[Purse], given: Mapping[UUID, Sequence[Voucher]]) -> dict[UUID, Reward]:
    named = {voucher.reward_id for some in given.values() for voucher in some}
    named |= {purse.reward_id for purse in purses if purse.reward_id is not None}
    bought = (Reward.status == "live") & Reward.purse_id.is_not(None) & (Reward.price > 0)
    query = select(Reward).where(or_(bought, Reward.id.in_(named))).order_by(Reward.price, Reward.id)
    return {reward.id: reward for reward in session.scalars(query)}


def _next_expiries(session: Session, held: Mapping[UUID, Sequence[Holding]]) -> dict[UUID, NextExpiry]:
    """Return what runs out first of each member's accounts; nothing is asked where nothing can."""
    expiring = {
        one.account.id: one
        for some in held.values()
        for one in some
        if one.account.next_expiry_at is not None and one.balance > 0
    }
    first: dict[UUID, tuple[datetime, int]] = {}
    by_lots: list[UUID] = []
    for key, one in expiring.items():
        # A purse that expires by inactivity loses everything at the account's own instant.
        at = one.account.next_expiry_at
        if one.purse.expiry.get("policy") == "inactivity" and at is not None:
            first[key] = (at, one.balance)
        else:
            by_lots.append(key)
    if by_lots:
        query = (
            select(Lot.account_id, Lot.expires_at, func.sum(Lot.remaining))
            .where(Lot.account_id.in_(by_lots), Lot.remaining > 0, Lot.expires_at > clock.now())
            .group_by(Lot.account_id, Lot.expires_at)
            .order_by(Lot.account_id, Lot.expires_at)
            .ext(distinct_on(Lot.account_id))
        )
        first |= {account_id: (ends, int(amount)) for account_id, ends, amount in session.execute(query) if ends}
    found: dict[UUID, NextExpiry] = {}
    for account_id, (ends, amount) in first.items():
        one = expiring[account_id]
        known = found.get(one.account.member_id)
        if known is None or ends < known.at:
            found[one.account.member_id] = NextExpiry(purse_id=one.purse.id, amount=amount, at=ends)
    return found


def _messages(session: Session, card_ids: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Return the newest message on any pass of each card."""
    query = (
        select(Pass.card_id, PassMessage.text)
        .join(Pass, Pass.id == PassMessage.pass_id)
        .where(Pass.card_id.in_(card_ids), Pass.voucher_id.is_(None))
        .order_by(Pass.card_id, PassMessage.id.desc())
        .ext(distinct_on(Pass.card_id))
    )
    return dict(session.execute(query).all())
