"""The programme over HTTP."""

import pytest
from flask.testing import FlaskClient

from app import clock, ids
from app.db import Database
from app.errors import InvalidError
from app.models import Account, Entry, Member, Purse
from app.services import programs
from tests.world import World, make_world
from tests.world_setup import make_reward, pointers


def test_the_programme_is_the_callers_own(client: FlaskClient, world: World) -> None:
    make_world(world.database)

    answer = client.get("/v1/program", headers=world.as_("cashier")).json

    assert (answer["slug"], answer["currency"], answer["redemptions_frozen"]) == (world.slug, "EUR", False)


def test_a_part_of_the_brand_changes_and_the_rest_stays(client: FlaskClient, world: World) -> None:
    brand = {"background": "#5B2333", "logo_url": "https://cafe.example/logo.png"}
    client.patch("/v1/program", json={"brand": brand}, headers=world.as_("owner"))

    changed = client.patch(
        "/v1/program", json={"brand": {"logo_url": None, "label": "#ffffff"}}, headers=world.as_("owner")
    ).json

    assert changed["brand"] == {"background": "#5b2333", "label": "#ffffff"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"timezone": "Europe/Bastille"}, "#/timezone"),
        ({"timezone": "../etc"}, "#/timezone"),
        ({"currency": "euro"}, "#/currency"),
        ({"currency": "eur"}, "#/currency"),
        ({"slug": "Café"}, "#/slug"),
        ({"slug": "-cafe"}, "#/slug"),
        ({"locale": "de"}, "#/locale"),
        ({"locales": ["fr", "english"]}, "#/locales/1"),
        ({"locales": ["fr", "fr"]}, "#/locales"),
        ({"brand": {"background": "red"}}, "#/brand/background"),
        ({"brand": {"background": "#12345g"}}, "#/brand/background"),
        ({"brand": {"logo_url": "http://cafe.example/logo.png"}}, "#/brand/logo_url"),
        ({"brand": {"logo_url": "https://user@cafe.example/"}}, "#/brand/logo_url"),
        ({"brand": {"logo_url": "javascript:alert(1)"}}, "#/brand/logo_url"),
        ({"redeem_with": "luck"}, "#/redeem_with"),
        ({"redemptions_frozen": "yes"}, "#/redemptions_frozen"),
        ({"name": ""}, "#/name"),
        ({"config_version": 7}, "#/config_version"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: FlaskClient, world: World, change: dict[str, object], pointer: str
) -> None:
    answer = client.patch("/v1/program", json=change, headers=world.as_("owner"))

    assert pointers(answer) == [pointer]


def test_redemptions_are_frozen_and_thawed(client: FlaskClient, world: World) -> None:
    frozen = client.patch("/v1/program", json={"redemptions_frozen": True}, headers=world.as_("owner")).json
    again = client.patch("/v1/program", json={"redemptions_frozen": True}, headers=world.as_("owner")).json
    thawed = client.patch("/v1/program", json={"redemptions_frozen": False}, headers=world.as_("owner")).json

    assert frozen["redemptions_frozen"] is True
    assert again["redemptions_frozen_at"] == frozen["redemptions_frozen_at"]
    assert thawed["redemptions_frozen"] is False
    assert "redemptions_frozen_at" not in thawed


def test_another_programmes_slug_is_taken(client: FlaskClient, world: World) -> None:
    other = make_world(world.database)

    answer = client.patch("/v1/program", json={"slug": other.slug}, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (409, "slug-taken")


def test_the_currency_changes_before_anything_is_booked(client: FlaskClient, world: World) -> None:
    answer = client.patch("/v1/program", json={"currency": "CHF"}, headers=world.as_("owner"))

    assert answer.json["currency"] == "CHF"


def test_the_currency_stays_once_something_is_booked(client: FlaskClient, world: World) -> None:
    book_an_entry(world)

    changed = client.patch("/v1/program", json={"currency": "CHF"}, headers=world.as_("owner"))
    same = client.patch("/v1/program", json={"currency": "EUR"}, headers=world.as_("owner"))

    assert (changed.status_code, changed.json["code"]) == (409, "currency-in-use")
    assert same.status_code == 200


def test_the_currency_stays_while_a_reward_takes_an_amount_off(client: FlaskClient, world: World) -> None:
    make_reward(client, world, kind="amount_off", value={"amount": 500, "currency": "EUR"})

    answer = client.patch("/v1/program", json={"currency": "CHF"}, headers=world.as_("owner"))

    assert answer.json["code"] == "currency-in-use"


def test_who_read_an_older_programme_is_told(client: FlaskClient, world: World) -> None:
    tag = client.get("/v1/program", headers=world.as_("owner")).headers["ETag"]
    headers = world.as_("owner") | {"If-Match": tag}

    first = client.patch("/v1/program", json={"name": "Un"}, headers=headers)
    second = client.patch("/v1/program", json={"name": "Deux"}, headers=headers)

    assert (first.status_code, second.status_code) == (200, 412)


def test_a_marketer_may_not_change_the_programme(client: FlaskClient, world: World) -> None:
    answer = client.patch("/v1/program", json={"name": "Mine"}, headers=world.as_("marketer"))

    assert answer.status_code == 403


def test_a_programme_opens_in_a_session_of_its_own(database: Database) -> None:
    program_id = ids.new_id()

    with database.transaction(program_id) as session:
        programs.create(session, name="Port", slug=f"port-{program_id.hex[-8:]}", locales=["fr", "br"])

    with database.transaction(program_id) as session:
        assert programs.get(session).locales == ["fr", "br"]


def test_a_programme_does_not_open_with_a_taken_slug(world: World) -> None:
    with pytest.raises(programs.SlugTakenError), world.database.transaction(ids.new_id()) as session:
        programs.create(session, name="Port", slug=world.slug)


def test_a_programme_does_not_open_in_no_zone(database: Database) -> None:
    with pytest.raises(InvalidError), database.transaction(ids.new_id()) as session:
        programs.create(session, name="Port", slug="port", timezone="Mars/Olympus")


def book_an_entry(world: World) -> None:
    """Book a point for a member, by rows alone: what the ledger does is not asked here."""
    with world.database.transaction(world.program_id) as session:
        now = clock.now()
        purse = Purse(code="points", name="Points", kind="points")
        member = Member(joined_at=now)
        session.add_all([purse, member])
        session.flush()
        account = Account(member_id=member.id, purse_id=purse.id, balance=1)
        session.add(account)
        session.flush()
        session.add(
            Entry(
                account_id=account.id,
                kind="earn",
                amount=1,
                balance_after=1,
                sequence=1,
                occurred_at=now,
                recorded_at=now,
            )
        )
