"""The trigger `zone_entered`: the app says that its holder is near a store; once a day for each store."""

from collections.abc import Mapping
from typing import Any

from notifications.campaigns.triggers import TRIGGERS, Kind, Moment
from notifications.subscribers import PublishedEvent


def _cause(event: PublishedEvent, moment: Moment) -> str:
    day = event.recorded_at.astimezone(moment.context.zone).date()
    return f"{event.data['store']}:{day.isoformat()}"


def _concerns(event: PublishedEvent, trigger: Mapping[str, Any]) -> bool:
    wanted = trigger.get("store_ids")
    return not wanted or event.data["store"] in wanted


TRIGGERS.register("zone_entered")(Kind(hears=frozenset({"zone.entered"}), concerns=_concerns, cause=_cause))
