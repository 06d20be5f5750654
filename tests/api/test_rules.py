"""Rules over HTTP, and what they would earn."""

import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock, ids
from app.models import Activity, Event, Member, RuleUsage, RuleVersion
from app.services.rule_usages import EVER
from tests.world import World, make_world
from tests.world_setup import made, make_purse, make_reward, make_rule, pointers

_PURCHASE = {"kind": "purchase", "amount": 1250}


def per_euro(purse: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "points_per_amount", "purse_id": purse["id"], "points": 1, "per": 100}


def fixed(purse: dict[str, Any], points: int = 50) -> dict[str, Any]:
    return {"kind": "fixed_points", "purse_id": purse["id"], "points": points}


def versions(world: World) -> list[RuleVersion]:
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(RuleVersion).order_by(RuleVersion.number)))


def test_a_live_rule_is_published_as_it_is_written(client: FlaskClient, world: World) -> None:
    rule = make_rule(client, world, effects=[per_euro(make_purse(client, world))], name="A point each euro")

    (version,) = versions(world)
    assert (rule["version"], rule["version_id"]) == (1, ids.show("rule_version", version.id))
    assert version.definition["name"] == "A point each euro"
    assert client.get(f"/v1/rules/{rule['id']}", headers=world.as_("cashier")).json == rule


def test_a_draft_has_no_version_until_it_is_live(client: FlaskClient, world: World) -> None:
    draft = make_rule(client, world, effects=[fixed(make_purse(client, world))], status="draft")
    path = f"/v1/rules/{draft['id']}"

    client.patch(path, json={"name": "Better"}, headers=world.as_("owner"))
    before = versions(world)
    live = client.patch(path, json={"status": "live"}, headers=world.as_("owner")).json

    assert draft["version"] == 0
    assert before == []
    assert (live["version"], live["name"]) == (1, "Better")


def test_each_change_of_a_published_rule_is_a_version(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    rule = make_rule(client, world, effects=[fixed(purse)])
    path = f"/v1/rules/{rule['id']}"

    client.patch(path, json={"effects": [fixed(purse, 70)]}, headers=world.as_("marketer"))
    client.patch(path, json={"status": "paused"}, headers=world.as_("marketer"))
    same = client.patch(path, json={"status": "paused"}, headers=world.as_("marketer")).json
    client.delete(path, headers=world.as_("marketer"))

    found = [(row.number, row.definition["effects"][0]["points"], row.definition["status"]) for row in versions(world)]
    assert same["version"] == 3
    assert found == [(1, 50, "live"), (2, 70, "live"), (3, 70, "paused"), (4, 70, "archived")]


def test_a_published_rule_does_not_become_a_draft(client: FlaskClient, world: World) -> None:
    rule = make_rule(client, world, effects=[fixed(make_purse(client, world))])

    answer = client.patch(f"/v1/rules/{rule['id']}", json={"status": "draft"}, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (409, "rule-published")


def test_an_optional_part_is_taken_away_by_null(client: FlaskClient, world: World) -> None:
    rule = make_rule(client, world, effects=[fixed(make_purse(client, world))], caps={"total": 5}, group="g")

    changed = client.patch(
        f"/v1/rules/{rule['id']}", json={"caps": None, "group": None}, headers=world.as_("owner")
    ).json

    assert rule["caps"] == {"total": 5}
    assert not {"caps", "group"} & set(changed)


def test_who_read_an_older_rule_is_told(client: FlaskClient, world: World) -> None:
    rule = make_rule(client, world, effects=[fixed(make_purse(client, world))])
    path = f"/v1/rules/{rule['id']}"
    tag = client.get(path, headers=world.as_("owner")).headers["ETag"]
    headers = world.as_("owner") | {"If-Match": tag}

    first = client.patch(path, json={"name": "Un"}, headers=headers)
    second = client.patch(path, json={"name": "Deux"}, headers=headers)
    third = client.delete(path, headers=headers | {"If-Match": first.headers["ETag"]})

    assert (first.status_code, second.status_code, third.status_code) == (200, 412, 204)


def test_of_two_who_change_a_rule_at_once_one_is_told(application: Flask, client: FlaskClient, world: World) -> None:
    rule = make_rule(client, world, effects=[fixed(make_purse(client, world))])
    path = f"/v1/rules/{rule['id']}"
    tag = client.get(path, headers=world.as_("owner")).headers["ETag"]
    start, statuses = threading.Barrier(4), []

    def change(name: str) -> None:
        start.wait()
        headers = world.as_("owner") | {"If-Match": tag}
        answer = application.test_client().patch(path, json={"name": name}, headers=headers)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=change, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 412, 412, 412]
    assert len(versions(world)) == 2


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"effects": []}, ["#/effects"]),
        ({"effects": [{"kind": "luck"}]}, ["#/effects/0/kind"]),
        ({"when": {}}, ["#/when/activity"]),
        ({"when": {"activity": "Purchase"}}, ["#/when/activity"]),
        ({"when": {"activity": "visit\n"}}, ["#/when/activity"]),
        ({"conditions": [{"kind": "minimum_amount", "minimum": "5"}]}, ["#/conditions/0/minimum"]),
        ({"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, ["#/ends_at"]),
        ({"status": "archived"}, ["#/status"]),
        ({"id": "rul_0"}, ["#/id"]),
        ({"priority": "high", "stacks": "no"}, ["#/priority", "#/stacks"]),
    ],
)
def test_a_wrong_part_is_pointed_at(
    client: FlaskClient, world: World, fields: dict[str, Any], found: list[str]
) -> None:
    rule = {"name": "Rule", "when": {"activity": "purchase"}, "effects": [fixed(make_purse(client, world))]} | fields

    assert pointers(client.post("/v1/rules", json=rule, headers=world.as_("owner"))) == found


