"""Whether a channel reaches a member, and why not: the one law for previews, tests and what the engine makes.

The consent first, since nothing else matters without it; then the address: a phone that was heard of, a mailbox (the
member's own, else the one that they signed in to the app with), the app. As SQL over `Member`.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, func, literal, null, or_, select

from app.models import Customer, Device, Member
from app.segments import people
from app.segments.kinds import Context
from app.services import mailboxes, pass_messages

CONSENTED = frozenset({"push", "email", "wallet"})
"""Channels by which nobody is written to who did not allow it. The inbox waits in the app until it is looked at."""


def why_not(context: Context, channel: str, *, purpose: str = "offers") -> ColumnElement[str | None]:
    """Return why `channel` does not reach a member of an outer query of Member, NULL when it does.

    `no_consent`, `no_device` or `no_address`.
    """
    unreached: list[tuple[ColumnElement[bool], ColumnElement[str]]] = []
    if channel in CONSENTED:
        unreached.append((~people.allows(channel, purpose, program_id=context.program_id), literal("no_consent")))
    match channel:
        case "push":
            unreached.append((~_has_phone(context), literal("no_device")))
        case "email":
            unreached.append((or_(~_has_mailbox(context), mailboxes.is_gone()), literal("no_address")))
        case "inbox":
            unreached.append((Member.customer_id.is_(None), literal("no_address")))
        case "wallet":
            unreached.append((~pass_messages.reaches(context.program_id), literal("no_address")))
        case "console":
            pass
        case _:
            unreached.append((Member.id.is_not(None), literal("no_address")))
    return case(*unreached, else_=null()).cast(Text) if unreached else null().cast(Text)


def _has_phone(context: Context) -> ColumnElement[bool]:
    if not context.across:
        return people.has_device(context)
    since = context.now - timedelta(days=people.DEVICE_DAYS)
    # Not EXISTS: the planner would read the devices of all programmes for each chunk.
    one = select(Device.id).where(Device.customer_id == Member.customer_id, Device.last_contact_at >= since).limit(1)
    return one.correlate(Member).scalar_subquery().is_not(None)


def _has_mailbox(context: Context) -> ColumnElement[bool]:
    own = Member.email.is_not(None)
    if context.across:
        signed_in: Any = select(Customer.email).where(Customer.id == Member.customer_id).correlate(Member)
        return or_(own, signed_in.scalar_subquery().is_not(None))
    if context.whole:
        known = Member.customer_id.in_(select(func.customers_with_mailbox().column_valued("customer")))
        return or_(own, func.coalesce(known, False))
    return or_(own, and_(Member.customer_id.is_not(None), func.member_has_mailbox(Member.customer_id)))
