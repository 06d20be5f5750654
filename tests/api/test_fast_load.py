"""The compiled loader accepts and refuses exactly as its schema does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from api.fast_load import compiled
from api.till_schemas import ScanIn

SCHEMA = ScanIn()
LOAD = compiled(SCHEMA)
PLAIN = {
    "code": "A1" + "0" * 17,
    "store_id": "sto_" + "0" * 32,
    "activity": {"kind": "purchase", "amount": {"amount": 5, "currency": "EUR"}, "items": [{"sku": "a", "amount": 3}]},
    "occurred_at": "2026-11-22T10:00:00Z",
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["purchase", "EUR", "2026-11-22T10:00:00Z", "sto_" + "0" * 32, " spaced ", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sku", "amount", "currency"]), inner),
    max_leaves=6,
)  # fmt: skip
PLACES = [("code",), ("store_id",), ("occurred_at",), ("offline",), ("nonsense",), ("activity",)] + [
    ("activity", name) for name in ("kind", "amount", "items", "receipt", "data", "nonsense")
]


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), VALUES), max_size=3), gone=st.sampled_from([None, *PLACES]))
def test_it_agrees_with_the_schema_on_any_body(changes: list[Any], gone: tuple[str, ...] | None) -> None:
    body = {**PLAIN, "activity": dict(PLAIN["activity"])}  # type: ignore[call-overload]
    for place, value in changes:
        _set(body, place, value)
    if gone is not None:
        _set(body, gone, None, remove=True)

    assert _outcome(LOAD, body) == _outcome(SCHEMA.load, body)


@pytest.mark.parametrize("body", [PLAIN, [], None, {}, {"activity": 3}])
def test_it_agrees_on_whole_bodies(body: Any) -> None:
    assert _outcome(LOAD, body) == _outcome(SCHEMA.load, body)


def _set(body: dict[str, Any], place: tuple[str, ...], value: Any, *, remove: bool = False) -> None:
    inner = body if len(place) == 1 else body.get("activity")
    if not isinstance(inner, dict):
        return
    if remove:
        inner.pop(place[-1], None)
    else:
        inner[place[-1]] = value


def _outcome(load: Any, body: Any) -> Any:
    try:
        return "accepted", load(body)
    except ValidationError as error:
        return "refused", error.messages
