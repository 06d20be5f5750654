"""What several conditions and the counting of reach ask of a member: consents, the app's devices, the language.

Devices and customers belong to no programme. The worker reads them; a request's session asks the doors
`member_has_device`, `customers_with_device` and `member_app_locale`, which answer for members of its own programme
only.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Text, and_, exists, false, func, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from app.models import Consent, Customer, Device, Member
from app.segments.kinds import Context

DEVICE_DAYS = 270
"""After so many days without contact FCM itself forgets a device."""


def allows(channel: str, purpose: str) -> ColumnElement[bool]:
    """Return whether the member's latest word on a channel and a purpose is yes."""
    latest = (
        select(Consent.granted)
        .where(
            Consent.program_id == Member.program_id,
            Consent.member_id == Member.id,
            Consent.channel == channel,
            Consent.purpose == purpose,
        )
        .order_by(Consent.id.desc())
        .limit(1)
        .correlate(Member)
        .scalar_subquery()
    )
    return func.coalesce(latest, false())


def has_device(
    context: Context, *, platforms: Sequence[str] = (), within_days: int = DEVICE_DAYS
) -> ColumnElement[bool]:
    """Return whether the member's app was heard of in the days, on one of the platforms if any are given."""
    since = context.now - timedelta(days=within_days)
    if not context.across:
        wanted = sql_cast(list(platforms) or None, ARRAY(Text))
        if context.whole:
            customers = select(func.customers_with_device(wanted, since).column_valued("customer"))
            return func.coalesce(Member.customer_id.in_(customers), false())
        known = func.member_has_device(Member.customer_id, wanted, since)
        return and_(Member.customer_id.is_not(None), known)
    own = [Device.customer_id == Member.customer_id, Device.last_contact_at >= since]
    if platforms:
        own.append(Device.platform.in_(platforms))
    return exists().select_from(Device).where(*own).correlate(Member)


def locale_of(context: Context) -> ColumnElement[str]:
    """Return the member's language tag: the member's, else the customer's, else the programme's."""
    chosen: ColumnElement[str | None] = func.member_app_locale(Member.customer_id)
    if context.across:
        chosen = select(Customer.locale).where(Customer.id == Member.customer_id).correlate(Member).scalar_subquery()
    return func.coalesce(Member.locale, chosen, context.locale)
