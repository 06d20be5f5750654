"""A card from a poster and the person whose address it was made under: the person's code works, a stranger's ends."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import clock, ids
from app.models import Event
from app.services import claims
from tests.world import World
from tests.world_signing import new_address, new_phone, sign_in
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest

LATE = claims.KEPT
IN_TIME = claims.KEPT - timedelta(seconds=1)


def test_who_joins_and_signs_in_within_a_day_spends_with_the_code_they_have_shown(
    client: FlaskClient, till: Till, cafe: Cafe
) -> None:
    guest = join(client, cafe, email=(address := new_address()))
    till.scan(guest, "purchase", amount=50_00)

    clock.advance(IN_TIME)
    me = claim(client, cafe, email=address)

    assert my_codes(client, me) == [guest.code]
    bought = till.post(
        "/redemptions", {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store}
    )
    used = till.post(f"/vouchers/{bought.json['code']}/use", {"store_id": cafe.store})
    assert (bought.status_code, used.status_code) == (201, 200)


def test_a_card_that_waited_a_day_for_its_claim_is_replaced_and_the_strangers_code_ends(
    client: FlaskClient, till: Till, cafe: Cafe
) -> None:
    guest = join(client, cafe, email=(address := new_address()))
    till.scan(guest, "purchase", amount=50_00)

    clock.advance(LATE)
    me = claim(client, cafe, email=address)

    (code,) = my_codes(client, me)
    assert code != guest.code
    refused = till.post(
        "/redemptions", {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store}
    )
    assert (refused.status_code, refused.json["code"]) == (409, "card-replaced")
    assert till.scan(guest, code=code).status_code == 201
    assert till.balance(Guest(guest.id, guest.card_id, code), cafe.points) == 50


def test_the_code_of_a_replaced_card_is_not_shown_to_who_repeats_the_joining(client: FlaskClient, cafe: Cafe) -> None:
    address, key = new_address(), {"Idempotency-Key": ids.secret_text()}
    stranger = post_join(client, cafe, headers=key, email=address).json

    clock.advance(LATE)
    claim(client, cafe, email=address)
    again = post_join(client, cafe, headers=key, email=address)

    assert (again.status_code, again.json["code"]) == (409, "card-replaced")
    assert stranger["card"]["code"] not in again.text


def test_a_customer_who_was_signed_in_before_claims_a_strangers_card_by_joining(
    client: FlaskClient, cafe: Cafe
) -> None:
    me = sign_in(client, cafe.world.database, {"email": (address := new_address())})
    stranger = join(client, cafe, email=address)

    clock.advance(LATE)
    renewed = client.post("/v1/customers/refresh", json={"refresh_token": me["refresh_token"]}).json
    joined = post_join(client, cafe, headers=headers_of(renewed)).json

    assert joined["member"]["id"] == ids.show("member", stranger.id)
    assert joined["card"]["code"] != stranger.code


def test_a_phone_number_is_claimed_by_the_same_law(client: FlaskClient, cafe: Cafe) -> None:
    guest = join(client, cafe, phone=(phone := new_phone()))

    clock.advance(LATE)

    assert my_codes(client, claim(client, cafe, phone=phone)) != [guest.code]


def test_a_card_that_staff_gave_keeps_its_code_however_late_it_is_claimed(client: FlaskClient, cafe: Cafe) -> None:
    guest = make_guest(cafe, email=(address := new_address()))

    clock.advance(LATE * 3)

    assert my_codes(client, claim(client, cafe, email=address)) == [guest.code]
    assert happened(cafe.world, "card.claimed") == []


def test_a_card_is_settled_once(client: FlaskClient, cafe: Cafe) -> None:
    guest = join(client, cafe, email=(address := new_address()))
    me = claim(client, cafe, email=address)
    client.delete("/v1/me", headers=me)

    clock.advance(LATE)

    assert my_codes(client, claim(client, cafe, email=address)) == [guest.code]
    assert len(happened(cafe.world, "card.claimed")) == 1


def test_signing_in_lifts_no_block(client: FlaskClient, till: Till, cafe: Cafe) -> None:
    guest = join(client, cafe, email=(address := new_address()))
    card = ids.show("card", guest.card_id)
    client.post(f"/v1/cards/{card}/block", json={"reason": "fraud"}, headers=till.headers)

    clock.advance(LATE)
    me = claim(client, cafe, email=address)

    (mine,) = client.get("/v1/me/cards", headers=me).json["data"]
    assert (mine["status"], mine["id"] == card) == ("blocked", False)
    seen = client.get(f"/v1/cards/{mine['id']}", headers=till.headers).json
    assert seen["blocked_reason"] == "fraud"


@pytest.mark.parametrize(("wait", "replaced"), [(IN_TIME, 0), (LATE, 1)])
def test_the_claim_is_published_with_what_became_of_the_card(
    client: FlaskClient, cafe: Cafe, wait: timedelta, replaced: int
) -> None:
    guest = join(client, cafe, email=(address := new_address()))

    clock.advance(wait)
    me = claim(client, cafe, email=address)

    (mine,) = client.get("/v1/me/cards", headers=me).json["data"]
    old = {"replaced": ids.show("card", guest.card_id)} if replaced else {}
    assert happened(cafe.world, "card.claimed") == [{"card": mine["id"]} | old]
    assert len(happened(cafe.world, "card.replaced")) == replaced


@pytest.fixture
def cafe(world: World) -> Cafe:
    """A café with points and rewards."""
    return make_cafe(world)


@pytest.fixture
def till(client: FlaskClient, cafe: Cafe) -> Till:
    """Its till."""
    return Till(client, cafe)


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    with clock.held(clock.now()):
        yield


def post_join(client: FlaskClient, cafe: Cafe, headers: dict[str, str] | None = None, **said: Any) -> TestResponse:
    """Join from the poster."""
    return client.post(f"/v1/join/{cafe.world.slug}", json=said, headers=headers or {})


def join(client: FlaskClient, cafe: Cafe, **said: Any) -> Guest:
    """Join from the poster without having proved anything."""
    made = post_join(client, cafe, **said).json
    return Guest(ids.parse("member", made["member"]["id"]), ids.parse("card", made["card"]["id"]), made["card"]["code"])


def claim(client: FlaskClient, cafe: Cafe, **contact: str) -> dict[str, str]:
    """Sign in with a one-time code; return the person's headers."""
    return headers_of(sign_in(client, cafe.world.database, contact))


def headers_of(tokens: dict[str, Any]) -> dict[str, str]:
    """Return the headers of who holds these tokens."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def my_codes(client: FlaskClient, me: dict[str, str]) -> list[str]:
    """Return the static codes that the person's app shows."""
    mine = client.get("/v1/me/cards", headers=me).json["data"]
    return [client.get(f"/v1/me/cards/{card['id']}/code", headers=me).json["text"] for card in mine]


def happened(world: World, kind: str) -> list[dict[str, Any]]:
    """Return the data of the programme's events of a kind."""
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(Event.data).where(Event.kind == kind).order_by(Event.id)))
