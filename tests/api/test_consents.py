"""Consents: the latest statement counts, the earlier ones are the proof."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app import ids
from app.models import Consent, Event
from app.services import cards
from tests.world import World, make_world
from tests.world_members import Person, enrol, make_customer

OFFERS = {"channel": "push", "purpose": "offers", "granted": True, "text_version": "1"}


def test_what_was_never_spoken_of_is_not_there(client: FlaskClient, world: World) -> None:
    ana, card = member(world)

    (mine,) = client.get("/v1/me/consents", headers=ana.headers).json["data"]

    assert (mine["card_id"], mine["consents"]) == (card, [])


def test_consent_is_taken_back_as_easily_as_it_was_given_and_both_are_kept(client: FlaskClient, world: World) -> None:
    ana, card = member(world)

    put(client, ana, card, OFFERS)
    (after,) = put(client, ana, card, {**OFFERS, "granted": False}).json["data"]

    assert [one["granted"] for one in after["consents"]] == [False]
    with world.database.transaction(world.program_id) as session:
        assert list(session.scalars(select(Consent.granted).order_by(Consent.id))) == [True, False]


def test_saying_the_same_again_adds_no_row(client: FlaskClient, world: World) -> None:
    ana, card = member(world)

    put(client, ana, card, OFFERS)
    put(client, ana, card, OFFERS)

    with world.database.transaction(world.program_id) as session:
        assert len(list(session.scalars(select(Consent)))) == 1


def test_what_is_not_named_stays(client: FlaskClient, world: World) -> None:
    ana, card = member(world)

    put(client, ana, card, OFFERS)
    (after,) = put(client, ana, card, {**OFFERS, "channel": "email"}).json["data"]

    assert [one["channel"] for one in after["consents"]] == ["email", "push"]


def test_each_programme_has_its_own(client: FlaskClient, world: World) -> None:
    ana, card = member(world)
    enrol(make_world(world.database), email=ana.email)

    here, there = put(client, ana, card, OFFERS).json["data"]

    assert (len(here["consents"]), there["consents"]) == (1, [])


def test_nobody_speaks_for_another(client: FlaskClient, world: World) -> None:
    _, card = member(world)
    bob, _ = member(world)

    assert put(client, bob, card, OFFERS).status_code == 404


def test_one_thing_is_said_about_each(client: FlaskClient, world: World) -> None:
    ana, card = member(world)

    answer = put(client, ana, card, OFFERS, {**OFFERS, "granted": False})

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/consents")


def test_staff_see_what_a_member_allows_and_who_wrote_it_down(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={"consents": [OFFERS]}, headers=world.as_("cashier")).json

    (said,) = client.get(f"/v1/members/{made['id']}/consents", headers=world.as_("marketer")).json["data"]

    assert (said["granted"], said["source"]) == (True, "staff")


def test_staff_see_the_latest_statement(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={"consents": [OFFERS]}, headers=world.as_("cashier")).json
    path = f"/v1/members/{made['id']}"

    client.patch(path, json={"consents": [{**OFFERS, "granted": False}]}, headers=world.as_("cashier"))

    (said,) = client.get(f"{path}/consents", headers=world.as_("marketer")).json["data"]
    assert said["granted"] is False


def test_staff_write_down_what_a_member_said_on_paper(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={}, headers=world.as_("cashier")).json

    answer = write_down(client, world, made["id"], OFFERS)

    assert answer.status_code == 200
    [said] = answer.json["data"]
    assert (said["granted"], said["source"], said["text_version"]) == (True, "paper", "1")
    with world.database.transaction(world.program_id) as session:
        assert session.scalars(select(Consent.staff_id)).one() is not None
        assert session.scalars(select(Event.data).where(Event.kind == "consent.changed")).one()["source"] == "paper"


def test_a_consent_without_the_text_is_no_proof(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={}, headers=world.as_("cashier")).json
    unproved = {"channel": "email", "purpose": "offers"}

    given = write_down(client, world, made["id"], {**unproved, "granted": True})
    taken = write_down(client, world, made["id"], {**unproved, "granted": False})

    assert (given.status_code, given.json["errors"][0]["pointer"]) == (422, "#/consents/0/text_version")
    assert taken.status_code == 200


def test_a_source_is_one_that_staff_can_know(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={}, headers=world.as_("cashier")).json

    assert write_down(client, world, made["id"], OFFERS, source="app").status_code == 422


def test_nobody_writes_for_another_programmes_member(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={}, headers=world.as_("cashier")).json

    assert write_down(client, make_world(world.database), made["id"], OFFERS).status_code == 404


def test_a_statement_cannot_be_rewritten(world: World) -> None:
    enrol(world, statements=[])
    with pytest.raises(DBAPIError), world.database.transaction(world.program_id) as session:
        session.connection().exec_driver_sql("UPDATE consent SET granted = true")


def member(world: World) -> tuple[Person, str]:
    """Make a customer who is a member; return the person and the card's public id."""
    person = make_customer(world.database)
    made = enrol(world, email=person.email)
    with world.database.transaction(world.program_id) as session:
        return person, ids.show("card", cards.of_members(session, [made.id])[made.id].id)


def write_down(  # noqa: ANN201 - a test response
    client: FlaskClient, world: World, member_id: str, *said: dict[str, object], source: str = "paper"
):
    """Write down as a cashier what a member said."""
    body = {"source": source, "consents": list(said)}
    return client.put(f"/v1/members/{member_id}/consents", json=body, headers=world.as_("cashier"))


def put(client: FlaskClient, person: Person, card: str, *said: dict[str, object]):  # noqa: ANN201 - a test response
    """Say something about a card's programme."""
    return client.put("/v1/me/consents", json={"card_id": card, "consents": list(said)}, headers=person.headers)
