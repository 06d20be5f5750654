"""API keys over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.models import ApiKey
from tests.world import World, make_world


def make(client: FlaskClient, world: World, **values: Any) -> Any:
    return client.post("/v1/api-keys", json={"name": "Till", "scopes": ["till"], **values}, headers=world.as_("owner"))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_new_key_opens_what_its_scopes_say(client: FlaskClient, world: World) -> None:
    made = make(client, world).json

    assert made["key"].startswith("ask_live_")
    assert client.get("/v1/stores", headers=bearer(made["key"])).status_code == 200
    assert client.post("/v1/stores", json={"name": "Gare"}, headers=bearer(made["key"])).status_code == 403


def test_a_key_is_shown_once(client: FlaskClient, world: World) -> None:
    made = make(client, world).json

    got = client.get(f"/v1/api-keys/{made['id']}", headers=world.as_("owner"))
    listed = client.get("/v1/api-keys", headers=world.as_("owner"))

    assert got.json == {name: value for name, value in made.items() if name != "key"}
    assert got.json["hint"] == made["key"][-4:]
    assert made["key"] not in listed.text


def test_the_database_holds_a_hash_only(client: FlaskClient, world: World) -> None:
    made = make(client, world).json

    with world.database.transaction(world.program_id) as session:
        row = session.scalars(select(ApiKey).where(ApiKey.hint == made["hint"])).one()
    assert row.key_hash == ids.digest(made["key"])
    assert made["key"] not in str(vars(row))


def test_a_key_is_not_kept_under_an_idempotency_key(client: FlaskClient, world: World) -> None:
    body, headers = {"name": "Till", "scopes": ["till"]}, world.as_("owner") | {"Idempotency-Key": "one"}

    answers = [client.post("/v1/api-keys", json=body, headers=headers).json["key"] for _ in range(2)]

    assert answers[0] != answers[1]


def test_a_revoked_key_is_dead_within_five_seconds(client: FlaskClient, world: World) -> None:
    made = make(client, world).json
    with clock.held(clock.now()):
        assert client.get("/v1/stores", headers=bearer(made["key"])).status_code == 200
        assert client.delete(f"/v1/api-keys/{made['id']}", headers=world.as_("owner")).status_code == 204
        clock.advance(timedelta(seconds=5))
        answer = client.get("/v1/stores", headers=bearer(made["key"]))

    assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert client.get(f"/v1/api-keys/{made['id']}", headers=world.as_("owner")).status_code == 404


def test_a_key_changes_what_it_may_do_and_where_and_stays_the_same_key(client: FlaskClient, world: World) -> None:
    made = make(client, world).json
    place, owner = f"/v1/api-keys/{made['id']}", world.as_("owner")
    store = ids.show("store", world.store_id)

    changed = client.patch(place, json={"name": "Shop", "scopes": ["setup", "till"], "store_id": store}, headers=owner)
    freed = client.patch(place, json={"store_id": None}, headers=owner)

    assert changed.json == {k: v for k, v in made.items() if k != "key"} | {
        "name": "Shop", "scopes": ["setup", "till"], "store_id": store,
    }  # fmt: skip
    assert "store_id" not in freed.json
    assert client.post("/v1/partners", json={"name": "Boulangerie"}, headers=bearer(made["key"])).status_code == 201


@pytest.mark.parametrize(
    ("values", "pointer"),
    [({"scopes": []}, "#/scopes"), ({"scopes": ["owner"]}, "#/scopes/0"), ({"name": ""}, "#/name"),
     ({"name": None}, "#/name"), ({"key": "ask_live_x"}, "#/key"), ({"store_id": "sto_" + "0" * 32}, "#/store_id")],
)  # fmt: skip
def test_a_change_of_a_key_that_cannot_be_is_named(
    client: FlaskClient, world: World, values: dict[str, Any], pointer: str
) -> None:
    place = f"/v1/api-keys/{make(client, world).json['id']}"

    answer = client.patch(place, json=values, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_two_keys_live_side_by_side(client: FlaskClient, world: World) -> None:
    old, new = make(client, world).json, make(client, world).json
    client.delete(f"/v1/api-keys/{old['id']}", headers=world.as_("owner"))

    assert client.get("/v1/stores", headers=bearer(new["key"])).status_code == 200


@pytest.mark.parametrize("scopes", [[], ["owner"], ["till", "everything"], "till"])
def test_only_known_scopes_are_given(client: FlaskClient, world: World, scopes: Any) -> None:
    assert make(client, world, scopes=scopes).status_code == 422


def test_a_store_of_another_programme_is_named(client: FlaskClient, world: World) -> None:
    answer = make(client, world, store_id=ids.show("store", make_world(world.database).store_id))

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/store_id"


def test_a_closed_store_gets_no_key(client: FlaskClient, world: World) -> None:
    store = client.post("/v1/stores", json={"name": "Gare"}, headers=world.as_("owner")).json["id"]
    client.delete(f"/v1/stores/{store}", headers=world.as_("owner"))

    body = {"name": "Till", "scopes": ["till"], "store_id": store}
    answer = client.post("/v1/api-keys", json=body, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/store_id")


def test_a_key_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = make(client, make_world(world.database)).json

    assert client.delete(f"/v1/api-keys/{foreign['id']}", headers=world.as_("owner")).status_code == 404
    assert client.get("/v1/stores", headers=bearer(foreign["key"])).status_code == 200


def test_a_key_makes_no_keys(client: FlaskClient, world: World) -> None:
    setup = make(client, world, scopes=["setup", "members", "till"]).json["key"]

    answer = client.post("/v1/api-keys", json={"name": "x", "scopes": ["setup"]}, headers=bearer(setup))

    assert answer.status_code == 403
    assert client.get("/v1/staff", headers=bearer(setup)).status_code == 403
