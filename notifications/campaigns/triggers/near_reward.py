"""The trigger `near_reward`: what a member just earned leaves so few points or stamps missing for a reward.

Once for each approach: again only when something was spent from that account. Of several rewards that are near, the
nearest; only the campaign's, where it names one. It holds until the price is reached or something is spent.
"""

from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Text, and_, cast, exists, func, select

from app.models import Account, Journey, Purse, Reward
from notifications.campaigns.triggers import TRIGGERS, Candidates, Kind, Moment


def _candidates(moment: Moment, member_id: UUID) -> Candidates:
    held = [Account.program_id == moment.context.program_id, Account.member_id == member_id]
    own = [Reward.program_id == Account.program_id, Reward.status == "live", Reward.purse_id == Account.purse_id]
    goal = [Purse.program_id == Account.program_id, Purse.id == Account.purse_id, Purse.archived_at.is_(None)]
    if moment.reward_id is not None:
        own.append(Reward.id == moment.reward_id)
        goal.append(Purse.reward_id == moment.reward_id)
    prices = select(Account, Reward.price.label("price")).join(Reward, and_(*own)).where(*held, Reward.price > 0)
    goals = select(Account, Purse.goal.label("price")).join(Purse, and_(*goal)).where(*held, Purse.kind == "stamps")
    both = prices.union_all(goals).subquery("near")
    missing = both.c.price - both.c.balance
    cause = func.concat(cast(both.c.id, Text), ":", both.c.burnt_total, ":", both.c.price)
    return (
        select(both.c.member_id, cause.label("cause"))
        .where(missing > 0, missing <= int(moment.trigger.get("within") or 0))
        .order_by(missing)
        .limit(1)
    )


def _holds(_moment: Moment) -> ColumnElement[bool]:
    price = cast(func.nullif(func.split_part(Journey.cause, ":", 3), ""), BigInteger)
    still = and_(
        func.split_part(Journey.cause, ":", 1) == cast(Account.id, Text),
        func.split_part(Journey.cause, ":", 2) == cast(Account.burnt_total, Text),
        Account.balance < price,
    )
    return exists().where(Account.program_id == Journey.program_id, Account.member_id == Journey.member_id, still)


TRIGGERS.register("near_reward")(Kind(hears=frozenset({"activity.recorded"}), candidates=_candidates, holds=_holds))
