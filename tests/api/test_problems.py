"""Real errors: each is a problem document as the API's own schema says, and its `type` is a page."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.operation import BODY_MAX_BYTES
from app import ids
from tests.world import World

Ask = Callable[[FlaskClient, World], TestResponse]


def nothing_there(client: FlaskClient, _: World) -> TestResponse:
    return client.get("/v1/nothing-here")


def nobody_of_that_id(client: FlaskClient, world: World) -> TestResponse:
    return client.get(f"/v1/stores/{ids.show('store', ids.new_id())}", headers=world.as_("owner"))


def an_id_of_another_kind(client: FlaskClient, world: World) -> TestResponse:
    return client.get(f"/v1/stores/{ids.show('purse', ids.new_id())}", headers=world.as_("owner"))


def another_method(client: FlaskClient, world: World) -> TestResponse:
    return client.put("/v1/stores", headers=world.as_("owner"), json={})


def too_much(client: FlaskClient, world: World) -> TestResponse:
    body = b'{"name": "' + b"a" * BODY_MAX_BYTES + b'"}'
    return client.post("/v1/stores", headers=world.as_("owner"), data=body, content_type="application/json")


def a_form(client: FlaskClient, world: World) -> TestResponse:
    return client.post("/v1/stores", headers=world.as_("owner"), data={"name": "Nation"})


def no_json(client: FlaskClient, world: World) -> TestResponse:
    return client.post("/v1/stores", headers=world.as_("owner"), data=b'{"name":', content_type="application/json")


def a_wrong_field(client: FlaskClient, world: World) -> TestResponse:
    return client.post("/v1/stores", headers=world.as_("owner"), json={"name": "", "surface": 12})


def a_wrong_query(client: FlaskClient, world: World) -> TestResponse:
    return client.get("/v1/stores?limit=many", headers=world.as_("owner"))


def no_key(client: FlaskClient, world: World) -> TestResponse:
    body = {"code": "A100000000000000000", "reward_id": "rwd_" + "0" * 32, "store_id": "sto_" + "0" * 32}
    return client.post("/v1/redemptions", headers=world.as_("till"), json=body)


def nobody(client: FlaskClient, _: World) -> TestResponse:
    return client.get("/v1/stores")


def an_old_token(client: FlaskClient, _: World) -> TestResponse:
    return client.get("/v1/stores", headers={"Authorization": f"Bearer ast_{ids.secret_text()}"})


def not_mine_to_do(client: FlaskClient, world: World) -> TestResponse:
    return client.post("/v1/stores", headers=world.as_("cashier"), json={"name": "Nation"})


def taken(client: FlaskClient, world: World) -> TestResponse:
    body = {"code": "points", "name": "Points", "kind": "points"}
    client.post("/v1/purses", headers=world.as_("owner"), json=body)
    return client.post("/v1/purses", headers=world.as_("owner"), json=body)


def changed_meanwhile(client: FlaskClient, world: World) -> TestResponse:
    headers = {**world.as_("owner"), "If-Match": '"another"'}
    return client.patch("/v1/program", headers=headers, json={"name": "Bar"})


CASES: list[tuple[Ask, int, str]] = [
    (nothing_there, 404, "no-such-path"),
    (nobody_of_that_id, 404, "not-found"),
    (an_id_of_another_kind, 404, "not-found"),
    (another_method, 405, "method-not-allowed"),
    (too_much, 413, "too-large"),
    (a_form, 415, "unsupported-media-type"),
    (no_json, 400, "malformed"),
    (a_wrong_field, 422, "invalid"),
    (a_wrong_query, 422, "invalid"),
    (no_key, 400, "idempotency-key-required"),
    (nobody, 401, "unauthenticated"),
    (an_old_token, 401, "unauthenticated"),
    (not_mine_to_do, 403, "forbidden"),
    (taken, 409, "purse-code-taken"),
    (changed_meanwhile, 412, "changed-meanwhile"),
]


@pytest.mark.parametrize(("ask", "status", "code"), CASES, ids=[case[0].__name__ for case in CASES])
def test_an_error_is_a_problem_document(
    application: Flask, client: FlaskClient, world: World, ask: Ask, status: int, code: str
) -> None:
    answer = ask(client, world)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["Request-Id"]
    assert refusals(application, answer.json) == []
    assert client.get(answer.json["type"]).mimetype == "text/html"


def test_a_method_that_is_not_there_says_which_are(client: FlaskClient, world: World) -> None:
    assert {"GET", "POST"} <= set(another_method(client, world).headers["Allow"].split(", "))


@pytest.mark.parametrize("ask", [nobody, an_old_token])
def test_who_is_not_signed_in_learns_how_to_be(client: FlaskClient, world: World, ask: Ask) -> None:
    assert ask(client, world).headers["WWW-Authenticate"].startswith("Bearer")


def test_every_wrong_field_is_pointed_at(client: FlaskClient, world: World) -> None:
    assert {one["pointer"] for one in a_wrong_field(client, world).json["errors"]} == {"#/name", "#/surface"}


def test_a_wrong_query_is_pointed_at(client: FlaskClient, world: World) -> None:
    assert [one["pointer"] for one in a_wrong_query(client, world).json["errors"]] == ["?/limit"]


def refusals(application: Flask, problem: dict[str, Any]) -> list[str]:
    """Return what the schema of problems says against this one."""
    document = application.test_client().get("/openapi.json").get_json()
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    return [error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(problem)]
