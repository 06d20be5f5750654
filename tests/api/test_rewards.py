"""Rewards over HTTP."""

import pytest
from flask.testing import FlaskClient

from app import ids
from tests.world import World, make_world
from tests.world_setup import make_purse, make_reward, make_rule, pointers


def test_a_new_reward_is_live_and_in_the_list(client: FlaskClient, world: World) -> None:
    reward = make_reward(client, world, locales={"en": {"name": "A coffee"}}, stock=5)

    listed = client.get("/v1/rewards", headers=world.as_("till")).json["data"]

    assert listed == [reward]
    assert (reward["status"], reward["price"], reward["stock"]) == ("live", 0, 5)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "pony"}, "#/kind"),
        ({"value": {}}, "#/value/name"),
        ({"value": {"name": "Café", "colour": "brown"}}, "#/value/colour"),
        ({"kind": "percent_off", "value": {"percent": 10.5}}, "#/value/percent"),
        ({"kind": "percent_off", "value": {"percent": "101"}}, "#/value/percent"),
        ({"kind": "amount_off", "value": {"amount": 0, "currency": "EUR"}}, "#/value/amount"),
        ({"kind": "amount_off", "value": {"amount": 5, "currency": "USD"}}, "#/value/currency"),
        ({"price": 10}, "#/purse_id"),
        ({"price": -1}, "#/price"),
        ({"price": 1.5}, "#/price"),
        ({"stock": -1}, "#/stock"),
        ({"per_member": 0}, "#/per_member"),
        ({"purse_id": ids.show("purse", ids.new_id())}, "#/purse_id"),
        ({"partner_id": ids.show("partner", ids.new_id())}, "#/partner_id"),
        ({"status": "archived"}, "#/status"),
        ({"locales": {"fr": {"name": "x" * 201}}}, "#/locales/fr/name"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: FlaskClient, world: World, fields: dict[str, object], pointer: str
) -> None:
    body = {"name": "Un café", "kind": "free_item", "value": {"name": "Café"}} | fields

    assert pointers(client.post("/v1/rewards", json=body, headers=world.as_("marketer"))) == [pointer]


def test_cash_goes_into_a_money_purse_of_the_programme(client: FlaskClient, world: World) -> None:
    points, money = make_purse(client, world), make_purse(client, world, kind="money")
    foreign = make_purse(client, make_world(world.database), kind="money")

    def offer(purse: dict[str, str]) -> object:
        body = {"name": "Cash", "kind": "cash", "value": {"purse_id": purse["id"], "amount": 500}}
        return client.post("/v1/rewards", json=body, headers=world.as_("owner"))

    assert pointers(offer(points)) == ["#/value/purse_id"]
    assert pointers(offer(foreign)) == ["#/value/purse_id"]
    assert offer(money).status_code == 201  # type: ignore[attr-defined]


def test_a_limit_is_taken_away_by_null(client: FlaskClient, world: World) -> None:
    reward = make_reward(client, world, stock=5, per_member=1)

    changed = client.patch(f"/v1/rewards/{reward['id']}", json={"stock": None}, headers=world.as_("owner")).json

    assert "stock" not in changed
    assert changed["per_member"] == 1


def test_a_new_kind_comes_with_its_value(client: FlaskClient, world: World) -> None:
    reward = make_reward(client, world)
    path = f"/v1/rewards/{reward['id']}"

    bare = client.patch(path, json={"kind": "percent_off"}, headers=world.as_("owner"))
    whole = client.patch(path, json={"kind": "percent_off", "value": {"percent": "10"}}, headers=world.as_("owner"))

    assert pointers(bare) == ["#/value/percent"]
    assert whole.json["value"] == {"percent": "10"}


def test_who_read_an_older_reward_is_told(client: FlaskClient, world: World) -> None:
    reward = make_reward(client, world)
    path = f"/v1/rewards/{reward['id']}"
    tag = client.get(path, headers=world.as_("owner")).headers["ETag"]
    headers = world.as_("owner") | {"If-Match": tag}

    first = client.patch(path, json={"name": "Un"}, headers=headers)
    second = client.patch(path, json={"name": "Deux"}, headers=headers)
    third = client.patch(path, json={"name": "Trois"}, headers=headers | {"If-Match": first.headers["ETag"]})

    assert (first.status_code, second.status_code, third.status_code) == (200, 412, 200)


def test_who_repeats_a_change_gets_its_tag_again(client: FlaskClient, world: World) -> None:
    path = f"/v1/rewards/{make_reward(client, world)['id']}"
    headers = world.as_("owner") | {"Idempotency-Key": "once"}

    first = client.patch(path, json={"name": "Un"}, headers=headers)
    again = client.patch(path, json={"name": "Un"}, headers=headers)
    then = client.patch(path, json={"name": "Deux"}, headers=world.as_("owner") | {"If-Match": again.headers["ETag"]})

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["ETag"] == first.headers["ETag"]
    assert then.status_code == 200


def test_an_archived_reward_is_only_listed_when_asked_for(client: FlaskClient, world: World) -> None:
    reward = make_reward(client, world)

    answer = client.delete(f"/v1/rewards/{reward['id']}", headers=world.as_("marketer"))

    archived = client.get("/v1/rewards?status=archived", headers=world.as_("owner")).json["data"]
    assert answer.status_code == 204
    assert client.get("/v1/rewards", headers=world.as_("owner")).json["data"] == []
    assert [row["id"] for row in archived] == [reward["id"]]


def test_a_reward_that_is_given_is_not_archived(client: FlaskClient, world: World) -> None:
    reward = make_reward(client, world)
    purse = make_purse(client, world, kind="stamps", goal=10, reward_id=reward["id"])
    rule = make_rule(client, world, effects=[{"kind": "voucher", "reward_id": reward["id"]}])

    answer = client.delete(f"/v1/rewards/{reward['id']}", headers=world.as_("owner"))

    assert (answer.status_code, answer.json["used_by"]) == (409, [purse["id"], rule["id"]])


def test_a_reward_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = make_reward(client, make_world(world.database))

    answer = client.patch(f"/v1/rewards/{foreign['id']}", json={"name": "Mine"}, headers=world.as_("owner"))

    assert answer.status_code == 404


def test_a_cashier_may_not_offer_rewards(client: FlaskClient, world: World) -> None:
    body = {"name": "Mine", "kind": "free_delivery"}

    assert client.post("/v1/rewards", json=body, headers=world.as_("cashier")).status_code == 403
