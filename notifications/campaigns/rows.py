"""Which of a run's rows wait and which are in a worker's hand, in the words of the partial index of what is due."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, or_, select

from app.models import CampaignDelivery
from notifications.channels.protocol import IN_DOUBT

# A constant: the partial index is found for nothing else.
_QUEUED = literal("queued", literal_execute=True)


def unsettled() -> ColumnElement[bool]:
    """Say that a row has no outcome yet."""
    return CampaignDelivery.state == _QUEUED


def untouched() -> ColumnElement[bool]:
    """Say that no worker has a row in its hand, nor had when it died."""
    return and_(unsettled(), CampaignDelivery.lease_until.is_(None))


def abandoned(now: datetime) -> ColumnElement[bool]:
    """Say that the worker that had a row in its hand did not tell in time what became of it."""
    return and_(unsettled(), CampaignDelivery.lease_until <= now)


def settled_as(state: str, reason: str | None) -> dict[str, Any]:
    """Return what a row becomes that waits no more: `unknown` where an earlier attempt may have reached somebody."""
    in_doubt = CampaignDelivery.reason.in_(sorted(IN_DOUBT))
    return {
        "state": case((in_doubt, "unknown"), else_=state),
        "reason": case((in_doubt, CampaignDelivery.reason), else_=reason),
    }


def due(now: datetime) -> ColumnElement[bool]:
    """Say that a row may be taken: its time has come, and nobody has it."""
    free = or_(CampaignDelivery.lease_until.is_(None), CampaignDelivery.lease_until <= now)
    return and_(unsettled(), CampaignDelivery.due_at <= now, free)


def any_of(
    run_id: Any, *wanted: ColumnElement[bool], channel: Any = None, from_end: bool = True
) -> ColumnElement[bool]:
    """Tell whether a run, of an outer query perhaps, has rows without an outcome that are as wanted.

    Not EXISTS: the planner would read the rows of all runs, to join them. From the end of the index, since rows are
    taken from its front: what was sent stands there until it is vacuumed, which a long backup keeps from happening.
    """
    row = CampaignDelivery
    places = (row.channel, row.due_at, row.id)
    found = select(row.id).where(row.run_id == run_id, unsettled(), *wanted)
    if channel is not None:
        found = found.where(row.channel == channel)
    found = found.order_by(*(place.desc() if from_end else place.asc() for place in places)).limit(1)
    return found.correlate_except(row).scalar_subquery().is_not(None)
