"""Staff over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import ids
from app.models import AuditEntry, Staff
from tests.world import World, make_world
from tests.world_signing import PASSWORD, make_person, new_address, somewhere


def add(client: FlaskClient, world: World, **values: Any) -> Any:
    body = {"email": new_address(), "name": "Léa", "role": "cashier", "password": PASSWORD, **values}
    return client.post("/v1/staff", json=body, headers=world.as_("owner"))


def signed_in(client: FlaskClient, email: str, password: str = PASSWORD) -> Any:
    return client.post("/v1/auth/token", json={"email": email, "password": password}, environ_base=somewhere())


def test_a_new_person_signs_in(client: FlaskClient, world: World) -> None:
    made = add(client, world, email="Lea." + new_address())

    assert made.status_code == 201
    assert "password" not in made.json
    assert signed_in(client, made.json["email"]).json["staff"] == made.json


def test_people_of_other_programmes_are_not_listed(client: FlaskClient, world: World) -> None:
    stranger = add(client, make_world(world.database)).json

    listed = client.get("/v1/staff?limit=100", headers=world.as_("owner")).json["data"]

    assert len(listed) == 3
    assert stranger["id"] not in {one["id"] for one in listed}
    assert client.get(f"/v1/staff/{stranger['id']}", headers=world.as_("owner")).status_code == 404


def test_a_list_goes_on_where_it_stopped(client: FlaskClient, world: World) -> None:
    first = client.get("/v1/staff?limit=2", headers=world.as_("owner")).json
    second = client.get(f"/v1/staff?limit=2&after={first['next']}", headers=world.as_("owner")).json

    assert [one["role"] for one in first["data"] + second["data"]] == ["owner", "marketer", "cashier"]
    assert "next" not in second


@pytest.mark.parametrize("who", ["marketer", "cashier", "till"])
def test_only_owners_see_and_make_staff(client: FlaskClient, world: World, who: str) -> None:
    assert client.get("/v1/staff", headers=world.as_(who)).status_code == 403
    assert client.post("/v1/staff", json={}, headers=world.as_(who)).status_code == 403


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "password1234",
        "MotDePasse2026!",
        "azertyuiop123",
        "aaaaaaaaaaaaaaaa",
        "123456789012",
        "qwertyqwerty",
    ],
)
def test_weak_passwords_are_refused(client: FlaskClient, world: World, password: str) -> None:
    answer = add(client, world, password=password)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/password"


def test_a_password_does_not_contain_the_address(client: FlaskClient, world: World) -> None:
    name = f"lea{ids.digits(8)}"

    assert add(client, world, email=f"{name}@cafe.example", password=f"je suis {name} !").status_code == 422


def test_an_address_signs_in_to_one_programme(client: FlaskClient, world: World) -> None:
    address = make_person(make_world(world.database))

    answer = add(client, world, email=address)

    assert (answer.status_code, answer.json["code"]) == (409, "address-taken")


def test_somebody_who_left_can_come_back(client: FlaskClient, world: World) -> None:
    made = add(client, world).json
    client.delete(f"/v1/staff/{made['id']}", headers=world.as_("owner"))

    again = add(client, world, email=made["email"])

    assert again.status_code == 201
    assert again.json["id"] != made["id"]


def test_who_leaves_is_signed_out(client: FlaskClient, world: World) -> None:
    made = add(client, world).json
    tokens = signed_in(client, made["email"]).json

    assert client.delete(f"/v1/staff/{made['id']}", headers=world.as_("owner")).status_code == 204
    answer = client.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 401
    assert client.get(f"/v1/staff/{made['id']}", headers=world.as_("owner")).status_code == 404


def test_a_cashier_is_bound_to_stores(client: FlaskClient, world: World) -> None:
    store = ids.show("store", world.store_id)
    made = add(client, world, store_ids=[store]).json
    changed = client.patch(f"/v1/staff/{made['id']}", json={"store_ids": []}, headers=world.as_("owner")).json

    assert made["store_ids"] == [store]
    assert changed["store_ids"] == []


def test_a_store_of_another_programme_is_named(client: FlaskClient, world: World) -> None:
    foreign = ids.show("store", make_world(world.database).store_id)

    answer = add(client, world, store_ids=[ids.show("store", world.store_id), foreign])

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/store_ids/1"


def only_owner(client: FlaskClient, world: World) -> str:
    return str(client.get("/v1/staff/me", headers=world.as_("owner")).json["id"])


def test_the_last_owner_cannot_leave(client: FlaskClient, world: World) -> None:
    answer = client.delete(f"/v1/staff/{only_owner(client, world)}", headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (409, "last-owner")


def test_the_last_owner_cannot_become_a_cashier(client: FlaskClient, world: World) -> None:
    path = f"/v1/staff/{only_owner(client, world)}"

    assert client.patch(path, json={"role": "cashier"}, headers=world.as_("owner")).json["code"] == "last-owner"
    assert client.patch(path, json={"role": "owner"}, headers=world.as_("owner")).status_code == 200


def test_owners_who_archive_all_owners_at_once_leave_one(application: Flask, client: FlaskClient, world: World) -> None:
    owners = [add(client, world, role="owner").json["id"] for _ in range(5)] + [only_owner(client, world)]

    def archive(staff_id: str) -> int:
        return application.test_client().delete(f"/v1/staff/{staff_id}", headers=world.as_("owner")).status_code

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(archive, owners))

    with world.database.transaction(world.program_id) as session:
        left = session.scalars(select(Staff).where(Staff.role == "owner", Staff.archived_at.is_(None))).all()
    assert len(left) == 1


def test_a_new_password_takes_the_current_one(client: FlaskClient, world: World) -> None:
    address = make_person(world, role="cashier")
    here = signed_in(client, address).json
    elsewhere = signed_in(client, address).json
    headers = {"Authorization": f"Bearer {here['access_token']}"}
    new = "un thé vert sans sucre"

    without = client.patch("/v1/staff/me", json={"password": new}, headers=headers)
    answer = client.patch("/v1/staff/me", json={"password": new, "current_password": PASSWORD}, headers=headers)

    assert (without.status_code, answer.status_code) == (422, 200)
    assert signed_in(client, address).status_code == 401
    assert signed_in(client, address, new).status_code == 200
    still = client.post("/v1/auth/refresh", json={"refresh_token": here["refresh_token"]})
    gone = client.post("/v1/auth/refresh", json={"refresh_token": elsewhere["refresh_token"]})
    assert (still.status_code, gone.status_code) == (200, 401)


def test_nobody_makes_themselves_an_owner(client: FlaskClient, world: World) -> None:
    answer = client.patch("/v1/staff/me", json={"role": "owner"}, headers=world.as_("cashier"))

    assert answer.status_code == 422
    assert answer.json["errors"] == [{"pointer": "#/role", "detail": "Unknown field."}]


def test_what_was_done_to_staff_is_in_the_audit_log(client: FlaskClient, world: World) -> None:
    made = add(client, world).json
    client.patch(f"/v1/staff/{made['id']}", json={"role": "marketer"}, headers=world.as_("owner"))
    client.delete(f"/v1/staff/{made['id']}", headers=world.as_("owner"))

    with world.database.transaction(world.program_id) as session:
        log = session.scalars(select(AuditEntry).where(AuditEntry.subject == made["id"]).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in log] == ["staff.added", "staff.changed", "staff.archived"]
    assert {ids.show("staff", entry.staff_id) for entry in log if entry.staff_id} == {only_owner(client, world)}
    assert made["email"] not in str([entry.data for entry in log])
