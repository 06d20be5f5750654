"""What a programme holds about a member, given to whoever asked the shop for it."""

import pytest
from flask.testing import FlaskClient

from app import ids
from tests.world import World, make_world
from tests.world_till import Till, make_cafe, make_guest


def test_an_export_holds_what_happened_and_what_is_held(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    guest, stranger = make_guest(cafe, email="ada@example.com", first_name="Ada"), make_guest(cafe)
    item = {"sku": "3017620422003", "name": "Café", "quantity": 2, "amount": 500}
    Till(client, cafe).scan(guest, "purchase", amount=1250, items=[item])
    member = ids.show("member", guest.id)

    answer = client.get(f"/v1/members/{member}/export", headers=world.as_("marketer"))

    body = answer.json
    assert (body["member"]["id"], body["member"]["email"]) == (member, "ada@example.com")
    assert body["program"]["slug"] == world.slug
    assert [card["status"] for card in body["cards"]] == ["active"]
    points = next(one for one in body["accounts"] if one["kind"] == "points")
    assert points["balance"] == sum(entry["amount"] for entry in points["entries"]) == 12
    assert [one["items"][0]["sku"] for one in body["activities"]] == ["3017620422003"]
    assert ids.show("member", stranger.id) not in answer.text
    assert guest.code not in answer.text


def test_an_export_is_written_into_the_audit_log(client: FlaskClient, world: World) -> None:
    member = ids.show("member", make_guest(make_cafe(world)).id)

    client.get(f"/v1/members/{member}/export", headers=world.as_("owner"))

    (latest, *_) = client.get("/v1/audit-entries", headers=world.as_("owner")).json["data"]
    assert (latest["action"], latest["subject"]) == ("member.exported", member)


@pytest.mark.parametrize("who", ["cashier", "till"])
def test_who_works_at_a_till_exports_nobody(client: FlaskClient, world: World, who: str) -> None:
    member = ids.show("member", make_guest(make_cafe(world)).id)

    assert client.get(f"/v1/members/{member}/export", headers=world.as_(who)).status_code == 403


def test_a_member_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    member = ids.show("member", make_guest(make_cafe(make_world(world.database))).id)

    assert client.get(f"/v1/members/{member}/export", headers=world.as_("owner")).status_code == 404
