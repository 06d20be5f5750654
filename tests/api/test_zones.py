"""Being near a store: told for offers that are allowed, and for nothing else."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from app import ids
from app.models import Event
from app.services import cards
from tests.world import World, make_world
from tests.world_members import Person, enrol, make_customer

PUSH = {"channel": "push", "purpose": "offers", "granted": True}


def test_a_zone_is_told_to_the_programme_of_the_card(client: FlaskClient, world: World) -> None:
    ana, card = member(client, world, PUSH)
    assert enter(client, ana, card, world).status_code == 204
    (told,) = events_of(world)
    assert told.member_id is not None
    store, member_id = ids.show("store", world.store_id), ids.show("member", told.member_id)
    assert told.data == {"store": store, "member": member_id}


def test_nothing_is_kept_of_who_allows_no_offers(client: FlaskClient, world: World) -> None:
    for said in ([], [{**PUSH, "granted": False}], [{**PUSH, "purpose": "partners"}], [{**PUSH, "channel": "email"}]):
        ana, card = member(client, world, *said)
        assert enter(client, ana, card, world).status_code == 204
    assert events_of(world) == []


def test_other_peoples_cards_and_other_programmes_stores_are_not_found(client: FlaskClient, world: World) -> None:
    ana, card = member(client, world, PUSH)
    eve, _ = member(client, world, PUSH)
    assert enter(client, eve, card, world).status_code == 404
    assert enter(client, ana, card, make_world(world.database)).status_code == 404
    assert events_of(world) == []


def test_a_phone_that_says_it_all_the_time_is_asked_to_wait(client: FlaskClient, world: World) -> None:
    ana, card = member(client, world, PUSH)
    codes = [enter(client, ana, card, world).status_code for _ in range(21)]
    assert codes == [204] * 20 + [429]


def member(client: FlaskClient, world: World, *said: dict[str, Any]) -> tuple[Person, str]:
    """Make a customer who is a member and said this; return the person and the card's public id."""
    ana = make_customer(world.database)
    made = enrol(world, email=ana.email)
    with world.database.transaction(world.program_id) as session:
        card = ids.show("card", cards.of_members(session, [made.id])[made.id].id)
    if said:
        body = {"card_id": card, "consents": list(said)}
        assert client.put("/v1/me/consents", json=body, headers=ana.headers).status_code == 200
    return ana, card


def enter(client: FlaskClient, who: Person, card: str, world: World) -> Any:
    body = {"card_id": card, "store_id": ids.show("store", world.store_id)}
    return client.post("/v1/me/zones", json=body, headers=who.headers)


def events_of(world: World) -> list[Event]:
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(Event).where(Event.kind == "zone.entered")))
