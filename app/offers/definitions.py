"""What a campaign is, as people write it: read from JSON whole, every fault with its pointer, and written back.

`load` reads what is given; a draft may lack parts. `gaps` says what a campaign still needs before it is scheduled.
`where` trees are read by `app.segments`, which knows members; everything else is here and touches no database.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast

from app import parameters
from app.offers import messages, schedules, triggers
from app.offers.parts import PARTS, Head, StepHead, VariantHead
from app.parameters import Errors, Parameters

CHANNELS = ("push", "email", "inbox", "wallet", "console")
OPENINGS = ("push", "inbox")
"""Channels of which the app says when a message was opened; mails are not tracked by pictures."""
VARIANTS_MAX = 10
STEPS_MAX = 10
SIZE_MAX = 90_000
"""Characters in all the texts of a campaign, its journey's messages included."""

_UNSTORABLE = re.compile("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\ud800-\\udfff]")

_LISTS = ("channels", "variants", "steps")
FIELDS = (*(found.name for found in parameters.fields_of(Head)), "where", "trigger", *_LISTS, *PARTS)
"""What a campaign's definition may hold as people write it; its name and priority are columns."""


def load(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition as it is kept, without what was left out; raise InvalidError with a pointer to every fault.

    `where` is only told from `segment_id` here; trees inside a trigger and steps stay as they are, for
    `app.segments` to read (see `trees`).
    """
    errors = _unstorable(raw)
    given = {name: value for name, value in raw.items() if value is not None}
    kept: dict[str, Any] = {}
    head = parameters.read(Head, given, "#", errors, but=FIELDS)
    if head is not None:
        written = parameters.dump(head)
        kept |= {name: written[name] for name in written if name in given and name != "segment_id"}
    for name, part in PARTS.items():
        if name in given:
            kept |= _part(part, given[name], name, errors)
    _trigger(given, kept, errors)
    _audience(given, kept, errors)
    _channels(given, kept, errors)
    _messages(given, kept, errors)
    _agreement(given, errors)
    parameters.refuse(errors)
    return kept


def _unstorable(raw: Mapping[str, Any]) -> Errors:
    """Return a fault for each text that no JSON document in PostgreSQL can hold, wherever it stands."""
    errors: Errors = []
    left: list[tuple[str, Any]] = [("#", raw)]
    while left:
        pointer, value = left.pop()
        if isinstance(value, Mapping):
            left += [(f"{pointer}/{parameters.escape(str(key))}", inner) for key, inner in value.items()]
            left += [(pointer, str(key)) for key in value]
        elif isinstance(value, list):
            left += [(f"{pointer}/{index}", inner) for index, inner in enumerate(value)]
        elif isinstance(value, str) and _UNSTORABLE.search(value):
            errors.append({"pointer": pointer, "detail": "must be valid Unicode without control characters"})
    return errors


def _part(part: type[Parameters], raw: object, name: str, errors: Errors) -> dict[str, Any]:
    read = parameters.read(part, raw, f"#/{name}", errors)
    if read is None:
        return {}
    return {name: {key: value for key, value in parameters.dump(read).items() if key in cast("dict[str, Any]", raw)}}


def _trigger(given: Mapping[str, Any], kept: dict[str, Any], errors: Errors) -> None:
    raw = given.get("trigger")
    read = triggers.read(raw, "#/trigger", errors) if raw is not None else None
    if read is None:
        return
    conditions = cast("dict[str, Any]", raw).get(triggers.CONDITIONS)
    kept["trigger"] = read | ({triggers.CONDITIONS: conditions} if conditions is not None else {})


def _audience(given: Mapping[str, Any], kept: dict[str, Any], errors: Errors) -> None:
    if "segment_id" in given and "where" in given:
        errors.append({"pointer": "#/where", "detail": "cannot stand beside `segment_id`"})
    kept["audience"] = {name: given[name] for name in ("segment_id", "where") if name in given}


def _channels(given: Mapping[str, Any], kept: dict[str, Any], errors: Errors) -> None:
    raw = given.get("channels")
    if raw is None:
        return
    if not isinstance(raw, list) or not 1 <= len(raw) <= len(CHANNELS):
        errors.append({"pointer": "#/channels", "detail": f"must be a list of 1 to {len(CHANNELS)}"})
        return
    for index, channel in enumerate(raw):
        if channel not in CHANNELS:
            errors.append({"pointer": f"#/channels/{index}", "detail": f"must be one of {', '.join(CHANNELS)}"})
        elif channel in raw[:index]:
            errors.append({"pointer": f"#/channels/{index}", "detail": "is named twice"})
    kept["channels"] = raw


def _messages(given: Mapping[str, Any], kept: dict[str, Any], errors: Errors) -> None:
    channels = given.get("channels")
    push = isinstance(channels, list) and "push" in channels
    if "variants" in given:
        kept["variants"] = _variants(given["variants"], "#/variants", errors, push=push)
    if "steps" in given:
        kept["steps"] = _steps(given["steps"], errors, push=push)
    _names(kept, errors)
    every = [*kept.get("variants", []), *(one for step in kept.get("steps", []) for one in step["variants"])]
    total = sum(messages.size(words) for one in every for words in one["content"].values() if isinstance(words, dict))
    if not errors and total > SIZE_MAX:
        errors.append({"pointer": "#/variants", "detail": f"must take at most {SIZE_MAX:,} bytes in all"})


def _variants(raw: object, pointer: str, errors: Errors, *, push: bool) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= VARIANTS_MAX:
        errors.append({"pointer": pointer, "detail": f"must be a list of 1 to {VARIANTS_MAX}"})
        return []
    found: list[dict[str, Any]] = []
    for index, one in enumerate(raw):
        place = f"{pointer}/{index}"
        head = parameters.read(VariantHead, one, place, errors, but=("content",))
        if not isinstance(one, dict):
            continue
        messages.check_content(one.get("content"), f"{place}/content", errors, push=push)
        if head is None or not isinstance(one.get("content"), dict):
            continue
        found.append({"name": head.name, "weight": head.weight, "content": _without_none(one["content"])})
    return found


def _names(kept: Mapping[str, Any], errors: Errors) -> None:
    """Object to a name that two variants have, in whichever step: a delivery knows its text by it."""
    seen: set[str] = set()
    for place, variant in _placed_variants(kept):
        if variant["name"] in seen:
            errors.append({"pointer": f"{place}/name", "detail": "is the name of another variant"})
        seen.add(variant["name"])


def _without_none(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        locale: {name: value for name, value in words.items() if value is not None} if isinstance(words, dict) else {}
        for locale, words in content.items()
    }


def _steps(raw: object, errors: Errors, *, push: bool) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or len(raw) > STEPS_MAX:
        errors.append({"pointer": "#/steps", "detail": f"must be a list of at most {STEPS_MAX}"})
        return []
    found: list[dict[str, Any]] = []
    for index, one in enumerate(raw):
        place = f"#/steps/{index}"
        head = parameters.read(StepHead, one, place, errors, but=("exit_if", "variants"))
        if not isinstance(one, dict):
            continue
        variants = _variants(one.get("variants"), f"{place}/variants", errors, push=push)
        if head is not None:
            leave = {"exit_if": one["exit_if"]} if one.get("exit_if") is not None else {}
            found.append({"wait_seconds": head.wait_seconds, **leave, "variants": variants})
    return found


def _agreement(given: Mapping[str, Any], errors: Errors) -> None:
    """Object to parts that contradict each other."""
    schedule, trigger = given.get("schedule"), given.get("trigger")
    timed = [name for name in ("at", "local_at", "cron") if isinstance(schedule, dict) and schedule.get(name)]
    if trigger is not None and timed:
        errors.append({"pointer": f"#/schedule/{timed[0]}", "detail": "cannot stand beside `trigger`"})
    if given.get("steps") and trigger is None:
        errors.append({"pointer": "#/steps", "detail": "follow a `trigger`"})
    if given.get("winner") is not None:
        variants = given.get("variants")
        if not isinstance(variants, list) or len(variants) < 2:  # noqa: PLR2004 - two to compare
            errors.append({"pointer": "#/winner", "detail": "needs two variants to choose from"})
        if kind_of(given) != "once":
            errors.append({"pointer": "#/winner", "detail": "is for a campaign that runs once"})
        errors += _unseen(given)


def _unseen(given: Mapping[str, Any]) -> Errors:
    """Object to a winner by openings where none of the channels tells of any."""
    channels, winner = given.get("channels"), given.get("winner")
    if not isinstance(channels, list) or not isinstance(winner, Mapping) or winner.get("metric") != "opened":
        return []
    if any(channel in OPENINGS for channel in channels):
        return []
    detail = f"is known of {' and '.join(OPENINGS)} only, which the app tells of: compare `visits`, or add a channel"
    return [{"pointer": "#/winner/metric", "detail": detail}]


def kind_of(definition: Mapping[str, Any]) -> Literal["once", "recurring", "triggered"]:
    """Return how often a campaign runs."""
    if definition.get("trigger") is not None:
        return "triggered"
    schedule = definition.get("schedule")
    return "recurring" if isinstance(schedule, dict) and schedule.get("cron") else "once"


def of_step(definition: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Return a triggered campaign's definition as the run of one of its steps says it; 0 is its own first message.

    Of a step that was taken away meanwhile the last one's texts stand: it is sent no more (`has_step`).
    """
    steps: Sequence[Mapping[str, Any]] = definition.get("steps") or []
    if step == 0:
        return dict(definition)
    variants = steps[min(step, len(steps)) - 1]["variants"] if steps else definition.get("variants")
    return {**definition, "variants": variants, "step": step}


def has_step(definition: Mapping[str, Any], step: int) -> bool:
    """Tell whether a campaign, or a run of it as it is now, has a step of this number; 0 is its first message."""
    return step <= len(definition.get("steps") or ())


def written(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept definition as people write it, as `load` takes it: the audience's parts stand on their own."""
    audience: Mapping[str, Any] = definition.get("audience", {})
    return {name: value for name, value in definition.items() if name != "audience"} | dict(audience)


def trees(definition: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the pointer and text of every condition tree in a definition."""
    found: list[tuple[str, Any]] = []
    if "where" in definition.get("audience", {}):
        found.append(("#/where", definition["audience"]["where"]))
    if "conditions" in definition.get("trigger", {}):
        found.append(("#/trigger/conditions", definition["trigger"]["conditions"]))
    for index, step in enumerate(definition.get("steps", [])):
        if "exit_if" in step:
            found.append((f"#/steps/{index}/exit_if", step["exit_if"]))
    return found


def foreign(definition: Mapping[str, Any], locales: Sequence[str]) -> Errors:
    """Return a fault for each text in a language that the programme does not speak."""
    spoken = ", ".join(locales)
    return [
        {"pointer": f"{place}/content/{locale}", "detail": f"is no language of the programme, which speaks {spoken}"}
        for place, variant in _placed_variants(definition)
        for locale in messages.foreign_locales(variant["content"], locales)
    ]


def gaps(definition: Mapping[str, Any], *, locales: Sequence[str], now: datetime, zone: str) -> Errors:
    """Return what a definition lacks before it can be scheduled in a programme of these languages and this zone."""
    found: Errors = []
    for name in ("channels", "variants"):
        if not definition.get(name):
            found.append({"pointer": f"#/{name}", "detail": "is required"})
    for place, variant in _placed_variants(definition):
        missing = messages.missing_locales(variant["content"], locales)
        detail = "is missing: the programme speaks it"
        found += [{"pointer": f"{place}/content/{locale}", "detail": detail} for locale in missing]
    schedule = definition.get("schedule", {})
    found += past(schedule, now=now, zone=zone)
    return found


def past(schedule: Mapping[str, Any], *, now: datetime, zone: str) -> Errors:
    """Return a fault for each part of a schedule that is over or never comes."""
    return [
        {"pointer": f"#/schedule/{name}", "detail": why} for name, why in schedules.faults(schedule, now=now, zone=zone)
    ]


def _placed_variants(definition: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [(f"#/variants/{index}", one) for index, one in enumerate(definition.get("variants", []))]
    for step, part in enumerate(definition.get("steps", [])):
        found += [(f"#/steps/{step}/variants/{index}", one) for index, one in enumerate(part["variants"])]
    return found
