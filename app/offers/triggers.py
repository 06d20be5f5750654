"""What may begin a campaign for a member, and what each such event is told: one class for each set of parameters.

The event is the discriminator: what is said of one event (`within` points of a reward) means nothing to another, and
is refused there. How each is noticed is in `notifications.campaigns.triggers`, under the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app import ids, parameter_schemas, parameters
from app.parameters import Errors, Parameters, about

DAY_SECONDS = 86_400
DAYS_MAX = 730
CONDITIONS = "conditions"
"""A tree on the member, which `app.segments` reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Parameters):
    """What every event is told."""

    delay_seconds: int = field(
        default=0, metadata=about("How long after the event.", minimum=0, maximum=90 * DAY_SECONDS)
    )
    again_after_days: int | None = field(
        default=None, metadata=about("When it may begin for the same member again.", minimum=1, maximum=3650)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRecorded(Happened):
    """Which activities."""

    activities: tuple[str, ...] = field(
        default=(), metadata=about("Kinds of activities; every kind when left out.", example=["purchase", "review"])
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEntered(Happened):
    """Near which stores."""

    store_ids: tuple[str, ...] = field(
        default=(),
        metadata=about("The stores; any when left out.", example=["sto_0190163d8694739b8aaa1b7a5f0c1d2e"], ref="store"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoVisit(Happened):
    """How long somebody has not come."""

    days: int = field(metadata=about("Days without a visit.", example=30, minimum=1, maximum=DAYS_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherExpiring(Happened):
    """How long a voucher is still good for."""

    days: int = field(metadata=about("Days before its last day.", example=3, minimum=1, maximum=DAYS_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Birthday(Happened):
    """A birthday, or a day before it."""

    days: int = field(default=0, metadata=about("Days before it.", example=0, minimum=0, maximum=DAYS_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class NearReward(Happened):
    """How little is missing."""

    within: int = field(
        metadata=about("At most so many points or stamps are missing.", example=2, minimum=1, maximum=1_000_000)
    )


EVENTS: dict[str, tuple[type[Parameters], str]] = {
    "member.joined": (Happened, "Somebody joins."),
    "activity.recorded": (ActivityRecorded, "A visit, a purchase or another activity is recorded."),
    "voucher.issued": (Happened, "A voucher is issued; holds until it is used."),
    "voucher.used": (Happened, "A voucher is used."),
    "voucher.expired": (Happened, "A voucher has expired."),
    "reward.redeemed": (Happened, "A reward is redeemed."),
    "entry.posted": (Happened, "A balance moves without an activity: burnt, adjusted, expired."),
    "tier.reached": (Happened, "A tier is reached."),
    "no_visit": (NoVisit, "So many days after the last visit, or after joining; holds until the next visit."),
    "birthday": (Birthday, "On the birthday, or so many days before it, in the programme's zone; once a year."),
    "voucher_expiring": (VoucherExpiring, "So many days before a voucher's last day, in the programme's zone."),
    "near_reward": (NearReward, "A balance comes close to the price of a reward, `reward_id` if the campaign has one."),
    "zone_entered": (ZoneEntered, "The app says that the member came into a store's zone."),
}
"""By event: what it is told, and what happens."""


def read(raw: object, pointer: str, errors: Errors) -> dict[str, Any] | None:
    """Return a trigger as it is kept, without its conditions; None after adding each fault to `errors`."""
    if not isinstance(raw, Mapping):
        errors.append({"pointer": pointer, "detail": "must be an object"})
        return None
    event = raw.get("event")
    if not isinstance(event, str) or event not in EVENTS:
        detail = "is required" if event is None else f"must be one of {', '.join(EVENTS)}"
        errors.append({"pointer": f"{pointer}/event", "detail": detail})
        return None
    made = parameters.read(EVENTS[event][0], raw, pointer, errors, but=("event", CONDITIONS))
    if made is None:
        return None
    said = parameters.dump(made)
    return {"event": event} | {name: value for name, value in said.items() if raw.get(name) is not None}


def references(trigger: Mapping[str, Any], pointer: str) -> list[tuple[str, str, UUID]]:
    """Return the pointer, kind and id of everything that a kept trigger names, for a service to look up."""
    return [
        (f"{pointer}/{known.name}/{index}", known.about["ref"], ids.parse(known.about["ref"], text))
        for known in parameters.fields_of(EVENTS[trigger["event"]][0])
        if known.about.get("ref")
        for index, text in enumerate(trigger.get(known.name) or ())
    ]


def json_schemas(conditions: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return schemas by component name: `CampaignTrigger`, and one for each event; `conditions` is a tree's schema."""
    kinds = {event: _schema(event, conditions) for event in EVENTS}
    names = {event: "CampaignTrigger" + event.replace(".", "_").title().replace("_", "") for event in EVENTS}
    places = {event: f"#/components/schemas/{name}" for event, name in names.items()}
    union = {
        "description": "What begins a campaign for one member.",
        "oneOf": [{"$ref": place} for place in places.values()],
        "discriminator": {"propertyName": "event", "mapping": places},
    }
    return {"CampaignTrigger": union} | {names[event]: schema for event, schema in kinds.items()}


def _schema(event: str, conditions: Mapping[str, Any]) -> dict[str, Any]:
    parameters_of, words = EVENTS[event]
    schema = parameter_schemas.json_schema(parameters_of)
    parameter_schemas.allow_null(schema)
    (example,) = schema["examples"]
    tree = {**conditions, "type": ["object", "null"]}
    return schema | {
        "description": words,
        "properties": {"event": {"const": event, "type": "string"}, **schema["properties"], CONDITIONS: tree},
        "required": ["event", *schema["required"]],
        "examples": [{"event": event} | example],
    }
