"""A run's rate: how many sends may begin a second, shared by all workers through the run's row."""

from datetime import datetime, timedelta

from sqlalchemy import Interval, func, literal, select, update

from app import clock
from app.db import Session
from app.models import CampaignRun
from notifications.campaigns.plans import Plan


def allowed(session: Session, plan: Plan, limit: int, now: datetime) -> int:
    """Return how many sends the run's rate lets begin now; locks the run, so that workers share one rate.

    A bucket of one second: `paced_until` is when the sends that were begun are used up.
    """
    rate = plan.rate_per_second(now)
    if rate is None:
        return limit
    until = session.scalar(select(CampaignRun.paced_until).where(CampaignRun.id == plan.run_id).with_for_update())
    free = (now + timedelta(seconds=_ahead(rate)) - max(until or now, now)) / timedelta(seconds=1)
    return min(limit, int(free * rate + 1e-6))


def spend(session: Session, plan: Plan, count: int) -> None:
    """Count sends that begin now against the run's rate, in the transaction of their claim, which holds the run."""
    now = clock.now()
    rate = plan.rate_per_second(now)
    if rate is None or not count:
        return
    begins = func.greatest(func.coalesce(CampaignRun.paced_until, now), now)
    session.execute(
        update(CampaignRun)
        .where(CampaignRun.id == plan.run_id)
        .values(paced_until=begins + timedelta(seconds=count / rate)),
        execution_options={"synchronize_session": False},
    )


def unspend(session: Session, plan: Plan, count: int) -> None:
    """Take back what was counted for sends that did not begin; the caller commits.

    In a transaction that holds no deliveries, since those that hold the run reach for them. A run that stands still for
    longer than its rate keeps it still, until its variants are compared, is left alone.
    """
    now = clock.now()
    rate = plan.rate_per_second(now)
    if rate is None:
        return
    of_rate = CampaignRun.paced_until <= now + timedelta(seconds=_ahead(rate))
    session.execute(
        update(CampaignRun)
        .where(CampaignRun.id == plan.run_id, of_rate)
        .values(paced_until=CampaignRun.paced_until - literal(timedelta(seconds=count / rate), Interval())),
        execution_options={"synchronize_session": False},
    )


def _ahead(rate: float) -> float:
    """Return how many seconds of a rate may begin at once: even the slowest lets one begin when its time has come."""
    return max(1.0, 1 / rate)
