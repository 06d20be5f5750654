"""The trigger `activity.recorded`: a purchase, a visit or another activity, of the kinds that the campaign names."""

from collections.abc import Mapping
from typing import Any

from notifications.campaigns.triggers import TRIGGERS, Kind
from notifications.subscribers import PublishedEvent


def _concerns(event: PublishedEvent, trigger: Mapping[str, Any]) -> bool:
    wanted = trigger.get("activities")
    return not wanted or event.data.get("kind") in wanted


TRIGGERS.register("activity.recorded")(Kind(hears=frozenset({"activity.recorded"}), concerns=_concerns))
