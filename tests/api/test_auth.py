"""Staff signing in over HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import limits
from app import clock, ids
from app.db import Database
from app.services import second_factors
from tests.world import World
from tests.world_signing import PASSWORD, make_customer, make_person, new_address, somewhere


def token(client: FlaskClient, email: str, password: str = PASSWORD, **more: Any) -> TestResponse:
    return client.post(
        "/v1/auth/token", json={"email": email, "password": password, **more}, environ_base=somewhere()
    )  # fmt: skip


def refresh(client: FlaskClient, refresh_token: str) -> TestResponse:
    return client.post("/v1/auth/refresh", json={"refresh_token": refresh_token})


def bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


@pytest.fixture
def owner(client: FlaskClient, world: World) -> dict[str, Any]:
    """An owner who signed in: the answer's body."""
    body: dict[str, Any] = token(client, make_person(world)).json
    return body


@pytest.fixture
def still() -> Iterator[None]:
    """Hold the clock, so that no window of a limit ends while a test counts."""
    with clock.held(clock.now()):
        yield


def test_a_sign_in_says_who_and_where(client: FlaskClient, world: World) -> None:
    address = make_person(world, role="marketer")

    body = token(client, address).json

    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert (body["staff"]["email"], body["staff"]["role"]) == (address, "marketer")
    assert body["program"]["id"] == ids.show("program", world.program_id)
    assert client.get("/v1/stores", headers=bearer(body["access_token"])).status_code == 200


def test_an_address_is_the_same_however_it_is_typed(client: FlaskClient, world: World) -> None:
    assert token(client, make_person(world).upper()).status_code == 200


def test_unknown_and_wrong_are_answered_alike(client: FlaskClient, world: World) -> None:
    wrong = token(client, make_person(world), "quatre petits thés")
    unknown = token(client, new_address(), "quatre petits thés")

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json | {"request_id": ""} == unknown.json | {"request_id": ""}
    assert wrong.json["code"] == "sign-in-refused"
    assert set(dict(wrong.headers)) == set(dict(unknown.headers))


def test_somebody_who_left_is_unknown(client: FlaskClient, world: World) -> None:
    address = make_person(world)
    person = token(client, address).json["staff"]
    client.delete(f"/v1/staff/{person['id']}", headers=world.as_("owner"))

    assert token(client, address).status_code == 401


