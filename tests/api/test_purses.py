"""Purses over HTTP."""

from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app import clock, ids
from app.models import Account, Member
from tests.world import World, make_world
from tests.world_setup import make_purse, make_reward, make_rule, pointers


def test_a_new_purse_never_expires_and_rounds_down(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)

    assert client.get(f"/v1/purses/{purse['id']}", headers=world.as_("till")).json == purse
    assert purse["expiry"] == {"policy": "never"}
    assert (purse["rounding"], purse["on_clawback"], purse["hold_days"]) == ("floor", "debt", 0)


@pytest.mark.parametrize(
    "expiry",
    [
        {"policy": "after_days", "days": 365},
        {"policy": "end_of", "unit": "quarter", "after": 2},
        {"policy": "fixed_dates", "dates": ["06-30", "12-31"]},
        {"policy": "inactivity", "days": 90, "kinds": ["purchase"]},
    ],
)
def test_a_purse_keeps_its_expiry_policy(client: FlaskClient, world: World, expiry: dict[str, object]) -> None:
    assert make_purse(client, world, expiry=expiry)["expiry"] == expiry


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"code": "No Spaces"}, "#/code"),
        ({"code": "points\nmore"}, "#/code"),
        ({"kind": "gems"}, "#/kind"),
        ({"hold_days": 367}, "#/hold_days"),
        ({"hold_days": True}, "#/hold_days"),
        ({"rounding": "up"}, "#/rounding"),
        ({"on_clawback": "forgive"}, "#/on_clawback"),
        ({"expiry": "never"}, "#/expiry"),
        ({"expiry": {"policy": "someday"}}, "#/expiry/policy"),
        ({"expiry": {"policy": "after_days", "days": 0}}, "#/expiry/days"),
        ({"expiry": {"policy": "fixed_dates", "dates": ["02-30"]}}, "#/expiry/dates/0"),
        ({"goal": 10}, "#/goal"),
        ({"partner_id": ids.show("partner", ids.new_id())}, "#/partner_id"),
        ({"partner_id": "sto_1"}, "#/partner_id"),
        ({"locales": {"fr": {}}}, "#/locales/fr/name"),
        ({"locales": {"français": {"name": "x"}}}, "#/locales/français"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: FlaskClient, world: World, fields: dict[str, object], pointer: str
) -> None:
    body = {"code": "points", "name": "Points", "kind": "points"} | fields

    answer = client.post("/v1/purses", json=body, headers=world.as_("owner"))

    assert pointers(answer) == [pointer]


def test_a_stamp_card_needs_its_goal_and_its_reward(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world, kind="stamps")
    path = f"/v1/purses/{purse['id']}"
    reward = make_reward(client, world)

    alone = client.patch(path, json={"goal": 10}, headers=world.as_("owner"))
    both = client.patch(path, json={"goal": 10, "reward_id": reward["id"]}, headers=world.as_("owner"))
    neither = client.patch(path, json={"goal": None, "reward_id": None}, headers=world.as_("owner"))

    assert pointers(alone) == ["#/reward_id"]
    assert (both.json["goal"], both.json["reward_id"]) == (10, reward["id"])
    assert "goal" not in neither.json


def test_a_reward_of_another_programme_is_pointed_at(client: FlaskClient, world: World) -> None:
    foreign = make_reward(client, make_world(world.database))
    body = {"code": "card", "name": "Card", "kind": "stamps", "goal": 10, "reward_id": foreign["id"]}

    assert pointers(client.post("/v1/purses", json=body, headers=world.as_("owner"))) == ["#/reward_id"]


def test_a_purse_keeps_its_kind(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)

    changed = client.patch(f"/v1/purses/{purse['id']}", json={"kind": "money"}, headers=world.as_("owner"))
    same = client.patch(f"/v1/purses/{purse['id']}", json={"kind": "points"}, headers=world.as_("owner"))

    assert pointers(changed) == ["#/kind"]
    assert same.status_code == 200


def test_a_code_is_taken_once_even_by_a_purse_that_is_archived(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    client.delete(f"/v1/purses/{purse['id']}", headers=world.as_("owner"))

    body = {"code": "points", "name": "Points", "kind": "points"}
    answer = client.post("/v1/purses", json=body, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (409, "purse-code-taken")


def test_an_archived_purse_is_not_listed_and_not_changed(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    path = f"/v1/purses/{purse['id']}"

    assert client.delete(path, headers=world.as_("owner")).status_code == 204

    assert client.get("/v1/purses", headers=world.as_("owner")).json["data"] == []
    assert "archived_at" in client.get(path, headers=world.as_("owner")).json
    assert client.patch(path, json={"name": "X"}, headers=world.as_("owner")).status_code == 404


@pytest.mark.parametrize("held", [{"balance": 5}, {"pending": 5}, {"balance": -5, "debt": 5}])
def test_a_purse_with_balances_is_not_archived(client: FlaskClient, world: World, held: dict[str, int]) -> None:
    purse = make_purse(client, world)
    hold(world, ids.parse("purse", purse["id"]), held)

    answer = client.delete(f"/v1/purses/{purse['id']}", headers=world.as_("owner"))

    # Figures without entries are no books: left there, they would be found by whoever adds all up.
    hold_nothing(world)
    assert (answer.status_code, answer.json["code"]) == (409, "purse-not-empty")


def test_a_purse_that_rules_and_rewards_name_is_not_archived(client: FlaskClient, world: World) -> None:
    purse = make_purse(client, world)
    hold(world, ids.parse("purse", purse["id"]), {"balance": 0})
    reward = make_reward(client, world, purse_id=purse["id"], price=10)
    rule = make_rule(client, world, effects=[{"kind": "fixed_points", "purse_id": purse["id"], "points": 1}])

    answer = client.delete(f"/v1/purses/{purse['id']}", headers=world.as_("owner"))

    assert answer.json["used_by"] == [reward["id"], rule["id"]]


def test_a_purse_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = make_purse(client, make_world(world.database))

    assert client.get(f"/v1/purses/{foreign['id']}", headers=world.as_("owner")).status_code == 404
    assert client.delete(f"/v1/purses/{foreign['id']}", headers=world.as_("owner")).status_code == 404


def test_every_expiry_policy_is_documented(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").json["components"]["schemas"]

    documented = schemas["PurseIn"]["properties"]["expiry"]["oneOf"]

    assert [one["title"] for one in documented] == ["never", "after_days", "end_of", "fixed_dates", "inactivity"]


def hold(world: World, purse_id: UUID, held: dict[str, int]) -> None:
    """Give a member an account with these figures."""
    with world.database.transaction(world.program_id) as session:
        member = Member(joined_at=clock.now())
        session.add(member)
        session.flush()
        session.add(Account(member_id=member.id, purse_id=purse_id, **held))


def hold_nothing(world: World) -> None:
    """Take what `hold` gave without an entry."""
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Account).values(balance=0, pending=0, debt=0))
