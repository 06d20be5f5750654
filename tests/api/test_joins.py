"""Joining from a poster: a card in ten seconds, and nobody else's."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from api.resources.joins import JOINS_CLIENT
from app import clock, ids
from app.codes import grammar
from app.db import Database
from app.models import Card, Consent, Member, Reward
from app.services import attempts
from tests.world import World, make_world
from tests.world_members import enrol, make_customer, make_purse


def test_a_poster_says_what_the_programme_offers(client: FlaskClient, world: World) -> None:
    make_purse(world, name="Tampons")
    make_purse(make_world(world.database), name="Ailleurs")
    with world.database.transaction(world.program_id) as session:
        session.add(Reward(name="Café offert", kind="free_item", price=10))
        session.add(Reward(name="Plus tard", kind="free_item", status="paused"))

    offer = client.get(f"/v1/join/{world.slug}").json

    assert offer["program"]["name"] == "Café"
    assert [purse["name"] for purse in offer["purses"]] == ["Tampons"]
    assert [reward["name"] for reward in offer["rewards"]] == ["Café offert"]
    assert {"channel": "email", "purpose": "offers"} in offer["consents"]


def test_who_joins_has_a_card_that_a_till_knows(client: FlaskClient, world: World) -> None:
    joined = client.post(f"/v1/join/{world.slug}", json={"email": "ana@example.com", "first_name": "Ana"})

    assert joined.status_code == 201
    read = grammar.parse(joined.json["card"]["code"])
    assert isinstance(read, grammar.StaticCode)
    with world.database.transaction(world.program_id) as session:
        card = session.scalars(select(Card).where(Card.token_hash == ids.digest(read.token))).one()
    assert ids.show("card", card.id) == joined.json["card"]["id"]


def test_a_contact_is_not_needed(client: FlaskClient, world: World) -> None:
    assert client.post(f"/v1/join/{world.slug}", json={}).status_code == 201


def test_a_known_contact_gets_nobodys_card(client: FlaskClient, world: World) -> None:
    known = enrol(world, email="ana@example.com", first_name="Ana")

    answer = client.post(f"/v1/join/{world.slug}", json={"email": "ANA@example.com"})

    assert (answer.status_code, answer.json["code"]) == (409, "already-member")
    assert known.id.hex not in answer.text
    assert "Ana" not in answer.text


def test_a_poster_does_not_put_a_card_into_somebodys_app(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    client.post(f"/v1/join/{world.slug}", json={"email": ana.email})

    assert client.get("/v1/me/cards", headers=ana.headers).json["data"] == []


def test_a_signed_in_customer_finds_the_card_in_the_app(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database, first_name="Ana")

    joined = client.post(f"/v1/join/{world.slug}", json={"email": "bob@example.com"}, headers=ana.headers).json

    assert joined["member"]["first_name"] == "Ana"
    (card,) = client.get("/v1/me/cards", headers=ana.headers).json["data"]
    assert card["id"] == joined["card"]["id"]
    with world.database.transaction(world.program_id) as session:
        assert session.scalars(select(Member.email)).one() == ana.email


def test_a_card_that_a_till_made_becomes_the_customers_who_proved_the_address(
    client: FlaskClient, world: World
) -> None:
    address = f"{ids.new_id().hex}@people.example"
    made = enrol(world, email=address)
    ana = make_customer(world.database, email=address)

    joined = client.post(f"/v1/join/{world.slug}", json={}, headers=ana.headers)

    assert (joined.status_code, joined.json["member"]["id"]) == (201, ids.show("member", made.id))
    (card,) = client.get("/v1/me/cards", headers=ana.headers).json["data"]
    assert card["member"]["id"] == ids.show("member", made.id)


def test_a_customer_joins_once(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    statuses = [client.post(f"/v1/join/{world.slug}", json={}, headers=ana.headers).status_code for _ in range(2)]

    assert statuses == [201, 409]


def test_a_repeat_under_the_same_key_shows_the_same_card(client: FlaskClient, world: World) -> None:
    headers = {"Idempotency-Key": ids.secret_text()}

    first, again = (
        client.post(f"/v1/join/{world.slug}", json={"email": "ana@example.com"}, headers=headers) for _ in range(2)
    )

    assert (again.status_code, again.json) == (201, first.json)


@pytest.mark.parametrize(
    ("key", "body", "slug"),
    [
        ("1", {"email": "ana@example.com"}, "invalid"),
        ("the-same-long-key", {"email": "bob@example.com"}, "idempotency-key-reused"),
    ],
)
def test_a_key_that_is_guessable_or_anothers_shows_no_card(
    client: FlaskClient, world: World, key: str, body: dict[str, str], slug: str
) -> None:
    first = {"Idempotency-Key": "the-same-long-key"}
    client.post(f"/v1/join/{world.slug}", json={"email": "ana@example.com"}, headers=first)

    answer = client.post(f"/v1/join/{world.slug}", json=body, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json["code"]) == (422, slug)


def test_consents_are_kept_with_where_they_were_given(client: FlaskClient, world: World) -> None:
    said = {"channel": "push", "purpose": "offers", "granted": True, "text_version": "2026-11"}

    client.post(f"/v1/join/{world.slug}", json={"consents": [said]})

    with world.database.transaction(world.program_id) as session:
        kept = session.scalars(select(Consent)).one()
    assert (kept.granted, kept.source, kept.text_version) == (True, "join", "2026-11")


def test_one_network_cannot_try_addresses_for_ever(client: FlaskClient, database: Database, world: World) -> None:
    with clock.held(clock.now()):
        with database.transaction() as session:
            for _ in range(JOINS_CLIENT.quota):
                attempts.count(session, database.keyring, policy=JOINS_CLIENT, subject="198.51.100.7")

        answer = join_from(client, world, "198.51.100.7")
        neighbour = join_from(client, world, "198.51.100.8")

    assert (answer.status_code, answer.json["code"]) == (429, "too-many-requests")
    assert int(answer.headers["Retry-After"]) > 0
    assert neighbour.status_code == 201


def test_an_unknown_poster_is_not_found(client: FlaskClient) -> None:
    assert client.get("/v1/join/no-such-place").status_code == 404
    assert client.post("/v1/join/no-such-place", json={}).status_code == 404


def join_from(client: FlaskClient, world: World, address: str):  # noqa: ANN201 - a test response
    """Join from a client address."""
    return client.post(f"/v1/join/{world.slug}", json={}, environ_overrides={"REMOTE_ADDR": address})


@pytest.mark.parametrize("slug", ["%00", "caf%C3%A9", "a" * 64, "Caf%00e", "-cafe", "%F0%9F%98%80", "nobody-has-this"])
def test_a_link_that_names_nothing_says_so(client: FlaskClient, slug: str) -> None:
    answers = [client.get(f"/v1/join/{slug}"), client.post(f"/v1/join/{slug}", json={})]

    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(404, "unknown-programme")] * 2
    assert [client.get(page).status_code for page in (f"/j/{slug}", f"/j/{slug}/qr.svg")] == [404, 404]
