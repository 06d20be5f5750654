"""The trigger `voucher.issued`, which holds until that voucher is used, expired or taken back."""

from sqlalchemy import ColumnElement, Text, cast, exists, func

from app import ids
from app.models import Journey, Voucher
from notifications.campaigns.triggers import TRIGGERS, Kind, Moment
from notifications.subscribers import PublishedEvent


def _cause(event: PublishedEvent, _moment: Moment) -> str:
    return str(ids.parse("voucher", event.data["voucher"]))


def _holds(_moment: Moment) -> ColumnElement[bool]:
    return exists().where(
        Voucher.program_id == Journey.program_id,
        Voucher.member_id == Journey.member_id,
        # The id as text, since a cause of another kind would be no id.
        cast(Voucher.id, Text) == func.lower(Journey.cause),
        Voucher.status == "issued",
    )


TRIGGERS.register("voucher.issued")(Kind(hears=frozenset({"voucher.issued"}), cause=_cause, holds=_holds))
