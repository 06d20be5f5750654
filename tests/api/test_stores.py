"""Stores over HTTP."""

from flask.testing import FlaskClient

from tests.world import World, make_world


def test_a_new_store_is_in_the_list(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/stores", json={"name": "Gare"}, headers=world.as_("owner"))

    listed = client.get("/v1/stores", headers=world.as_("cashier")).json

    assert made.status_code == 201
    assert made.json["id"] in [store["id"] for store in listed["data"]]


def test_a_store_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = client.post("/v1/stores", json={"name": "Gare"}, headers=make_world(world.database).as_("owner")).json

    answer = client.get(f"/v1/stores/{foreign['id']}", headers=world.as_("owner"))

    assert answer.status_code == 404
    assert answer.json["code"] == "not-found"


def test_an_unknown_field_is_named(client: FlaskClient, world: World) -> None:
    answer = client.post("/v1/stores", json={"name": "Gare", "nom": "x"}, headers=world.as_("owner"))

    assert answer.status_code == 422
    assert answer.json["errors"] == [{"pointer": "#/nom", "detail": "Unknown field."}]


def test_the_same_key_gives_the_same_store(client: FlaskClient, world: World) -> None:
    headers = world.as_("owner") | {"Idempotency-Key": "one"}

    first = client.post("/v1/stores", json={"name": "Gare"}, headers=headers)
    again = client.post("/v1/stores", json={"name": "Gare"}, headers=headers)

    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(client: FlaskClient, world: World) -> None:
    headers = world.as_("owner") | {"Idempotency-Key": "one"}

    client.post("/v1/stores", json={"name": "Gare"}, headers=headers)
    other = client.post("/v1/stores", json={"name": "Port"}, headers=headers)

    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")


def test_a_cashier_may_not_open_stores(client: FlaskClient, world: World) -> None:
    answer = client.post("/v1/stores", json={"name": "Gare"}, headers=world.as_("cashier"))

    assert answer.status_code == 403


def test_without_a_token_the_answer_says_how_to_sign_in(client: FlaskClient) -> None:
    answer = client.get("/v1/stores")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_answer_says_where_to_read_what_it_made_and_so_does_its_repeat(client: FlaskClient, world: World) -> None:
    headers = world.as_("owner") | {"Idempotency-Key": "one"}

    answers = [client.post("/v1/stores", json={"name": "Gare"}, headers=headers) for _ in range(2)]

    (place,) = {answer.headers["Location"] for answer in answers}
    assert client.get(place, headers=world.as_("owner")).json == answers[0].json


def test_an_answer_without_a_body_claims_no_type(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/stores", json={"name": "Gare"}, headers=world.as_("owner"))

    closed = client.delete(made.headers["Location"], headers=world.as_("owner"))

    assert (closed.status_code, closed.get_data(), closed.content_type) == (204, b"", None)


def test_a_closed_store_is_not_changed(client: FlaskClient, world: World) -> None:
    path = client.post("/v1/stores", json={"name": "Gare"}, headers=world.as_("owner")).headers["Location"]
    client.delete(path, headers=world.as_("owner"))

    answer = client.patch(path, json={"name": "Port"}, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_no_store_is_opened_for_a_partner_that_left(client: FlaskClient, world: World) -> None:
    partner = client.post("/v1/partners", json={"name": "Ami"}, headers=world.as_("owner")).json["id"]
    body = {"name": "Gare", "partner_id": partner}
    client.delete(f"/v1/partners/{partner}", headers=world.as_("owner"))

    opened = client.post("/v1/stores", json=body, headers=world.as_("owner"))
    renamed = client.patch(f"/v1/partners/{partner}", json={"name": "Amie"}, headers=world.as_("owner"))

    assert (opened.status_code, opened.json["errors"][0]["pointer"]) == (422, "#/partner_id")
    assert renamed.status_code == 404
