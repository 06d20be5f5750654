"""Whether a channel reaches a member, as SQL: why not, or NULL; and where members' clocks are."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select

from app.models import Customer, Device, Member
from app.segments import people
from app.services import reachability
from notifications.campaigns.plans import Plan


def why_not(plan: Plan, channel: str) -> ColumnElement[str | None]:
    """Return the reason for which `channel` does not reach a member of an outer query of Member, NULL when it does."""
    return reachability.why_not(plan.context(), channel, purpose=plan.purpose)


def consented(plan: Plan, channel: str) -> ColumnElement[bool]:
    """Tell whether a member's latest statement about the channel allows it; without one, nothing is allowed."""
    return people.allows(channel, plan.purpose, program_id=plan.program_id)


def zone(plan: Plan) -> ColumnElement[str]:
    """Return where a member's clock is: the newest phone's zone, else the customer's, else the programme's."""
    newest = (
        select(Device.timezone)
        .where(Device.customer_id == Member.customer_id, Device.timezone.is_not(None))
        .order_by(Device.last_contact_at.desc())
        .limit(1)
        .correlate(Member)
        .scalar_subquery()
    )
    return func.coalesce(newest, _of_customer(Customer.timezone), literal(plan.program_timezone))


def _of_customer(column: Any) -> ColumnElement[str | None]:
    query: Select[tuple[str | None]] = select(column).where(Customer.id == Member.customer_id)
    return query.correlate(Member).scalar_subquery()
