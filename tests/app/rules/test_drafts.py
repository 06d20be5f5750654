"""A rule is read strictly: every fault is named by its place, and nothing is guessed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidError
from app.rules.drafts import check_purses, dump_rule, load_rule, references
from app.rules.facts import PurseKind
from tests.app.rules.worlds import (
    KINDS,
    MONEY_ID,
    PARTNER,
    PARTNER_ID,
    PER_EURO,
    POINTS,
    POINTS_ID,
    REWARD,
    REWARD_ID,
    STAMP,
    STAMPS,
    STORE,
    STORE_ID,
    rule,
)  # fmt: skip

BASE = {"name": "Base", "when": {"activity": "purchase"}, "effects": [PER_EURO]}


def pointers(raw: Any) -> set[str]:
    with pytest.raises(InvalidError) as caught:
        load_rule(raw)
    return {error["pointer"] for error in caught.value.errors}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": None}, "#/name"),
        ({"name": 5}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"when": None}, "#/when"),
        ({"when": {}}, "#/when/activity"),
        ({"effects": []}, "#/effects"),
        ({"effects": {}}, "#/effects"),
        ({"effects": [PER_EURO] * 11}, "#/effects"),
        ({"effects": [PER_EURO | {"points": True}]}, "#/effects/0/points"),
        ({"effects": [PER_EURO | {"points": 1.0}]}, "#/effects/0/points"),
        ({"effects": [PER_EURO | {"points": 0}]}, "#/effects/0/points"),
        ({"effects": [PER_EURO | {"points": 10**7}]}, "#/effects/0/points"),
        ({"effects": [PER_EURO | {"purse_id": "prs_1"}]}, "#/effects/0/purse_id"),
        ({"effects": [PER_EURO | {"purse_id": STORE_ID}]}, "#/effects/0/purse_id"),
        ({"effects": [PER_EURO | {"applies_to": "half"}]}, "#/effects/0/applies_to"),
        ({"effects": [{"kind": "gift"}]}, "#/effects/0/kind"),
        ({"effects": ["gift"]}, "#/effects/0/kind"),
        ({"effects": [{"kind": "multiplier", "purse_id": POINTS_ID, "factor": "0.5"}]}, "#/effects/0/factor"),
        ({"effects": [{"kind": "multiplier", "purse_id": POINTS_ID, "factor": "1e3"}]}, "#/effects/0/factor"),
        ({"effects": [{"kind": "multiplier", "purse_id": POINTS_ID, "factor": "nan"}]}, "#/effects/0/factor"),
        ({"effects": [{"kind": "multiplier", "purse_id": POINTS_ID, "factor": 2.5}]}, "#/effects/0/factor"),
        ({"effects": [{"kind": "multiplier", "purse_id": POINTS_ID, "factor": "٢"}]}, "#/effects/0/factor"),
        ({"conditions": [{"kind": "minimum_amount"}]}, "#/conditions/0/minimum"),
        ({"conditions": [{"kind": "minimum_amount", "minimum": -1}]}, "#/conditions/0/minimum"),
        ({"conditions": [{"kind": "store", "store_ids": []}]}, "#/conditions/0/store_ids"),
        ({"conditions": [{"kind": "store", "store_ids": [STORE_ID, POINTS_ID]}]}, "#/conditions/0/store_ids/1"),
        ({"conditions": [{"kind": "product"}]}, "#/conditions/0/categories"),
        ({"conditions": [{"kind": "weekday_hours"}]}, "#/conditions/0/days"),
        ({"conditions": [{"kind": "weekday_hours", "days": ["monday"]}]}, "#/conditions/0/days/0"),
        ({"conditions": [{"kind": "weekday_hours", "from": "9:00"}]}, "#/conditions/0/from"),
        ({"conditions": [{"kind": "weekday_hours", "from": "24:00"}]}, "#/conditions/0/from"),
        ({"conditions": [{"kind": "weekday_hours", "from": "09:00", "until": "09:00"}]}, "#/conditions/0/until"),
        ({"starts_at": "2026-11-22"}, "#/starts_at"),
        ({"starts_at": "2026-11-22T10:00:00"}, "#/starts_at"),
        ({"starts_at": "2026-11-22T10:00:00Z", "ends_at": "2026-11-22T11:00:00+01:00"}, "#/ends_at"),
        ({"priority": 1001}, "#/priority"),
        ({"stacks": 1}, "#/stacks"),
        ({"status": "dead"}, "#/status"),
        ({"caps": {"per_day": 0}}, "#/caps/per_day"),
        ({"caps": {"per_week": 1}}, "#/caps/per_week"),
        ({"caps": {"per_day": 1}, "effects": [PER_EURO, STAMP]}, "#/caps"),
        ({"id": STORE_ID}, "#/id"),
        ({"a/b~c": 1}, "#/a~1b~0c"),
    ],
)
def test_a_fault_is_named_by_its_place(change: dict[str, Any], pointer: str) -> None:
    assert pointers(BASE | change) == {pointer}


def test_all_faults_are_told_at_once() -> None:
    raw = {"when": {"activity": "purchase"}, "effects": [{"kind": "stamps"}], "conditions": [{"kind": "x"}], "y": 1}
    assert pointers(raw) == {"#/name", "#/effects/0/purse_id", "#/conditions/0/kind", "#/y"}


def test_null_says_the_same_as_leaving_an_optional_field_out() -> None:
    loud = load_rule(BASE | {"group": None, "caps": None, "conditions": None, "starts_at": None})
    assert "group" not in dump_rule(loud)
    assert loud.head.group is None


def test_a_rule_names_all_that_it_points_at() -> None:
    written = rule(
        PER_EURO,
        {"kind": "voucher", "reward_id": REWARD_ID},
        conditions=[{"kind": "store", "store_ids": [STORE_ID]}, {"kind": "partner", "partner_ids": [PARTNER_ID]}],
    )
    assert references(written) == {("purse", POINTS), ("reward", REWARD), ("store", STORE), ("partner", PARTNER)}


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        ({"kind": "stamps", "purse_id": POINTS_ID}, "points purse"),
        ({"kind": "cash_back_percent", "purse_id": POINTS_ID, "percent": "5"}, "points purse"),
        (PER_EURO | {"purse_id": STORE_ID.replace("sto", "prs")}, "no purse"),
    ],
)
def test_an_effect_wants_a_purse_of_its_kind(effect: dict[str, Any], message: str) -> None:
    kinds: dict[Any, PurseKind] = dict(KINDS)  # type: ignore[arg-type]
    check_purses(rule(PER_EURO, STAMP, {"kind": "cash_back_percent", "purse_id": MONEY_ID, "percent": "5"}), kinds)
    with pytest.raises(InvalidError, match=message) as caught:
        check_purses(rule(PER_EURO, effect), kinds)
    assert caught.value.errors[0]["pointer"] == "#/effects/1/purse_id"


def test_two_drafts_without_ids_are_two_rules() -> None:
    assert load_rule(BASE).id != load_rule(BASE).id
    assert STAMPS not in {target for _kind, target in references(load_rule(BASE))}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["store", STORE_ID]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "name", "when", "activity", "conditions", "effects", "caps", "id", "minimum", "days"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(JSON)
def test_no_document_breaks_the_reader(raw: Any) -> None:
    faults = [{"pointer": "#", "detail": "none"}]
    try:
        load_rule(raw)
    except InvalidError as error:
        faults = error.errors
    assert all(fault["pointer"].startswith("#") and fault["detail"] for fault in faults)
    assert faults
