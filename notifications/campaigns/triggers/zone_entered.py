"""The trigger `zone_entered`: the app says that its holder is near a store; once a day for each store."""

from notifications.campaigns.triggers import TRIGGERS, Kind, Moment
from notifications.subscribers import PublishedEvent


def _cause(event: PublishedEvent, moment: Moment) -> str:
    day = event.recorded_at.astimezone(moment.context.zone).date()
    return f"{event.data['store']}:{day.isoformat()}"


TRIGGERS.register("zone_entered")(Kind(hears=frozenset({"zone.entered"}), cause=_cause))
