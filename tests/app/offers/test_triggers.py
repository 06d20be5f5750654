"""Triggers: each event takes its own parameters and no other's, and is documented as it is read."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from app.offers import triggers
from app.parameters import Errors

SCHEMAS = triggers.json_schemas({"type": "object"})
ONE = {
    event: place.rpartition("/")[2] for event, place in SCHEMAS["CampaignTrigger"]["discriminator"]["mapping"].items()
}
OTHERS: dict[str, Any] = {"days": 3, "within": 2}


@pytest.mark.parametrize("event", triggers.EVENTS)
def test_an_event_is_read_as_it_is_documented(event: str) -> None:
    (example,) = SCHEMAS[ONE[event]]["examples"]
    own = SCHEMAS[ONE[event]]["properties"]

    assert faults(example) == [] == schema_faults(event, example)
    assert example["event"] == event
    for name, value in OTHERS.items():
        asked = {**example, name: value}
        assert (faults(asked) == []) == (name in own) == (schema_faults(event, asked) == []), name
        without = {key: kept for key, kept in example.items() if key != name}
        assert (faults(without) == []) == (schema_faults(event, without) == []), name


@pytest.mark.parametrize("event", triggers.EVENTS)
def test_what_every_event_takes_may_be_null_and_is_kept_only_when_given(event: str) -> None:
    (example,) = SCHEMAS[ONE[event]]["examples"]
    said = {**example, "again_after_days": 7, "delay_seconds": None}

    assert triggers.read(said, "#", []) == {**example, "again_after_days": 7}
    assert schema_faults(event, said) == []


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (None, "#/trigger"),
        ("birthday", "#/trigger"),
        ({}, "#/trigger/event"),
        ({"event": ["birthday"]}, "#/trigger/event"),
        ({"event": "no_visit", "days": 0}, "#/trigger/days"),
        ({"event": "near_reward", "within": 2, "days": 1}, "#/trigger/days"),
        ({"event": "birthday", "delay_seconds": -1}, "#/trigger/delay_seconds"),
    ],
)
def test_what_is_wrong_is_pointed_at(raw: object, pointer: str) -> None:
    assert faults(raw) == [pointer]


def faults(raw: object) -> list[str]:
    errors: Errors = []
    read = triggers.read(raw, "#/trigger", errors)
    assert (read is None) == bool(errors)
    return [error["pointer"] for error in errors]


def schema_faults(event: str, document: dict[str, Any]) -> list[str]:
    return [fault.message for fault in Draft202012Validator(SCHEMAS[ONE[event]]).iter_errors(document)]
