"""Every kind of reward, found by walking the registry, documents itself, reads strictly and speaks two languages."""

import json
from typing import Any

import pytest

from app import parameters
from app.errors import InvalidError
from app.rewards.catalogue import REWARDS, describe, dump_value, json_schemas, load_value, references

PURSE = "prs_0190163d8694739b8aaa1b7a5f0c1d2e"


def test_the_registry_holds_the_kinds_that_the_interface_names() -> None:
    assert set(REWARDS) >= {"free_item", "amount_off", "percent_off", "free_delivery", "access", "cash"}


@pytest.mark.parametrize("kind", list(REWARDS))
def test_a_kind_documents_itself_and_its_example_loads_and_is_written_back(kind: str) -> None:
    cls = REWARDS[kind]
    assert cls.__doc__
    assert not cls.__doc__.startswith(cls.__name__ + "(")
    assert all(field.about["description"] for field in parameters.fields_of(cls))
    raw = parameters.example(cls)
    assert dump_value(load_value(kind, raw)) == raw
    schema = json_schemas()["RewardValue" + kind.title().replace("_", "")]
    assert json.loads(json.dumps(schema))["examples"] == [raw]


@pytest.mark.parametrize("kind", list(REWARDS))
def test_a_kind_is_described_in_french_and_in_english(kind: str) -> None:
    value = load_value(kind, parameters.example(REWARDS[kind]))
    french, english = describe(value, "fr-FR", "EUR"), describe(value, "en", "EUR")
    assert french
    assert english
    assert french != english
    assert describe(value, "de", "EUR") == english


@pytest.mark.parametrize(
    ("kind", "raw", "french", "english"),
    [
        ("free_item", {"name": "Café"}, "Offert : Café", "Free: Café"),
        ("amount_off", {"amount": 350, "currency": "EUR"}, "3,50 € de remise", "€3.50 off"),
        ("amount_off", {"amount": 123_400, "currency": "EUR"}, "1 234 € de remise", "€1,234 off"),
        ("amount_off", {"amount": 500, "currency": "JPY"}, "500 JPY de remise", "JPY 500 off"),
        ("percent_off", {"percent": "12.5"}, "12,5 % de remise", "12.5% off"),
        ("percent_off", {"percent": "10", "maximum": 2000}, "10 % de remise, 20 € au plus", "10% off, up to €20"),
        ("free_delivery", {}, "Livraison offerte", "Free delivery"),
        ("access", {"name": "VIP"}, "Accès : VIP", "Access: VIP"),
        ("cash", {"purse_id": PURSE, "amount": 1050}, "10,50 € dans votre cagnotte", "€10.50 in your purse"),
    ],
)
def test_members_read_what_they_get(kind: str, raw: dict[str, Any], french: str, english: str) -> None:
    value = load_value(kind, raw)
    said = [describe(value, locale, "EUR").replace("\u00a0", " ").replace("\u202f", " ") for locale in ("fr", "en")]
    assert said == [french, english]


@pytest.mark.parametrize(
    ("kind", "raw", "pointer"),
    [
        ("gold", {}, "#/kind"),
        ("free_item", None, "#/value/name"),
        ("free_delivery", {"to": "moon"}, "#/value/to"),
        ("amount_off", {"amount": 1.5, "currency": "EUR"}, "#/value/amount"),
        ("amount_off", {"amount": True, "currency": "EUR"}, "#/value/amount"),
        ("amount_off", {"amount": 0, "currency": "EUR"}, "#/value/amount"),
        ("amount_off", {"amount": 1, "currency": "euro"}, "#/value/currency"),
        ("percent_off", {"percent": "101"}, "#/value/percent"),
        ("percent_off", {"percent": 10.5}, "#/value/percent"),
        ("percent_off", {"percent": 101}, "#/value/percent"),
        ("percent_off", {"percent": True}, "#/value/percent"),
        ("free_item", {"name": "\ud800"}, "#/value/name"),
        ("cash", {"purse_id": "prs_1", "amount": 1}, "#/value/purse_id"),
        ("cash", [], "#/value"),
    ],
)
def test_a_fault_is_named_by_its_place(kind: str, raw: object, pointer: str) -> None:
    with pytest.raises(InvalidError) as caught:
        load_value(kind, raw)
    assert [error["pointer"] for error in caught.value.errors] == [pointer]


def test_a_value_names_the_purse_that_it_pays_into() -> None:
    assert {kind for kind, _id in references(load_value("cash", {"purse_id": PURSE, "amount": 1}))} == {"purse"}
    assert references(load_value("free_delivery", {})) == set()


def test_a_whole_number_is_an_exact_decimal() -> None:
    assert load_value("percent_off", {"percent": 10}) == load_value("percent_off", {"percent": "10"})