@pytest.mark.usefixtures("still")
def test_the_eleventh_guess_at_an_address_is_refused_even_if_right(client: FlaskClient, world: World) -> None:
    address = make_person(world)
    for _ in range(limits.SIGN_IN_ADDRESS.quota):
        assert token(client, address, "quatre petits thés").status_code == 401

    answer = token(client, address)

    assert (answer.status_code, answer.json["code"]) == (429, "too-many-requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert answer.json["retry_after"] == int(answer.headers["Retry-After"])


@pytest.mark.usefixtures("still")
def test_guesses_at_one_address_do_not_lock_another(client: FlaskClient, world: World) -> None:
    one, other = make_person(world), make_person(world)
    for _ in range(limits.SIGN_IN_ADDRESS.quota + 1):
        token(client, one, "quatre petits thés")

    assert token(client, other).status_code == 200


@pytest.mark.usefixtures("still")
def test_signing_in_forgets_earlier_mistakes(client: FlaskClient, world: World) -> None:
    address = make_person(world)
    for _ in range(limits.SIGN_IN_ADDRESS.quota - 1):
        token(client, address, "quatre petits thés")
    assert token(client, address).status_code == 200

    assert token(client, address, "quatre petits thés").status_code == 401


@pytest.mark.usefixtures("still")
def test_one_client_cannot_try_many_addresses(client: FlaskClient) -> None:
    here = somewhere()
    body = {"email": "not an address", "password": "x"}
    tries = [client.post("/v1/auth/token", json=body, environ_base=here) for _ in range(limits.SIGN_IN_CLIENT.quota)]

    refused = client.post("/v1/auth/token", json=body, environ_base=here)

    assert {one.status_code for one in tries} == {422}
    assert refused.status_code == 429
    assert client.post("/v1/auth/token", json=body, environ_base=somewhere()).status_code == 422


def test_the_headers_say_how_many_tries_are_left(client: FlaskClient) -> None:
    with clock.held(clock.now().replace(minute=0, second=0, microsecond=0)):
        answer = token(client, new_address())

    policies = '"sign-in-client";q=200;w=900, "sign-in-address";q=10;w=900, "client";'
    assert answer.headers["RateLimit-Policy"].startswith(policies)
    assert answer.headers["RateLimit"].startswith('"sign-in-client";r=199;t=900, "sign-in-address";r=9;t=900, ')


def test_a_refresh_replaces_both_tokens(client: FlaskClient, owner: dict[str, Any]) -> None:
    body = refresh(client, owner["refresh_token"]).json

    assert body["refresh_token"].startswith("rst_")
    assert client.get("/v1/staff/me", headers=bearer(body["access_token"])).json == owner["staff"]
    assert client.get("/v1/staff/me", headers=bearer(owner["access_token"])).status_code == 401


def test_an_access_token_lives_fifteen_minutes(client: FlaskClient, world: World) -> None:
    address = make_person(world)
    with clock.held(clock.now()):
        headers = bearer(token(client, address).json["access_token"])
        clock.advance(timedelta(minutes=14, seconds=59))
        assert client.get("/v1/staff/me", headers=headers).status_code == 200
        clock.advance(timedelta(seconds=6))
        assert client.get("/v1/staff/me", headers=headers).status_code == 401


def test_a_lost_answer_is_given_again(client: FlaskClient, owner: dict[str, Any]) -> None:
    with clock.held(clock.now()):
        lost = refresh(client, owner["refresh_token"]).json
        clock.advance(timedelta(seconds=9))
        again = refresh(client, owner["refresh_token"]).json

    assert again["refresh_token"] == lost["refresh_token"]
    assert again["access_token"] == lost["access_token"]


def test_a_replaced_token_signs_the_whole_family_out(client: FlaskClient, owner: dict[str, Any]) -> None:
    with clock.held(clock.now()):
        current = refresh(client, owner["refresh_token"]).json
        clock.advance(timedelta(seconds=11))
        stolen = refresh(client, owner["refresh_token"])
        honest = refresh(client, current["refresh_token"])
        access = client.get("/v1/staff/me", headers=bearer(current["access_token"]))

    assert (stolen.status_code, honest.status_code, access.status_code) == (401, 401, 401)


def test_a_token_of_long_ago_signs_the_whole_family_out(client: FlaskClient, owner: dict[str, Any]) -> None:
    second = refresh(client, owner["refresh_token"]).json
    third = refresh(client, second["refresh_token"]).json

    assert refresh(client, owner["refresh_token"]).status_code == 401
    assert refresh(client, third["refresh_token"]).status_code == 401


def test_a_forged_token_signs_nobody_out(client: FlaskClient, owner: dict[str, Any]) -> None:
    family = owner["refresh_token"][: len("rst_") + 33]
    forged = family + "A" * 64

    assert refresh(client, forged).status_code == 401
    assert refresh(client, owner["refresh_token"]).status_code == 200


def test_another_sign_in_of_the_same_person_outlives_the_theft(client: FlaskClient, world: World) -> None:
    address = make_person(world)
    one, other = token(client, address).json, token(client, address).json
    for _ in range(2):
        one = one | refresh(client, one["refresh_token"]).json
    client.post("/v1/auth/revoke", json={"refresh_token": one["refresh_token"]})

    assert refresh(client, one["refresh_token"]).status_code == 401
    assert refresh(client, other["refresh_token"]).status_code == 200


def test_twenty_refreshes_at_once_have_one_child(application: Flask, owner: dict[str, Any]) -> None:
    with clock.held(clock.now()), ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: refresh(application.test_client(), owner["refresh_token"]), range(20)))

    children = {(answer.status_code, answer.json["refresh_token"], answer.json["access_token"]) for answer in answers}
    assert len(children) == 1
    ((status, child, access),) = children
    assert status == 200
    assert application.test_client().get("/v1/staff/me", headers=bearer(access)).status_code == 200
    assert refresh(application.test_client(), child).status_code == 200


def test_signing_out_twice_is_no_error(client: FlaskClient, owner: dict[str, Any]) -> None:
    body = {"refresh_token": owner["refresh_token"]}

    assert [client.post("/v1/auth/revoke", json=body).status_code for _ in range(2)] == [204, 204]
    assert client.get("/v1/staff/me", headers=bearer(owner["access_token"])).status_code == 401
    assert client.post("/v1/auth/revoke", json={"refresh_token": "rst_nothing"}).status_code == 204


