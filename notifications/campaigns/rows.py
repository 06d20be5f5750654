"""Which of a run's rows wait and which are in a worker's hand, in the words of the partial index of what is due."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, literal, or_

from app.models import CampaignDelivery

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


def due(now: datetime) -> ColumnElement[bool]:
    """Say that a row may be taken: its time has come, and nobody has it."""
    free = or_(CampaignDelivery.lease_until.is_(None), CampaignDelivery.lease_until <= now)
    return and_(unsettled(), CampaignDelivery.due_at <= now, free)
