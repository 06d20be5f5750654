"""What a question about members would find: how many, ten of them, and whom each channel reaches, or why not."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.db import Session
from app.models import Member
from app.segments.kinds import Context
from app.services import reachability, segments

COUNT_MAX = 100_000
"""Below this, counts are exact; here counting stops."""
SAMPLE_SIZE = 10

_REACHED = "reachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`reach` is by channel: how many are `reachable`, and how many are not for each reason.

    Where `exact` is false there may be more than `count`, and `reach` is about the first `count`.
    """

    count: int
    exact: bool
    sample: list[Member] = field(default_factory=list)
    reach: dict[str, dict[str, int]] = field(default_factory=dict)


def reasons(context: Context, purpose: str = "offers") -> dict[str, ColumnElement[str]]:
    """Return for each channel why it does not reach a member, `reachable` where it does."""
    return {
        channel: func.coalesce(reachability.why_not(context, channel, purpose=purpose), _REACHED)
        for channel in ("push", "email", "inbox", "wallet")
    }


def preview(session: Session, definition: Mapping[str, Any]) -> Preview:
    """Return what an audience (`segments.audience`) finds; raise SegmentTooSlowError, and what `audience` raises."""
    context = segments.context_of(session, whole=True)
    clause = segments.audience(session, definition, context=context)
    channels = reasons(context)
    found = (
        select(Member.id, *(why.label(channel) for channel, why in channels.items()))
        .where(Member.program_id == context.program_id, clause)
        .limit(COUNT_MAX)
        .subquery()
    )
    # In the order of a hash: the same ten for the same members, and not only those who joined last.
    some: ColumnElement[Any] = func.array_agg(
        aggregate_order_by(found.c.id, func.md5(cast(found.c.id, Text))), type_=ARRAY(Member.id.type)
    )
    why = [found.c[channel] for channel in channels]
    _make_room(session)
    with segments.in_time():
        groups = session.execute(select(func.count(), some[1:SAMPLE_SIZE], *why).group_by(*why)).all()
    count, reach = 0, {channel: Counter({_REACHED: 0}) for channel in channels}
    sampled: list[UUID] = []
    for number, members, *told in groups:
        count += number
        sampled += members
        for channel, reason in zip(channels, told, strict=True):
            reach[channel][reason] += number
    return Preview(
        count=count, exact=count < COUNT_MAX, sample=_sample(session, sampled),
        reach={channel: dict(reasons) for channel, reasons in reach.items()},
    )  # fmt: skip


def count(session: Session, definition: Mapping[str, Any], *, most: int = COUNT_MAX) -> int:
    """Return how many an audience finds, `most` + 1 where they are more; raise as `preview` does."""
    context = segments.context_of(session, whole=True)
    clause = segments.audience(session, definition, context=context)
    found = select(Member.id).where(Member.program_id == context.program_id, clause).limit(most + 1).subquery()
    _make_room(session)
    with segments.in_time():
        return session.scalar(select(func.count()).select_from(found)) or 0


def _make_room(session: Session) -> None:
    # For the set of those who are in no way to be found: one that did not fit would be gone through for each member.
    session.execute(select(func.set_config("work_mem", "64MB", True)))


def _sample(session: Session, member_ids: list[UUID]) -> list[Member]:
    query = select(Member).where(Member.id.in_(member_ids)).order_by(func.md5(cast(Member.id, Text)))
    return list(session.scalars(query.limit(SAMPLE_SIZE)))
