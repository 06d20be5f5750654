"""Redemptions: a reward's price is burnt and the member holds a voucher, in one transaction."""

from uuid import UUID

from sqlalchemy import func, select, update

from app import ids
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, ForbiddenError, NotFoundError, invalid_field
from app.models import Account, Entry, Member, Reward, Voucher
from app.services import accounts, events, holds, ledger, vouchers
from app.services.config import ProgramConfig, RewardConfig
from app.services.holdings import Holding
from app.services.ledger import Origin


class RedemptionsFrozenError(ForbiddenError):
    """The programme has stopped redemptions for now; earning goes on."""

    slug = "redemptions-frozen"
    title = "Redemptions are paused"


class OutOfStockError(ConflictError):
    """None is left."""

    slug = "out-of-stock"
    title = "None is left"


class RewardLimitError(ConflictError):
    """The member had as many as one may."""

    slug = "reward-limit"
    title = "As many as one may"


class RewardUnavailableError(ConflictError):
    """The reward is paused, withdrawn, or has no price."""

    slug = "reward-unavailable"
    title = "This reward is not available"


def redeem(
    session: Session,
    config: ProgramConfig,
    keyring: Keyring,
    *,
    member: Member,
    reward_id: UUID,
    origin: Origin,
) -> Voucher:
    """Burn the reward's price and give the member its voucher; nothing is half done."""
    check_open(config)
    reward = _available(config, reward_id)
    held = accounts.lock(session, member.id, needed=[reward.purse_id] if reward.purse_id else [])
    _take_from_stock(session, reward)
    _check_limit(session, reward, member.id)
    entry = _pay(session, config, held, reward, origin)
    voucher = vouchers.issue(
        session, keyring, member_id=member.id, reward=reward, locale=member.locale or config.locale,
        entry_id=entry.id if entry else None,
    )  # fmt: skip
    data = {"reward": ids.show("reward", reward.id), "voucher": ids.show("voucher", voucher.id), "price": reward.price}
    events.publish(session, kind="reward.redeemed", member_id=member.id, data=data)
    session.flush()
    return voucher


def check_open(config: ProgramConfig) -> None:
    """Raise RedemptionsFrozenError while the programme has frozen redemptions."""
    if config.redemptions_frozen:
        raise RedemptionsFrozenError("This programme has paused redemptions; stamps and points are earned as usual.")


def redeemable(config: ProgramConfig, held: list[Holding]) -> list[RewardConfig]:
    """Return the rewards that the member's balances pay for now, cheapest first."""
    free = {one.purse.id: one.balance - one.account.held for one in held}
    found = [
        reward
        for reward in config.rewards.values()
        if reward.status == "live"
        and reward.purse_id is not None
        and reward.price > 0
        and free.get(reward.purse_id, 0) >= reward.price
    ]
    return sorted(found, key=lambda reward: (reward.price, reward.id))


def _available(config: ProgramConfig, reward_id: UUID) -> RewardConfig:
    reward = config.rewards.get(reward_id)
    if reward is None:
        raise invalid_field("#/reward_id", "No reward of this programme has this id.")
    if reward.status != "live":
        raise RewardUnavailableError("This reward is paused or was withdrawn.")
    if reward.purse_id is None or reward.price == 0:
        raise RewardUnavailableError("This reward has no price: it is given by rules or by a full stamp card.")
    return reward


def _take_from_stock(session: Session, reward: RewardConfig) -> None:
    if not reward.counted:
        return
    taken = session.execute(
        update(Reward)
        .where(Reward.id == reward.id, Reward.stock > 0)
        .values(stock=Reward.stock - 1)
        .returning(Reward.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is None:
        raise OutOfStockError(f"No “{reward.name}” is left.")


def _check_limit(session: Session, reward: RewardConfig, member_id: UUID) -> None:
    if reward.per_member is None:
        return
    query = select(func.count()).where(
        Voucher.member_id == member_id, Voucher.reward_id == reward.id, Voucher.status != "void"
    )
    if int(session.scalar(query) or 0) >= reward.per_member:
        raise RewardLimitError(f"A member may have this reward {reward.per_member} times.", limit=reward.per_member)


def _pay(
    session: Session, config: ProgramConfig, held: dict[UUID, Account], reward: RewardConfig, origin: Origin
) -> Entry:
    account = held.get(reward.purse_id) if reward.purse_id else None
    if account is None:
        raise NotFoundError("The member has no account in the purse of this reward.")
    holds.end_old(session, config, account)
    entry = ledger.debit(session, account, kind="burn", amount=reward.price, origin=origin)
    events.publish_entry(session, account, entry)
    return entry


def refund_price(session: Session, voucher: Voucher, *, origin: Origin) -> Entry | None:
    """Give a withdrawn voucher's price back to the lots that paid it; None when it cost nothing."""
    if voucher.entry_id is None:
        return None
    burn = session.scalars(select(Entry).where(Entry.id == voucher.entry_id)).one()
    held = {account.id: account for account in accounts.lock(session, voucher.member_id).values()}
    account = held[burn.account_id]
    entry = ledger.give_back(session, account, debit_entry=burn, amount=-burn.amount, origin=origin)
    events.publish_entry(session, account, entry)
    return entry
