"""The audit log over HTTP."""

from flask.testing import FlaskClient

from tests.world import World, make_world


def test_a_change_of_set_up_is_in_the_log(client: FlaskClient, world: World) -> None:
    store = client.post("/v1/stores", json={"name": "Gare"}, headers=world.as_("owner")).json["id"]
    client.patch(f"/v1/stores/{store}", json={"name": "Port"}, headers=world.as_("owner"))

    log = client.get("/v1/audit-entries", headers=world.as_("owner")).json["data"]

    assert [(one["action"], one["subject"]) for one in log[:2]] == [("changeStore", store), ("createStore", store)]
    assert log[0]["data"] == {"fields": ["name"]}


def test_a_refused_change_leaves_no_trace(client: FlaskClient, world: World) -> None:
    client.post("/v1/stores", json={"name": ""}, headers=world.as_("owner"))

    assert client.get("/v1/audit-entries", headers=world.as_("owner")).json["data"] == []


def test_another_programmes_log_is_not_shown(client: FlaskClient, world: World) -> None:
    client.post("/v1/stores", json={"name": "Gare"}, headers=make_world(world.database).as_("owner"))

    assert client.get("/v1/audit-entries", headers=world.as_("owner")).json["data"] == []
