"""What passes are signed with, over HTTP: checked whole, sealed, watched as it ages, never shown."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from structlog.testing import capture_logs

from app import clock, ids
from app.db import Database
from app.models import AuditEntry, WalletCredential
from app.services import jobs, wallet_credentials
from tests.world import World, make_world
from tests.world_apple import PATH, WalletServer, authority, new_pass_type, some_identity, upload_of, wallet_server


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletServer]:
    with wallet_server(database.settings, tmp_path_factory.mktemp("authority")) as running:
        yield running


def put(server: WalletServer, world: World, body: dict[str, Any]) -> Any:
    return server.client.put(PATH, json=body, headers=world.as_("owner"))


def listed(server: WalletServer, world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get(PATH, headers=world.as_("owner")).json["data"]
    return found


def test_what_was_put_is_shown_without_its_key(server: WalletServer, world: World) -> None:
    pass_type = new_pass_type()
    identity = authority().issue(pass_type, organization="Café Assidu")
    answer = put(server, world, upload_of(identity))
    assert answer.status_code == 200
    [shown] = listed(server, world)
    assert shown == answer.json
    assert set(shown) == {"id", "platform", "facts", "created_at", "not_after", "warnings"}
    assert shown["facts"]["pass_type_id"] == pass_type
    assert (shown["facts"]["organization"], shown["warnings"]) == ("Café Assidu", [])
    assert "PRIVATE" not in answer.text


def test_files_come_as_they_are_on_disks(server: WalletServer, world: World) -> None:
    body = upload_of(some_identity())
    windows = {name: text.replace("\n", "\r\n") for name, text in body.items()}
    assert put(server, world, windows).status_code == 200
    unreadable = put(server, world, body | {"certificate": "\u00e9\r\n"})
    assert (unreadable.status_code, unreadable.json["errors"][0]["pointer"]) == (422, "#/certificate")


def test_the_key_is_sealed_at_rest_and_named_in_no_log(server: WalletServer, world: World) -> None:
    identity = some_identity()
    with capture_logs() as logs:
        put(server, world, upload_of(identity))
    with world.database.transaction(world.program_id) as session:
        row = session.scalars(select(WalletCredential)).one()
        audit = session.scalars(select(AuditEntry).where(AuditEntry.action == "putWalletCredentials")).one()
    line = identity.key_pem.decode().splitlines()[3]
    assert line.encode() not in bytes(row.sealed)
    assert line not in f"{row.facts} {logs} {audit.data}"


def test_everything_wrong_is_named_and_nothing_is_kept(server: WalletServer, world: World) -> None:
    identity, other = some_identity(), some_identity(1)
    stranger = type(authority()).make().issue(new_pass_type())
    wrong: dict[str, dict[str, Any]] = {
        "#/private_key": upload_of(identity) | {"private_key": other.key_pem.decode()},
        "#/certificate": upload_of(stranger),
        "#/platform": upload_of(identity) | {"platform": "samsung"},
    }
    old = authority().issue(new_pass_type(), at=clock.now() - timedelta(days=400), days=10)
    answers = {pointer: put(server, world, body) for pointer, body in wrong.items()}
    answers["expired"] = put(server, world, upload_of(old))
    assert {answer.status_code for answer in answers.values()} == {422}
    for pointer in wrong:
        assert pointer in {error["pointer"] for error in answers[pointer].json["errors"]}
    assert "PRIVATE" not in " ".join(answer.text for answer in answers.values())
    assert listed(server, world) == []


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=6,
)
FILES = st.sampled_from([
    "", "-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "AAAA",
    "MIIB" * 20, "-----BEGIN EC PRIVATE KEY-----\n\n-----END EC PRIVATE KEY-----", "\r\n", "é" * 20, "=" * 8,
    "0" * 70_000,
])  # fmt: skip
FIELDS = (
    "certificate", "private_key", "p12", "password", "intermediate", "apns_key", "apns_key_id", "issuer_id",
    "service_account", "unknown",
)  # fmt: skip


@settings(max_examples=60)
@given(
    platform=st.sampled_from(["apple", "google", "samsung", None]),
    said=st.dictionaries(st.sampled_from(FIELDS), FILES | ANY_JSON, max_size=5),
)
def test_whatever_is_uploaded_is_answered_and_not_kept(
    server: WalletServer, world: World, platform: str | None, said: dict[str, Any]
) -> None:
    answer = put(server, world, {"platform": platform} | said)
    assert answer.status_code == 422, (answer.status_code, said)
    assert answer.json["errors"]
    assert listed(server, world) == []


@settings(max_examples=40)
@given(
    account=st.dictionaries(
        st.sampled_from(["type", "project_id", "private_key", "client_email", "token_uri", "x"]), FILES | ANY_JSON
    ),
    issuer=st.text(max_size=20) | st.integers(),
)
def test_a_service_account_that_is_none_is_refused(
    server: WalletServer, world: World, account: dict[str, Any], issuer: object
) -> None:
    answer = put(server, world, {"platform": "google", "issuer_id": issuer, "service_account": account})
    assert answer.status_code == 422, (answer.status_code, account)


def test_a_renewed_certificate_signs_and_the_one_before_stays(server: WalletServer, world: World) -> None:
    pass_type = new_pass_type()
    made = [put(server, world, upload_of(authority().issue(pass_type, days=300 + number))).json for number in range(3)]
    assert [one["id"] for one in listed(server, world)] == [made[2]["id"], made[1]["id"]]
    with world.database.transaction(world.program_id) as session:
        retired = session.scalars(select(WalletCredential).where(WalletCredential.status == "retired")).one()
    assert bytes(retired.sealed) == b""


def test_only_the_owner_of_the_programme_may(server: WalletServer, world: World) -> None:
    put(server, world, upload_of(some_identity()))
    stranger = make_world(world.database)
    assert listed(server, stranger) == []
    for who in ("marketer", "cashier", "till"):
        assert server.client.get(PATH, headers=world.as_(who)).status_code == 403


def test_what_is_forgotten_signs_no_more(server: WalletServer, world: World) -> None:
    put(server, world, upload_of(some_identity()))
    owner = world.as_("owner")
    assert server.client.delete(f"{PATH}?platform=google", headers=owner).status_code == 404
    assert server.client.delete(f"{PATH}?platform=apple", headers=owner).status_code == 204
    assert server.client.delete(f"{PATH}?platform=apple", headers=owner).status_code == 404
    assert listed(server, world) == []


def test_a_certificate_that_ends_soon_is_warned_of_in_the_answer_and_in_the_log(
    server: WalletServer, world: World
) -> None:
    aging, fresh = make_world(world.database), make_world(world.database)
    put(server, aging, upload_of(authority().issue(new_pass_type(), days=29)))
    put(server, fresh, upload_of(authority().issue(new_pass_type(), days=31)))
    renewed = new_pass_type()
    for days in (20, 300):
        put(server, world, upload_of(authority().issue(renewed, days=days)))
    assert "ends on" in listed(server, aging)[0]["warnings"][0]
    assert listed(server, fresh)[0]["warnings"] == []
    with capture_logs() as logs:
        jobs.JOBS["watch_wallet_credentials"](world.database)
    warned = {line["program_id"] for line in logs if line["event"] == "wallet_credential_ends"}
    shown = {ids.show("program", one.program_id) for one in (aging, fresh, world)}
    assert warned & shown == {ids.show("program", aging.program_id)}


def test_an_ended_certificate_is_said_to_have_ended(server: WalletServer, world: World) -> None:
    put(server, world, upload_of(authority().issue(new_pass_type(), days=5)))
    with clock.held(clock.now() + timedelta(days=6)), world.database.transaction(world.program_id) as session:
        [shown] = wallet_credentials.listed(session)
    assert "It ended on" in shown.warnings[0]
