"""Devices: an address belongs to the person who signed in last."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import ids
from app.models import Device
from tests.world import World
from tests.world_members import Person, make_customer


def test_a_device_is_registered_once_and_kept_up_to_date(client: FlaskClient, world: World) -> None:
    ana, address = make_customer(world.database), ids.secret_text()

    first = register(client, ana, address, app_version="1.0")
    again = register(client, ana, address, app_version="1.1")

    assert (first.status_code, again.status_code) == (201, 200)
    listed = client.get("/v1/me/devices", headers=ana.headers).json["data"]
    assert [(one["id"], one["app_version"]) for one in listed] == [(first.json["id"], "1.1")]


def test_the_next_person_on_the_same_phone_takes_the_address(client: FlaskClient, world: World) -> None:
    ana, bob, address = make_customer(world.database), make_customer(world.database), ids.secret_text()
    register(client, ana, address)

    register(client, bob, address)

    assert client.get("/v1/me/devices", headers=ana.headers).json["data"] == []
    assert len(client.get("/v1/me/devices", headers=bob.headers).json["data"]) == 1


def test_a_device_ends_with_the_sign_in_it_is_bound_to(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    register(client, ana, ids.secret_text())

    with world.database.transaction(customer_id=ana.id) as session:
        assert session.scalars(select(Device.session_id)).one() == ana.session_id


def test_an_address_is_never_shown(client: FlaskClient, world: World) -> None:
    ana, address = make_customer(world.database), ids.secret_text()
    register(client, ana, address)

    assert address not in client.get("/v1/me/devices", headers=ana.headers).text


def test_a_removed_device_is_gone(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    device = register(client, ana, ids.secret_text()).json["id"]

    removed = client.delete(f"/v1/me/devices/{device}", headers=ana.headers)

    assert removed.status_code == 204
    assert client.get("/v1/me/devices", headers=ana.headers).json["data"] == []


def test_another_persons_device_is_not_found(client: FlaskClient, world: World) -> None:
    ana, bob = make_customer(world.database), make_customer(world.database)
    device = register(client, ana, ids.secret_text()).json["id"]

    assert client.delete(f"/v1/me/devices/{device}", headers=bob.headers).status_code == 404
    assert len(client.get("/v1/me/devices", headers=ana.headers).json["data"]) == 1


@pytest.mark.parametrize("addresses", [{}, {"token": "a", "fid": "b"}])
def test_a_device_has_exactly_one_address(client: FlaskClient, world: World, addresses: dict[str, str]) -> None:
    ana = make_customer(world.database)

    answer = client.post("/v1/me/devices", json={"platform": "web", **addresses}, headers=ana.headers)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/token")


def register(client: FlaskClient, person: Person, address: str, **fields: str):  # noqa: ANN201 - a test response
    """Register a phone of the person."""
    body = {"token": address, "platform": "android", **fields}
    return client.post("/v1/me/devices", json=body, headers=person.headers)
