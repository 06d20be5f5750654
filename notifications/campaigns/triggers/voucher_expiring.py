"""The trigger `voucher_expiring`: so many days before a voucher's last day, in the programme's zone.

Vouchers of one member with the same last day are one beginning, so that nobody is told three times at once. It holds
while one of them can still be used.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, Interval, Text, exists, func, literal, select

from app.models import Journey, Voucher
from notifications.campaigns.triggers import TRIGGERS, Candidates, Kind, Moment


def _last_day(moment: Moment) -> ColumnElement[str]:
    # What is valid until midnight is valid on the day that ends then.
    last = Voucher.valid_until - literal(timedelta(microseconds=1), Interval)
    return func.to_char(func.timezone(literal(moment.context.zone.key, Text), last), "YYYY-MM-DD")


def _due(moment: Moment) -> Candidates:
    # The end of the day `days` days from now.
    until = moment.context.days_ago(-(moment.days + 1))
    return select(Voucher.member_id, _last_day(moment).label("cause")).where(
        Voucher.program_id == moment.context.program_id,
        Voucher.status == "issued",
        Voucher.valid_until > moment.context.now,
        Voucher.valid_until <= until,
    )


def _holds(moment: Moment) -> ColumnElement[bool]:
    return exists().where(
        Voucher.program_id == Journey.program_id,
        Voucher.member_id == Journey.member_id,
        Voucher.status == "issued",
        Voucher.valid_until > moment.context.now,
        _last_day(moment) == Journey.cause,
    )


TRIGGERS.register("voucher_expiring")(Kind(due=_due, holds=_holds))
