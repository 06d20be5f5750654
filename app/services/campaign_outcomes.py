"""What came of a campaign: who came within the attribution window, what they spent, and how much of it is its doing.

A member's window opens when the message was sent; where none was (held out, skipped, failed), when it was due. It is
half-open. A **visit** is an activity in it that is no refund; **revenue** is what purchases in it amount to, less all
that was given back of them up to now, by the law of `app.rules.refunds`.

The uplift compares all who were to get a message, reached or not, with all who were held out: chance drew that line,
and only that line. Comparing those who were reached would credit the campaign with having a phone, an address and a
consent, which regulars rather have (intention to treat: S. Hollis and F. Campbell, "What is meant by intention to
treat analysis?", BMJ 319 (1999), 670-674). Messages that wait, are being sent or were cancelled are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Interval as IntervalType
from sqlalchemy import Select, Subquery, and_, case, func, literal, select
from sqlalchemy.orm import aliased

from app import clock, ids
from app.db import Session
from app.models import Activity, CampaignDelivery, CampaignRun
from app.services import config, sales
from app.services.campaign_arms import NOBODY, Arm, Outcomes
from app.services.config import ProgramConfig
from app.services.happenings import PAST
from app.services.intervals import Amounts

PURCHASE = "purchase"
REACHED = ("sent", "opened")
OUTSIDE = ("queued", "cancelled")
"""States of messages that were not to come of anything, or not yet."""
ID_SLACK = timedelta(hours=1)


def measure(
    session: Session, campaign_id: UUID, *, window: timedelta, run_id: UUID | None = None, one_each: bool = False
) -> Outcomes:
    """Return what came of a campaign, or of one run of it, until now.

    `one_each` says that no member has two of its messages, which spares the gathering of each member's: most of the
    time, where there are a million.
    """
    messages = _messages(campaign_id, run_id)
    sizes = session.execute(_sizes(messages, one_each=one_each)).all()
    if not sizes:
        return Outcomes(variants={}, held_out=NOBODY, complete_at=None)
    first, last = min(row.first for row in sizes), max(row.last for row in sizes)
    visits = _visits(session, messages, first, last, window, one_each=one_each)
    done = _done(session, visits)
    arms: dict[tuple[bool, str | None], Arm] = {}
    for row in sizes:
        came = done.get((row.held_out, row.variant), _Done())
        arms[row.held_out, row.variant] = Arm(
            members=row.members, reached=row.reached, visited=came.visited, reached_visited=came.reached_visited,
            revenue=Amounts(row.members, came.total, came.squares),
        )  # fmt: skip
    variants = sorted((key for key in arms if not key[0]), key=lambda key: key[1] or "")
    return Outcomes(
        variants={key[1]: arms[key] for key in variants},
        held_out=sum((arm for key, arm in arms.items() if key[0]), NOBODY),
        complete_at=last + window,
    )


@dataclass(slots=True)
class _Done:
    """Sums over the members of a group who came."""

    visited: int = 0
    reached_visited: int = 0
    total: int = 0
    squares: int = 0

    def add(self, *, visited: int, reached: int, total: int, squares: int) -> None:
        """Add members."""
        self.visited += visited
        self.reached_visited += reached
        self.total += total
        self.squares += squares


def tests_of(campaign_id: UUID) -> Select[UUID]:
    """Return the runs that were test sends: no report of a campaign counts them, unless it is asked about one."""
    return select(CampaignRun.id).where(
        CampaignRun.campaign_id == campaign_id, CampaignRun.definition["test"].is_not(None)
    )


def _messages(campaign_id: UUID, run_id: UUID | None) -> Subquery:
    """Select a row for each message: whose, in which group, and when its window opens."""
    row = CampaignDelivery
    held_out = row.state == "held_out"
    query = select(
        row.member_id,
        held_out.label("held_out"),
        case((held_out, None), else_=row.variant).label("variant"),
        row.state.in_(REACHED).label("reached"),
        func.coalesce(row.sent_at, row.due_at).label("opens_at"),
    ).where(row.campaign_id == campaign_id, row.state.not_in(OUTSIDE))
    own = row.run_id.not_in(tests_of(campaign_id)) if run_id is None else row.run_id == run_id
    return query.where(own).subquery("message")


def _sizes(messages: Subquery, *, one_each: bool) -> Any:
    message = messages.c
    columns: list[Any] = [message.held_out, message.variant]
    if one_each:
        query = select(*columns, message.reached, message.opens_at.label("first"), message.opens_at.label("last"))
    else:
        query = select(
            *columns, func.bool_or(message.reached).label("reached"), func.min(message.opens_at).label("first"),
            func.max(message.opens_at).label("last"),
        ).group_by(message.member_id, message.held_out, message.variant)  # fmt: skip
    one = query.subquery("one").c
    return select(
        one.held_out, one.variant, func.count().label("members"), func.count().filter(one.reached).label("reached"),
        func.min(one.first).label("first"), func.max(one.last).label("last"),
    ).group_by(one.held_out, one.variant)  # fmt: skip


def _done(session: Session, visits: Subquery) -> dict[tuple[bool, str | None], _Done]:
    """Sum up who came, by group. Sales of which items were brought back are worth what the refunds' law says."""
    member = visits.c
    each = (
        select(
            member.held_out, member.variant, func.bool_or(member.reached).label("reached"),
            func.coalesce(func.sum(member.kept), 0).label("kept"), func.bool_or(member.by_items).label("by_items"),
        )
        .group_by(member.member_id, member.held_out, member.variant)
        .subquery("each_one")
    )  # fmt: skip
    one = each.c
    found: dict[tuple[bool, str | None], _Done] = {}
    sums = select(
        one.held_out, one.variant, one.by_items, func.count().label("visited"),
        func.count().filter(one.reached).label("reached"), func.sum(one.kept).label("total"),
        func.sum(one.kept * one.kept).label("squares"),
    ).group_by(one.held_out, one.variant, one.by_items)  # fmt: skip
    rows = session.execute(sums).all()
    for row in rows:
        if not row.by_items:
            found.setdefault((row.held_out, row.variant), _Done()).add(
                visited=row.visited, reached=row.reached, total=int(row.total), squares=int(row.squares)
            )
    if any(row.by_items for row in rows):
        for key, reached, kept in _by_items(session, visits):
            found.setdefault(key, _Done()).add(visited=1, reached=int(reached), total=kept, squares=kept * kept)
    return found


