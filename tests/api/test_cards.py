"""Cards over HTTP: shown to those who serve the member, stopped at once, never another programme's."""

import io

import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from app import clock, ids
from app.codes import grammar, totp
from app.models import Card
from app.services import cards, my_cards
from tests.world import World, make_world
from tests.world_members import enrol


def test_the_static_code_is_the_cards_token(client: FlaskClient, world: World) -> None:
    card = card_of(world)

    code = client.get(f"/v1/cards/{shown(card)}/code", headers=world.as_("cashier")).json

    assert code == {"text": f"A1{cards.token_of(world.database.keyring, card)}", "kind": "static"}


def test_the_rotating_code_is_of_this_period(client: FlaskClient, world: World) -> None:
    card = card_of(world)

    code = client.get(f"/v1/cards/{shown(card)}/code?kind=rotating", headers=world.as_("till")).json

    read = grammar.parse(code["text"])
    assert isinstance(read, grammar.RotatingCode)
    key = cards.totp_key_of(world.database.keyring, card)
    assert totp.accepted_period(key, read.totp, clock.unix_seconds()) is not None


@pytest.mark.parametrize("scale", [4, 12])
def test_the_image_reads_back_as_the_static_code(client: FlaskClient, world: World, scale: int) -> None:
    card = card_of(world)

    answer = client.get(f"/v1/cards/{shown(card)}/qr.png?scale={scale}", headers=world.as_("cashier"))

    assert answer.headers["Cache-Control"].startswith("private")
    read = zxingcpp.read_barcode(Image.open(io.BytesIO(answer.data)))
    assert read.text == f"A1{cards.token_of(world.database.keyring, card)}"


def test_the_drawing_is_svg_and_private(client: FlaskClient, world: World) -> None:
    answer = client.get(f"/v1/cards/{shown(card_of(world))}/qr.svg", headers=world.as_("cashier"))

    assert (answer.mimetype, answer.headers["Cache-Control"][:7]) == ("image/svg+xml", "private")
    assert answer.text.startswith("<svg")


def test_a_blocked_card_shows_no_code_until_it_is_unblocked(client: FlaskClient, world: World) -> None:
    path = f"/v1/cards/{shown(card_of(world))}"

    blocked = client.post(f"{path}/block", json={"reason": "lost"}, headers=world.as_("cashier")).json
    refused = client.get(f"{path}/code", headers=world.as_("cashier"))
    client.post(f"{path}/unblock", headers=world.as_("cashier"))

    assert (blocked["status"], blocked["blocked_reason"]) == ("blocked", "lost")
    assert (refused.status_code, refused.json["code"]) == (409, "card-blocked")
    assert client.get(f"{path}/code", headers=world.as_("cashier")).status_code == 200


def test_a_replaced_card_names_the_new_one(client: FlaskClient, world: World) -> None:
    path = f"/v1/cards/{shown(card_of(world))}"

    new = client.post(f"{path}/replace", headers=world.as_("cashier"))
    refused = client.get(f"{path}/code", headers=world.as_("cashier"))

    assert new.status_code == 201
    assert (refused.status_code, refused.json["replaced_by"]) == (409, new.json["id"])


@pytest.mark.parametrize("call", ["GET ", "GET /code", "GET /qr.svg", "GET /qr.png", "POST /unblock", "POST /replace"])
def test_a_card_of_another_programme_is_not_found(client: FlaskClient, world: World, call: str) -> None:
    method, _, rest = call.partition(" ")
    foreign = shown(card_of(make_world(world.database)))

    answer = client.open(f"/v1/cards/{foreign}{rest}", method=method, headers=world.as_("owner"))

    assert answer.status_code == 404


def test_a_till_holds_the_keys_of_offline_codes_and_the_blocked_cards(client: FlaskClient, world: World) -> None:
    lost = shown(card_of(world))
    card_of(world)
    client.post(f"/v1/cards/{lost}/block", json={}, headers=world.as_("till"))

    held = client.get("/v1/offline-keys", headers=world.as_("till")).json

    (key_id,) = my_cards.verifying_keys(world.database.keyring)
    assert [(key["key_id"], len(bytes.fromhex(key["public_key"]))) for key in held["keys"]] == [(key_id, 32)]
    assert held["blocked_card_ids"] == [lost]


def card_of(world: World) -> Card:
    """Enrol somebody; return the card."""
    member = enrol(world)
    with world.database.transaction(world.program_id) as session:
        return cards.of_members(session, [member.id])[member.id]


def shown(card: Card) -> str:
    """Return the card's public id."""
    return ids.show("card", card.id)
