"""Every kind, found by walking the registries, documents itself, loads its example and takes part in an evaluation."""

import json

import pytest

from app import parameters
from app.errors import InvalidError
from app.rules.drafts import dump_rule, load_rule, references
from app.rules.engine import compile_rules
from app.rules.facts import Item, MemberFacts, PurseFacts
from app.rules.kinds import CONDITIONS, EFFECTS
from app.rules.schemas import json_schemas
from tests.app.rules.worlds import PER_EURO, purchase

KINDS = [("conditions", kind) for kind in CONDITIONS] + [("effects", kind) for kind in EFFECTS]


def raw_with(place: str, kind: str, **changes: object) -> dict[str, object]:
    registry = CONDITIONS if place == "conditions" else EFFECTS
    one = {"kind": kind, **parameters.example(registry[kind]), **changes}
    raw = {"name": "Example", "when": {"activity": "purchase"}, "effects": [PER_EURO], "status": "live"}
    return raw | {place: [one]}


def test_the_registries_hold_the_kinds_that_the_interface_names() -> None:
    assert set(CONDITIONS) >= {
        "store", "partner", "weekday_hours", "minimum_amount", "product", "first_purchase", "tier",
    }  # fmt: skip
    assert set(EFFECTS) >= {
        "points_per_amount", "fixed_points", "stamps", "points_per_item", "multiplier", "cash_back_percent", "voucher",
    }  # fmt: skip


@pytest.mark.parametrize(("place", "kind"), KINDS)
def test_a_kind_has_a_docstring_and_describes_each_field(place: str, kind: str) -> None:
    cls = (CONDITIONS if place == "conditions" else EFFECTS)[kind]
    assert cls.__doc__
    assert len(cls.__doc__) > 40
    assert not cls.__doc__.startswith(cls.__name__ + "("), "the dataclass wrote it"
    assert all(field.about["description"] for field in parameters.fields_of(cls))


@pytest.mark.parametrize(("place", "kind"), KINDS)
def test_a_kinds_example_loads_evaluates_and_is_written_back_unchanged(place: str, kind: str) -> None:
    raw = raw_with(place, kind)
    rule = load_rule(raw)
    assert load_rule(dump_rule(rule), version_id=rule.version_id) == rule
    ruleset = compile_rules([rule])
    purses = {purse_id: PurseFacts(id=purse_id) for purse_id in ruleset.needs("purchase").purse_ids}
    item = Item("ESP-1", 2, 500, category="coffee")
    outcome = ruleset.evaluate(purchase(2600, item), MemberFacts(), purses, explain=True)
    (explanation,) = outcome.explanations
    assert explanation.why
    assert (explanation.fired and (outcome.grants or outcome.vouchers)) or place == "conditions" or kind == "multiplier"


@pytest.mark.parametrize(("place", "kind"), KINDS)
def test_a_kind_refuses_a_field_that_it_does_not_know(place: str, kind: str) -> None:
    with pytest.raises(InvalidError) as caught:
        load_rule(raw_with(place, kind, surprise=1))
    assert caught.value.errors == [{"pointer": f"#/{place}/0/surprise", "detail": "is not a known field"}]


@pytest.mark.parametrize(("place", "kind"), KINDS)
def test_a_kinds_schema_is_json_names_its_fields_and_closes_the_object(place: str, kind: str) -> None:
    prefix = "Condition" if place == "conditions" else "Effect"
    schema = json_schemas()[prefix + kind.title().replace("_", "")]
    json.dumps(schema)
    cls = (CONDITIONS if place == "conditions" else EFFECTS)[kind]
    assert set(schema["properties"]) == {"kind"} | {field.name for field in parameters.fields_of(cls)}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["kind"]["const"] == kind
    assert set(schema["examples"][0]) <= set(schema["properties"])
    assert set(schema["required"]) <= set(schema["examples"][0])


@pytest.mark.parametrize(("place", "kind"), KINDS)
def test_every_id_of_an_example_is_a_reference_that_a_service_can_look_up(place: str, kind: str) -> None:
    raw = raw_with(place, kind)
    cls = (CONDITIONS if place == "conditions" else EFFECTS)[kind]
    wanted = {field.about["ref"] for field in parameters.fields_of(cls) if field.about["ref"]}
    assert wanted <= {kind for kind, _id in references(load_rule(raw))}


def test_the_unions_name_every_kind() -> None:
    schemas = json_schemas()
    assert set(schemas["Condition"]["discriminator"]["mapping"]) == set(CONDITIONS)
    assert set(schemas["Effect"]["discriminator"]["mapping"]) == set(EFFECTS)


def test_the_rules_own_example_loads() -> None:
    load_rule(json_schemas()["Rule"]["examples"][0])
