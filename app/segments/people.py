"""What several conditions and the counting of reach ask of a member: consents, the app's devices, the language.

Devices and customers belong to no programme. The worker reads them; a request's session asks the doors
`member_has_device`, `customers_with_device`, `member_app_locale` and `customers_locales`, which answer for members of
its own programme only.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, exists, false, func, not_, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from app.models import Consent, Customer, Device, Member
from app.segments.kinds import Context

DEVICE_DAYS = 270
"""After so many days without contact FCM itself forgets a device."""


def allows(channel: str, purpose: str, *, program_id: UUID | None = None) -> ColumnElement[bool]:
    """Return whether the member's latest word on a channel and a purpose is yes; without one it is no.

    With `program_id` the planner knows where to look, in queries that name the members' programme too.
    """
    latest = (
        select(Consent.granted)
        .where(
            Consent.program_id == (program_id or Member.program_id),
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


def speaks(context: Context, languages: Sequence[str]) -> ColumnElement[bool]:
    """Return whether the member's language is one of these tags or a region's form of one.

    It is the member's own, else the customer's, else the programme's.
    """
    if not context.whole:
        return _is_of(func.coalesce(Member.locale, _app_locale(context), context.locale), languages)
    app = _app_locales(context)
    by_app = Member.customer_id.in_(select(app.c.customer).where(_is_of(app.c.locale, languages)))
    by_program: ColumnElement[bool] = false()
    if any(_matches(context.locale, tag) for tag in languages):
        said = Member.customer_id.in_(select(app.c.customer).where(app.c.locale.is_not(None)))
        by_program = not_(func.coalesce(said, false()))
    unsaid = and_(Member.locale.is_(None), or_(func.coalesce(by_app, false()), by_program))
    return or_(and_(Member.locale.is_not(None), _is_of(Member.locale, languages)), unsaid)


def _is_of(locale: Any, languages: Sequence[str]) -> ColumnElement[bool]:
    lowered = func.lower(locale)
    wanted = [tag.lower() for tag in languages]
    return or_(lowered.in_(wanted), *(lowered.startswith(f"{tag}-") for tag in wanted))


def _matches(locale: str, tag: str) -> bool:
    return f"{locale.lower()}-".startswith(f"{tag.lower()}-")


def _app_locale(context: Context) -> ColumnElement[Any]:
    if context.across:
        return select(Customer.locale).where(Customer.id == Member.customer_id).correlate(Member).scalar_subquery()
    return func.member_app_locale(Member.customer_id)


def _app_locales(context: Context) -> Any:
    """Return `(customer, locale)` of all the programme's members who have the app."""
    if not context.across:
        return func.customers_locales().table_valued("customer", "locale")
    own = aliased(Member)
    joined = select(Customer.id.label("customer"), Customer.locale).join(own, own.customer_id == Customer.id)
    return joined.where(own.program_id == context.program_id).subquery()
