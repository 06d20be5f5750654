"""Whether a channel reaches a member, as SQL: why not, or NULL; and where members' clocks are."""

from typing import Any

from sqlalchemy import ColumnElement, Select, Text, case, func, literal, null, select

from app.models import Consent, Customer, Device, Member
from app.services import mailboxes, pass_messages
from notifications.campaigns.plans import CONSENTED, Plan


def why_not(plan: Plan, channel: str) -> ColumnElement[str | None]:
    """Return the reason for which `channel` does not reach a member of an outer query of Member, NULL when it does."""
    unreached: list[tuple[ColumnElement[bool], ColumnElement[str]]] = []
    if channel in CONSENTED:
        unreached.append((~consented(plan, channel), literal("no_consent")))
    match channel:
        case "push":
            # Not EXISTS: the planner would read the devices of all programmes for each chunk.
            one = select(Device.id).where(Device.customer_id == Member.customer_id).limit(1)
            unreached.append((one.correlate(Member).scalar_subquery().is_(None), literal("no_device")))
        case "email":
            mailbox = func.coalesce(Member.email, _of_customer(Customer.email))
            unreached.append((mailbox.is_(None) | mailboxes.is_gone(), literal("no_address")))
        case "inbox":
            unreached.append((Member.customer_id.is_(None), literal("no_address")))
        case "wallet":
            unreached.append((~pass_messages.reaches(plan.program_id), literal("no_address")))
        case "console":
            pass
        case _:
            return literal("no_address")
    return case(*unreached, else_=null()).cast(Text) if unreached else null().cast(Text)


def consented(plan: Plan, channel: str) -> ColumnElement[bool]:
    """Tell whether a member's latest statement about the channel allows it; without one, nothing is allowed."""
    return func.coalesce(
        select(Consent.granted)
        .where(
            Consent.program_id == plan.program_id,
            Consent.member_id == Member.id,
            Consent.channel == channel,
            Consent.purpose == plan.purpose,
        )
        .order_by(Consent.id.desc())
        .limit(1)
        .correlate(Member)
        .scalar_subquery(),
        False,
    )


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