def test_what_another_programme_has_is_pointed_at(client: FlaskClient, world: World) -> None:
    other = make_world(world.database)
    rule = {
        "name": "Rule",
        "when": {"activity": "purchase"},
        "conditions": [
            {
                "kind": "store",
                "store_ids": [ids.show("store", world.store_id), ids.show("store", other.store_id)],
            }
        ],
        "effects": [
            fixed(make_purse(client, other)),
            {"kind": "voucher", "reward_id": make_reward(client, other)["id"]},
        ],
    }

    answer = client.post("/v1/rules", json=rule, headers=world.as_("owner"))

    assert pointers(answer) == ["#/conditions/0/store_ids/1", "#/effects/0/purse_id", "#/effects/1/reward_id"]


def test_an_effect_pays_into_a_purse_of_its_kind(client: FlaskClient, world: World) -> None:
    effect = {"kind": "cash_back_percent", "purse_id": make_purse(client, world)["id"], "percent": "5"}
    rule = {"name": "Rule", "when": {"activity": "purchase"}, "effects": [effect]}

    assert pointers(client.post("/v1/rules", json=rule, headers=world.as_("owner"))) == ["#/effects/0/purse_id"]


def test_rules_are_listed_by_status(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    make_rule(client, world, effects=[fixed(purse)], name="Live")
    make_rule(client, world, effects=[fixed(purse)], name="Draft", status="draft")
    gone = make_rule(client, world, effects=[fixed(purse)], name="Gone")
    client.delete(f"/v1/rules/{gone['id']}", headers=world.as_("owner"))

    def listed(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/v1/rules{query}", headers=world.as_("owner")).json["data"]]

    assert listed("") == ["Live", "Draft"]
    assert listed("?status=draft") == ["Draft"]
    assert listed("?status=archived") == ["Gone"]


def test_a_rule_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    other = make_world(world.database)
    foreign = make_rule(client, other, effects=[fixed(make_purse(client, other))])

    assert client.get(f"/v1/rules/{foreign['id']}", headers=world.as_("owner")).status_code == 404
    assert client.delete(f"/v1/rules/{foreign['id']}", headers=world.as_("owner")).status_code == 404


def test_every_condition_and_effect_is_documented(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").json["components"]["schemas"]

    effects = schemas["RuleIn"]["properties"]["effects"]["items"]

    assert effects == {"$ref": "#/components/schemas/Effect"}
    assert schemas["Effect"]["discriminator"]["mapping"]["voucher"] == "#/components/schemas/EffectVoucher"
    assert "minimum" in schemas["ConditionMinimumAmount"]["properties"]
    for union in (schemas["Effect"], schemas["Condition"]):
        assert all(one["$ref"].rpartition("/")[2] in schemas for one in union["oneOf"])


def simulate(client: FlaskClient, world: World, **body: Any) -> Any:
    return client.post("/v1/rules/simulate", json={"activity": _PURCHASE} | body, headers=world.as_("marketer"))


def test_a_simulation_says_what_each_rule_gives_and_why(client: FlaskClient, world: World) -> None:
    purse, money = make_purse(client, world), make_purse(client, world, kind="money", hold_days=14)
    reward = make_reward(client, world)
    euro = make_rule(client, world, effects=[per_euro(purse)], name="Euro", priority=9)
    cash = {"kind": "cash_back_percent", "purse_id": money["id"], "percent": "10"}
    back = make_rule(client, world, effects=[cash, {"kind": "voucher", "reward_id": reward["id"]}], name="Back")
    big = make_rule(
        client, world, effects=[fixed(purse)], name="Big", conditions=[{"kind": "minimum_amount", "minimum": 5000}]
    )

    answer = simulate(client, world).json

    found = [{key: value for key, value in effect.items() if key != "why"} for effect in answer["effects"]]
    assert found == [
        {"kind": "points", "purse_id": purse["id"], "amount": 12, "rule_id": euro["id"]},
        {"kind": "cash_back", "purse_id": money["id"], "amount": 125, "pending": True, "rule_id": back["id"]},
        {"kind": "voucher", "reward_id": reward["id"], "rule_id": back["id"]},
    ]
    assert {rule["rule_id"]: rule["fired"] for rule in answer["rules"]} == {
        euro["id"]: True,
        back["id"]: True,
        big["id"]: False,
    }
    assert "at least 5000" in answer["rules"][-1]["why"]


def test_a_simulation_takes_an_activity_as_a_till_tells_it(client: FlaskClient, world: World) -> None:
    effect = {"kind": "points_per_item", "purse_id": make_purse(client, world)["id"], "points": 3}
    make_rule(client, world, effects=[effect], conditions=[{"kind": "product", "skus": ["ESP"]}])
    money = {"amount": 500, "currency": "EUR"}
    item = {"sku": "ESP", "name": "Espresso", "category": "coffee", "quantity": 2, "amount": money}
    told = _PURCHASE | {"items": [item], "receipt": "T1-000042", "data": {"table": "7"}}

    answer = simulate(client, world, activity=told).json

    assert [one["amount"] for one in answer["effects"]] == [6]


def test_drafts_are_tried_beside_live_rules_and_in_their_place(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    live = make_rule(client, world, effects=[fixed(purse, 50)])
    new = {"name": "New", "when": {"activity": "purchase"}, "effects": [fixed(purse, 5)]}

    answer = simulate(client, world, rules=[new, new | {"id": live["id"], "effects": [fixed(purse, 70)]}]).json

    given = sorted((effect["amount"], effect["index"], effect.get("rule_id")) for effect in answer["effects"])
    assert given == [(5, 0, None), (70, 1, live["id"])]


def test_a_simulation_writes_nothing(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    make_rule(client, world, effects=[fixed(purse)], caps={"total": 60})
    member_id = enrol(world)
    before = rows(world)

    simulate(client, world, member_id=ids.show("member", member_id), rules=[
        {"name": "New", "when": {"activity": "purchase"}, "effects": [fixed(purse, 5)], "status": "live"}
    ])  # fmt: skip

    assert rows(world) == before


def test_an_imagined_member_may_be_new(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    make_rule(client, world, effects=[fixed(purse)], conditions=[{"kind": "first_purchase"}])

    new = simulate(client, world, member={"purchases_count": 0}).json
    old = simulate(client, world, member={"purchases_count": 3}).json

    assert (len(new["effects"]), len(old["effects"])) == (1, 0)


def test_a_member_is_asked_by_its_purchases_and_caps(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    make_rule(client, world, effects=[fixed(purse)], name="First", conditions=[{"kind": "first_purchase"}])
    capped = make_rule(client, world, effects=[fixed(purse, 50)], name="Capped", caps={"per_member": 60})
    member_id = enrol(world)
    with world.database.transaction(world.program_id) as session:
        now = clock.now()
        session.add(Activity(member_id=member_id, kind="purchase", occurred_at=now, recorded_at=now))
        used = RuleUsage(rule_id=ids.parse("rule", capped["id"]), member_id=member_id, on_day=EVER, amount=50)
        session.add(used)

    answer = simulate(client, world, member_id=ids.show("member", member_id)).json

    assert [effect["amount"] for effect in answer["effects"]] == [10]
    assert {rule["name"]: rule["fired"] for rule in answer["rules"]} == {"First": False, "Capped": True}


def test_a_store_brings_its_partner(client: FlaskClient, world: World) -> None:
    partner = made(client, world, "partners", {"name": "Librairie"})
    store = made(client, world, "stores", {"name": "Port", "partner_id": partner["id"]})
    condition = {"kind": "partner", "partner_ids": [partner["id"]]}
    make_rule(client, world, effects=[fixed(make_purse(client, world))], conditions=[condition])

    there = simulate(client, world, activity=_PURCHASE | {"store_id": store["id"]}).json
    elsewhere = simulate(client, world, activity=_PURCHASE | {"store_id": ids.show("store", world.store_id)}).json

    assert (len(there["effects"]), len(elsewhere["effects"])) == (1, 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"activity": {"amount": 5}}, "#/activity/kind"),
        ({"activity": _PURCHASE | {"amount": {"amount": 5, "currency": "USD"}}}, "#/activity/amount"),
        ({"activity": _PURCHASE | {"store_id": ids.show("store", ids.new_id())}}, "#/activity/store_id"),
        ({"activity": _PURCHASE | {"items": [{"sku": "A", "quantity": 0}]}}, "#/activity/items/0/quantity"),
        ({"activity": _PURCHASE | {"items": [{"sku": "A", "amount": 1251}]}}, "#/activity/items"),
        ({"member_id": ids.show("member", ids.new_id())}, "#/member_id"),
        ({"member_id": ids.show("member", ids.new_id()), "member": {}}, "#/member"),
        (
            {"rules": [{"name": "New", "when": {"activity": "visit"}, "effects": [{"kind": "x"}]}]},
            "#/rules/0/effects/0/kind",
        ),
        ({"rules": [{"when": {"activity": "visit"}, "effects": []}]}, "#/rules/0/name"),
    ],
)
def test_a_wrong_question_is_pointed_at(client: FlaskClient, world: World, body: dict[str, Any], pointer: str) -> None:
    assert pointers(simulate(client, world, **body)) == [pointer]


def test_a_cashier_may_not_write_or_try_rules(client: FlaskClient, world: World) -> None:
    for path in ("/v1/rules", "/v1/rules/simulate"):
        assert client.post(path, json={}, headers=world.as_("cashier")).status_code == 403


def enrol(world: World) -> Any:
    """Enrol a member by its row."""
    with world.database.transaction(world.program_id) as session:
        member = Member(joined_at=clock.now())
        session.add(member)
        session.flush()
        return member.id


def rows(world: World) -> list[int]:
    """Count what an evaluation might write."""
    with world.database.transaction(world.program_id) as session:
        tables = (Activity, Event, RuleUsage, RuleVersion)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]