def _visits(
    session: Session, messages: Subquery, first: datetime, last: datetime, window: timedelta, *, one_each: bool
) -> Subquery:
    """Select each activity once for each member and group in whose window it lies, with what is kept of its amount."""
    message, activity, refund = messages.c, aliased(Activity), aliased(Activity)
    low, high = ids_between(first, last + window + PAST)
    refunds = (
        select(
            refund.reverses_activity_id.label("sale_id"), func.sum(refund.amount).label("amount"),
            func.bool_or(refund.items.is_not(None)).label("by_items"),
        )
        .where(refund.program_id == session.program, refund.reverses_activity_id.is_not(None), refund.id >= low)
        .group_by(refund.reverses_activity_id)
        .subquery("given_back")
    )  # fmt: skip
    bought = activity.kind == PURCHASE
    kept = func.greatest(activity.amount - func.coalesce(refunds.c.amount, 0), 0)
    about: list[Any] = [message.member_id, message.held_out, message.variant, activity.id.label("activity_id")]
    by_items = bought & refunds.c.by_items
    if one_each:
        query = select(
            *about, message.reached, case((bought, kept)).label("kept"),
            func.coalesce(by_items, False).label("by_items"),
        )  # fmt: skip
    else:
        query = select(
            *about, func.bool_or(message.reached).label("reached"), func.max(kept).filter(bought).label("kept"),
            func.coalesce(func.bool_or(by_items), False).label("by_items"),
        ).group_by(message.member_id, message.held_out, message.variant, activity.id)  # fmt: skip
    return (
        query.join(
            activity,
            and_(
                activity.member_id == message.member_id,
                activity.occurred_at >= message.opens_at,
                activity.occurred_at < message.opens_at + literal(window, IntervalType()),
            ),
        )
        .outerjoin(refunds, refunds.c.sale_id == activity.id)
        .where(
            activity.program_id == session.program,
            activity.id.between(low, high),
            activity.occurred_at >= first,
            activity.occurred_at < last + window,
            activity.reverses_activity_id.is_(None),
        )
        .subquery("visit")
    )


def _by_items(session: Session, visits: Subquery) -> Iterator[tuple[tuple[bool, str | None], bool, int]]:
    """Yield group, whether reached, and revenue of each member who brought items back."""
    visit, other = visits.c, visits.alias("awkward").c
    awkward = select(other.member_id).where(other.by_items)
    columns: list[Any] = list(visit)
    rows = session.execute(
        select(*columns).where(visit.member_id.in_(awkward)).order_by(visit.member_id, visit.held_out, visit.variant)
    ).all()
    set_up = config.load(session)
    # A member whose items came back in one group may be of another, too, where nothing came back: told in sums already.
    for (_, held_out, variant), own in groupby(rows, key=lambda row: (row.member_id, row.held_out, row.variant)):
        members_visits = list(own)
        if not any(row.by_items for row in members_visits):
            continue
        kept = sum(_kept_of(session, set_up, row) for row in members_visits)
        yield (held_out, variant), any(row.reached for row in members_visits), kept


def _kept_of(session: Session, set_up: ProgramConfig, visit: Any) -> int:
    if not visit.by_items:
        return int(visit.kept or 0)
    sale = session.scalars(select(Activity).where(Activity.id == visit.activity_id)).one()
    left = sales.remains(set_up, sale, sales.reversals_of(session, sale.id))
    return 0 if left is None else round(left.amount or 0)


def ids_between(first: datetime, last: datetime) -> tuple[UUID, UUID]:
    """Return ids between which activities recorded from `first` to `last` lie, so that only their months are read.

    Ids are stamped by the machine's clock, from which a sandbox's may be held away: both are counted with.
    """
    machine = timedelta(milliseconds=ids.new_id().int >> 80)
    away = machine - timedelta(seconds=clock.now().timestamp())
    low = min(first, first + away) - ID_SLACK
    high = max(last, last + away) + ID_SLACK
    return first_id(low), first_id(high)


def first_id(instant: datetime) -> UUID:
    """Return the least id that is stamped with an instant."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)
