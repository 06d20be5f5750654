"""Devices: an address belongs to the person who signed in last."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock, ids
from app.models import Device
from app.services import jobs
from tests.world import World
from tests.world_members import Person, make_customer
from tests.world_signing import make_customer as make_signed_in


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


@pytest.mark.parametrize("leave", ["sign_out", "erase"])
def test_a_phone_that_is_registered_right_behind_the_sign_out_is_not_noted(
    client: FlaskClient, world: World, leave: str
) -> None:
    ana = make_signed_in(world.database)
    phone = {"token": ids.secret_text(), "platform": "android"}
    # Whoever asked a moment ago is known without asking the database again.
    assert client.post("/v1/me/devices", json=phone, headers=ana.headers).status_code == 201
    if leave == "erase":
        gone = client.delete("/v1/me", headers=ana.headers)
    else:
        gone = client.post("/v1/customers/revoke", json={"refresh_token": ana.refresh})
    assert gone.status_code == 204

    late = client.post("/v1/me/devices", json=phone, headers=ana.headers)

    assert late.status_code == 401
    with world.database.across_programs() as session:
        assert session.scalar(select(func.count()).where(Device.address == phone["token"])) == 0


def test_an_address_that_replaces_another_on_the_phone_replaces_it_here(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    register(client, ana, ids.secret_text())

    # Firebase gave the app an installation id in its token's place.
    fid = {"fid": ids.secret_text(), "platform": "android"}
    client.post("/v1/me/devices", json=fid, headers=ana.headers)

    assert [one["kind"] for one in listed(client, ana)] == ["fid"]


def test_a_device_keeps_its_language_and_zone(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    register(client, ana, ids.secret_text(), locale="fr", timezone="Indian/Reunion")

    assert [(one["locale"], one["timezone"]) for one in listed(client, ana)] == [("fr", "Indian/Reunion")]


def test_a_phone_brings_its_owners_language_until_they_choose_another(client: FlaskClient, world: World) -> None:
    ana, phone = make_customer(world.database), ids.secret_text()

    register(client, ana, phone, locale="en-GB")
    first = language(client, ana)
    register(client, ana, phone, locale="de")
    followed = language(client, ana)
    client.patch("/v1/me", json={"locale": "fr"}, headers=ana.headers)
    register(client, ana, phone, locale="it")

    assert (first, followed, language(client, ana)) == ("en-GB", "de", "fr")


def test_a_zone_that_nobody_knows_is_refused(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    answer = register(client, ana, ids.secret_text(), timezone="Europe/Bastille")

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/timezone")


def test_a_device_is_stale_after_a_month_and_gone_after_270_days(client: FlaskClient, world: World) -> None:
    ana, bob = make_customer(world.database), make_customer(world.database)
    for person, days in ((ana, 31), (bob, 271)):
        register(client, person, ids.secret_text())
        unheard_of(world, person, days=days)

    jobs.forget_devices(world.database)

    assert [one["stale"] for one in listed(client, ana)] == [True]
    assert listed(client, bob) == []


def test_starting_the_app_again_makes_a_stale_device_fresh(client: FlaskClient, world: World) -> None:
    ana, address = make_customer(world.database), ids.secret_text()
    register(client, ana, address)
    unheard_of(world, ana, days=100)

    register(client, ana, address)

    assert [one["stale"] for one in listed(client, ana)] == [False]


def test_an_app_that_keeps_its_sign_in_keeps_its_device(client: FlaskClient, world: World) -> None:
    ana = make_signed_in(world.database)
    client.post("/v1/me/devices", json={"token": ids.secret_text(), "platform": "ios"}, headers=ana.headers)
    with world.database.transaction(customer_id=ids.parse("customer", ana.id)) as session:
        session.scalars(select(Device)).one().last_contact_at = clock.now() - timedelta(days=60)

    renewed = client.post("/v1/customers/refresh", json={"refresh_token": ana.refresh}).json["access_token"]

    [device] = client.get("/v1/me/devices", headers={"Authorization": f"Bearer {renewed}"}).json["data"]
    assert device["stale"] is False


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


def listed(client: FlaskClient, person: Person) -> list[dict[str, object]]:
    """The person's devices as the person sees them."""
    devices: list[dict[str, object]] = client.get("/v1/me/devices", headers=person.headers).json["data"]
    return devices


def language(client: FlaskClient, person: Person) -> str | None:
    """What the person's offers are written in, where a programme knows nothing better."""
    spoken: str | None = client.get("/v1/me", headers=person.headers).json.get("locale")
    return spoken


def unheard_of(world: World, person: Person, *, days: int) -> None:
    """Let nothing be heard of the person's phone for so many days."""
    with world.database.transaction(customer_id=person.id) as session:
        session.scalars(select(Device)).one().last_contact_at = clock.now() - timedelta(days=days)


def register(client: FlaskClient, person: Person, address: str, **fields: str):  # noqa: ANN201 - a test response
    """Register a phone of the person."""
    body = {"token": address, "platform": "android", **fields}
    return client.post("/v1/me/devices", json=body, headers=person.headers)
