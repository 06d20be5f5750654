"""A programme's own Firebase project over HTTP: checked whole, sealed, never shown."""

import json
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models import PushCredential
from app.services import push_credentials, service_accounts
from tests.world import World, make_world

PATH = "/v1/program/push-credentials"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


@cache
def rsa_pem(bits: int = 2048) -> str:
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def account(**changes: Any) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "cafe-assidu-app",
        "private_key_id": "0123",
        "private_key": rsa_pem(),
        "client_email": "firebase-adminsdk@cafe-assidu-app.iam.gserviceaccount.com",
        "token_uri": service_accounts.TOKEN_URI,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        **changes,
    }


def test_what_was_put_is_shown_without_its_key(client: FlaskClient, world: World) -> None:
    put = client.put(PATH, json=account(), headers=world.as_("owner"))
    got = client.get(PATH, headers=world.as_("owner"))
    assert (put.status_code, got.status_code) == (200, 200)
    assert got.json == put.json
    assert set(got.json) == {"project", "client_email", "updated_at"}
    assert got.json["project"] == "cafe-assidu-app"


def test_the_key_is_sealed_at_rest_and_bound_to_its_programme(client: FlaskClient, world: World) -> None:
    client.put(PATH, json=account(), headers=world.as_("owner"))
    with world.database.transaction(world.program_id) as session:
        row = session.scalars(select(PushCredential)).one()
        assert push_credentials.unseal(world.database.keyring, row)["private_key"] == rsa_pem()
        stored = bytes(row.sealed)
    for secret in (rsa_pem(), rsa_pem().splitlines()[3], "service_account"):
        assert secret.encode() not in stored


def test_another_takes_the_place_of_the_one_before_and_taking_it_away_ends_it(
    client: FlaskClient, world: World
) -> None:
    client.put(PATH, json=account(), headers=world.as_("owner"))
    client.put(PATH, json=account(project_id="other-app-1"), headers=world.as_("owner"))
    assert client.get(PATH, headers=world.as_("owner")).json["project"] == "other-app-1"
    assert client.delete(PATH, headers=world.as_("owner")).status_code == 204
    assert client.get(PATH, headers=world.as_("owner")).status_code == 404
    assert client.delete(PATH, headers=world.as_("owner")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": "authorized_user"}, "#/type"),
        ({"project_id": "Not A Project"}, "#/project_id"),
        ({"project_id": "../../evil"}, "#/project_id"),
        ({"client_email": "somebody@example.com"}, "#/client_email"),
        ({"token_uri": "https://169.254.169.254/token"}, "#/token_uri"),
        ({"token_uri": "http://localhost:5432/"}, "#/token_uri"),
        ({"private_key": "not a key"}, "#/private_key"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "#/private_key"),
        ({"private_key": pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))}, "#/private_key"),  # noqa: S505
    ],
)
def test_a_file_that_cannot_be_right_is_refused_by_its_field_and_not_repeated(
    client: FlaskClient, world: World, changes: dict[str, Any], pointer: str
) -> None:
    answer = client.put(PATH, json=account(**changes), headers=world.as_("owner"))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert "PRIVATE KEY" not in json.dumps(answer.json)
    assert client.get(PATH, headers=world.as_("owner")).status_code == 404


def test_a_key_that_would_take_minutes_to_check_is_not_looked_at(client: FlaskClient, world: World) -> None:
    endless = account(private_key=rsa_pem() + "x" * service_accounts.KEY_LENGTH_MAX)
    answer = client.put(PATH, json=endless, headers=world.as_("owner"))
    assert answer.status_code == 422
    assert answer.json["errors"] == [{"pointer": "#/private_key", "detail": "is longer than any key of Google's"}]


def test_all_that_is_wrong_is_said_at_once(client: FlaskClient, world: World) -> None:
    wrong = account(type="x", project_id="x", private_key="x", client_email="x", token_uri="x")
    answer = client.put(PATH, json=wrong, headers=world.as_("owner"))
    assert len(answer.json["errors"]) == 5


@pytest.mark.parametrize("who", ["marketer", "cashier", "till"])
def test_only_an_owner_sees_or_sets_it(client: FlaskClient, world: World, who: str) -> None:
    answers = [
        client.get(PATH, headers=world.as_(who)),
        client.put(PATH, json=account(), headers=world.as_(who)),
        client.delete(PATH, headers=world.as_(who)),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3


def test_another_programme_has_none_of_it(client: FlaskClient, world: World) -> None:
    client.put(PATH, json=account(), headers=world.as_("owner"))
    other = make_world(world.database)
    assert client.get(PATH, headers=other.as_("owner")).status_code == 404
