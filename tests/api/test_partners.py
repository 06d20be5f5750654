"""Partners over HTTP."""

from flask.testing import FlaskClient

from app import ids
from tests.world import World, make_world
from tests.world_setup import made, make_purse, pointers


def test_a_new_partner_is_in_the_list(client: FlaskClient, world: World) -> None:
    partner = made(client, world, "partners", {"name": "Librairie"})

    listed = client.get("/v1/partners", headers=world.as_("cashier")).json["data"]

    assert [row["name"] for row in listed] == ["Café", "Librairie"]
    assert listed[1]["id"] == partner["id"]


def test_a_page_of_partners_leads_to_the_next(client: FlaskClient, world: World) -> None:
    made(client, world, "partners", {"name": "Librairie"})

    first = client.get("/v1/partners?limit=1", headers=world.as_("owner")).json
    second = client.get(f"/v1/partners?limit=1&after={first['next']}", headers=world.as_("owner")).json

    assert [row["name"] for row in first["data"] + second["data"]] == ["Café", "Librairie"]
    assert "next" not in second


def test_a_partner_gets_another_name(client: FlaskClient, world: World) -> None:
    partner = made(client, world, "partners", {"name": "Librairie"})

    client.patch(f"/v1/partners/{partner['id']}", json={"name": "Livres"}, headers=world.as_("owner"))

    assert client.get(f"/v1/partners/{partner['id']}", headers=world.as_("owner")).json["name"] == "Livres"


def test_a_partner_that_left_is_no_longer_listed(client: FlaskClient, world: World) -> None:
    partner = made(client, world, "partners", {"name": "Librairie"})

    answer = client.delete(f"/v1/partners/{partner['id']}", headers=world.as_("owner"))

    listed = client.get("/v1/partners", headers=world.as_("owner")).json["data"]
    assert answer.status_code == 204
    assert [row["name"] for row in listed] == ["Café"]


def test_a_partner_with_open_stores_stays(client: FlaskClient, world: World) -> None:
    answer = client.delete(f"/v1/partners/{ids.show('partner', world.partner_id)}", headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (409, "still-used")
    assert ids.show("store", world.store_id) in answer.json["used_by"]


def test_a_partner_with_a_purse_stays(client: FlaskClient, world: World) -> None:
    partner = made(client, world, "partners", {"name": "Librairie"})
    purse = make_purse(client, world, partner_id=partner["id"])

    answer = client.delete(f"/v1/partners/{partner['id']}", headers=world.as_("owner"))

    assert answer.json["used_by"] == [purse["id"]]


def test_a_partner_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = ids.show("partner", make_world(world.database).partner_id)

    for method in (client.get, client.delete):
        assert method(f"/v1/partners/{foreign}", headers=world.as_("owner")).status_code == 404
    changed = client.patch(f"/v1/partners/{foreign}", json={"name": "Mine"}, headers=world.as_("owner"))
    assert changed.status_code == 404


def test_what_is_no_partners_id_is_not_found(client: FlaskClient, world: World) -> None:
    for text in ("sto_" + "0" * 32, "prt_" + "g" * 32, "prt_", "²", "prt_" + "²" * 32):
        answer = client.get(f"/v1/partners/{text}", headers=world.as_("owner"))

        assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_a_nameless_partner_is_pointed_at(client: FlaskClient, world: World) -> None:
    answer = client.post("/v1/partners", json={}, headers=world.as_("owner"))

    assert pointers(answer) == ["#/name"]


def test_a_marketer_may_not_add_partners(client: FlaskClient, world: World) -> None:
    assert client.post("/v1/partners", json={"name": "X"}, headers=world.as_("marketer")).status_code == 403
