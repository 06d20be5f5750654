"""What a run said before its campaign was changed: who was written to then reads that, however long after.

A triggered campaign goes on for years and its texts change; its run's definition keeps those that it had, under
`earlier`: `[{"until": …, "variants": […]}]`, oldest first; and the channels that it had, under `channels_before`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app import parameters
from app.offers import messages

KEPT_MAX = 20
BYTES_MAX = 200_000
"""Of all earlier texts of a run together: its definition is read with every drain."""
EARLIER = "earlier"
CHANNELS_BEFORE = "channels_before"
"""Channels that were taken away while messages by them may have waited: somebody has to settle these."""


def changed(was: Mapping[str, Any], becomes: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """Return a run's new definition, which remembers what the run said until `at`; the oldest is let go of first."""
    kept = list(was.get(EARLIER) or ())
    if was.get("variants") != becomes.get("variants"):
        kept.append({"until": at.isoformat(), "variants": was.get("variants") or []})
    kept = kept[-KEPT_MAX:]
    while kept and sum(map(_size, kept)) > BYTES_MAX:
        del kept[0]
    found = {**becomes, EARLIER: kept} if kept else dict(becomes)
    channels = {*(was.get("channels") or ()), *(was.get(CHANNELS_BEFORE) or ())} - {*(becomes.get("channels") or ())}
    return {**found, CHANNELS_BEFORE: sorted(channels)} if channels else found


def content_at(definition: Mapping[str, Any], variant: str | None, at: datetime) -> Mapping[str, Any]:
    """Return what a variant said at an instant, by language; the first variant's where there was none of that name."""
    said = _variants_at(definition, at)
    found = next((one for one in said if variant in {None, one["name"]}), said[0] if said else {})
    return found.get("content") or {}


def _variants_at(definition: Mapping[str, Any], at: datetime) -> Sequence[Mapping[str, Any]]:
    for one in definition.get(EARLIER) or ():
        until = parameters.instant(one["until"])
        if until is not None and at < until:
            return list(one["variants"])
    return definition.get("variants") or ()


def _size(one: Mapping[str, Any]) -> int:
    return sum(messages.size(words) for variant in one["variants"] for words in variant["content"].values())