def test_a_customers_token_is_none_of_the_staffs(client: FlaskClient, owner: dict[str, Any]) -> None:
    as_customer = owner["refresh_token"].replace("rst_", "rcu_")

    assert client.post("/v1/customers/refresh", json={"refresh_token": as_customer}).status_code == 401
    assert client.post("/v1/customers/refresh", json={"refresh_token": owner["refresh_token"]}).status_code == 401


def test_the_general_way_takes_a_customers_token_and_gives_a_customers_pair(
    client: FlaskClient, database: Database
) -> None:
    ana = make_customer(database)

    pair = client.post("/v1/auth/refresh", json={"refresh_token": ana.refresh}).json

    assert client.get("/v1/me", headers=bearer(pair["access_token"])).json["id"] == ana.id
    assert client.get("/v1/staff/me", headers=bearer(pair["access_token"])).status_code == 403
    assert client.post("/v1/auth/revoke", json={"refresh_token": pair["refresh_token"]}).status_code == 204
    assert client.post("/v1/customers/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401


def with_totp(client: FlaskClient, owner: dict[str, Any]) -> str:
    headers = bearer(owner["access_token"])
    secret = str(client.post("/v1/staff/me/totp", headers=headers).json["secret"])
    code = second_factors.code_at(secret, clock.unix_seconds())
    assert client.post("/v1/staff/me/totp/confirm", json={"code": code}, headers=headers).status_code == 204
    clock.advance(timedelta(seconds=30))
    return secret


def test_with_a_second_factor_the_password_is_not_enough(client: FlaskClient, owner: dict[str, Any]) -> None:
    with clock.held(clock.now()):
        with_totp(client, owner)
        answer = token(client, owner["staff"]["email"])
        wrong_password = token(client, owner["staff"]["email"], "quatre petits thés")

    assert (answer.status_code, answer.json["code"]) == (401, "totp-required")
    assert wrong_password.json["code"] == "sign-in-refused"


def test_a_code_of_the_second_factor_works_once(client: FlaskClient, owner: dict[str, Any]) -> None:
    with clock.held(clock.now()):
        secret = with_totp(client, owner)
        code = second_factors.code_at(secret, clock.unix_seconds())
        first = token(client, owner["staff"]["email"], totp=code)
        again = token(client, owner["staff"]["email"], totp=code)

    assert (first.status_code, again.status_code) == (200, 401)
    assert first.json["staff"]["totp"] is True


def test_a_second_factor_that_was_not_confirmed_is_not_asked_for(client: FlaskClient, owner: dict[str, Any]) -> None:
    client.post("/v1/staff/me/totp", headers=bearer(owner["access_token"]))

    assert token(client, owner["staff"]["email"]).status_code == 200


def test_a_wrong_code_does_not_turn_the_second_factor_on(client: FlaskClient, owner: dict[str, Any]) -> None:
    headers = bearer(owner["access_token"])
    with clock.held(clock.now()):
        secret = client.post("/v1/staff/me/totp", headers=headers).json["secret"]
        late = second_factors.code_at(secret, clock.unix_seconds() + 300)
        answer = client.post("/v1/staff/me/totp/confirm", json={"code": late}, headers=headers)

    assert answer.status_code == 422
    assert token(client, owner["staff"]["email"]).status_code == 200


def test_an_owner_helps_somebody_who_lost_their_phone(client: FlaskClient, owner: dict[str, Any], world: World) -> None:
    with clock.held(clock.now()):
        with_totp(client, owner)
        client.delete(f"/v1/staff/{owner['staff']['id']}/totp", headers=world.as_("owner"))

        assert token(client, owner["staff"]["email"]).status_code == 200
        assert refresh(client, owner["refresh_token"]).status_code == 401


@pytest.mark.parametrize("name", ["api_key", "access_token", "q"])
def test_a_key_in_an_address_is_refused(client: FlaskClient, world: World, name: str) -> None:
    answer = client.get(f"/v1/stores?{name}={world.till_key}", headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (400, "key-in-url")
    assert world.till_key not in answer.text


def test_a_password_is_taken_as_it_is_typed(client: FlaskClient, world: World) -> None:
    assert token(client, make_person(world), f" {PASSWORD} ").status_code == 401


@pytest.mark.parametrize("password", ["x" * 201, "", "a\0b", 12, None])
def test_a_password_that_cannot_be_one_is_named(client: FlaskClient, password: Any) -> None:
    answer = token(client, new_address(), password)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/password"
