"""Members over HTTP: enrolled once, found by what people know, never by another programme."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.models import Account, AuditEntry, Entry, Event
from app.services import cards
from tests.world import World, make_world
from tests.world_members import enrol, make_customer, make_purse


def test_a_cashier_enrols_a_member_with_a_card_and_an_account_in_each_purse(client: FlaskClient, world: World) -> None:
    make_purse(world)
    make_purse(world, kind="points", goal=None)

    made = client.post("/v1/members", json={"email": "Ana@Example.com"}, headers=world.as_("cashier"))

    assert made.status_code == 201
    assert made.json["email"] == "ana@example.com"
    assert made.json["card"]["status"] == "active"
    assert [(one["kind"], one["balance"]) for one in made.json["accounts"]] == [("stamps", 0), ("points", 0)]


def test_joining_is_told_as_a_fact_without_anything_personal(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={"email": "ana@example.com"}, headers=world.as_("cashier")).json

    with world.database.transaction(world.program_id) as session:
        fact = session.scalars(select(Event).where(Event.kind == "member.joined")).one()
    assert fact.data["member"] == made["id"]
    assert "ana" not in str(fact.data)


@pytest.mark.parametrize("known", [{"email": "ana@example.com"}, {"phone": "+33612345678"}, {"external_id": "shop-7"}])
def test_the_same_person_is_not_enrolled_twice(client: FlaskClient, world: World, known: dict[str, str]) -> None:
    first = client.post("/v1/members", json=known, headers=world.as_("cashier")).json

    again = client.post("/v1/members", json=known, headers=world.as_("cashier"))

    assert (again.status_code, again.json["code"], again.json["member"]) == (409, "member-exists", first["id"])


def test_two_tills_that_enrol_the_same_person_at_once_make_one_member(application: Flask, world: World) -> None:
    statuses = []

    def post() -> None:
        body = {"phone": "+33612345678"}
        statuses.append(application.test_client().post("/v1/members", json=body, headers=world.as_("till")).status_code)

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201, 409, 409, 409]


def test_people_without_any_contact_can_be_enrolled_again_and_again(client: FlaskClient, world: World) -> None:
    statuses = [client.post("/v1/members", json={}, headers=world.as_("till")).status_code for _ in range(2)]

    assert statuses == [201, 201]


def test_the_same_address_may_join_another_programme(client: FlaskClient, world: World) -> None:
    enrol(world, email="ana@example.com")

    made = client.post(
        "/v1/members", json={"email": "ana@example.com"}, headers=make_world(world.database).as_("owner")
    )

    assert made.status_code == 201


def test_whoever_has_the_app_finds_a_card_that_a_till_made_for_their_address(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    made = client.post("/v1/members", json={"email": ana.email}, headers=world.as_("till")).json

    mine = client.get("/v1/me/cards", headers=ana.headers).json["data"]
    assert [card["id"] for card in mine] == [made["card"]["id"]]


@pytest.mark.parametrize(
    "query", ["ana@example.com", "+33 6 12 34 56 78", "shop-7", "Dup", "dupont", "ana mar", "dupont ana"]
)
def test_a_member_is_found_by(client: FlaskClient, world: World, query: str) -> None:
    ana = enrol(
        world, email="ana@example.com", phone="+33612345678", external_id="shop-7", first_name="Ana Maria",
        last_name="Dupont",
    )  # fmt: skip
    enrol(world, email="bob@example.com", first_name="Bob", last_name="Martin")
    enrol(make_world(world.database), email="ana@example.com", first_name="Ana Maria", last_name="Dupont")

    found = client.get("/v1/members", query_string={"query": query}, headers=world.as_("cashier")).json

    assert [one["id"] for one in found["data"]] == [ids.show("member", ana.id)]


def test_a_member_is_found_by_the_cards_number_however_it_is_spaced(client: FlaskClient, world: World) -> None:
    ana = client.post("/v1/members", json={}, headers=world.as_("till")).json
    enrol(world)

    typed = ana["card"]["number"].replace(" ", "")
    found = client.get("/v1/members", query_string={"query": typed}, headers=world.as_("cashier")).json

    assert [one["id"] for one in found["data"]] == [ana["id"]]


@pytest.mark.parametrize("query", ["a", "--", "- -", "a -", "''"])
def test_less_than_two_letters_find_nobody(client: FlaskClient, world: World, query: str) -> None:
    enrol(world, first_name="Ana")

    found = client.get("/v1/members", query_string={"query": query}, headers=world.as_("cashier")).json

    assert found["data"] == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("helene", "Hélène"), ("HÉLÈNE", "Hélène"), ("hele\u0301", "Hélène"), ("dœ", "Hélène"), ("DOEUVRE", "Hélène"),
        ("marie helene", "Marie-Hélène"), ("marie-hélène d'a", "Marie-Hélène"), ("d\u2019Arvor oger", "Marie-Hélène"),
        ("d arvor marie hel", "Marie-Hélène"), ("arvor", "Jean"), ("lukasz", "Łukasz"), ("weiss", "Łukasz"),
    ],
)  # fmt: skip
def test_a_name_is_found_however_its_accents_and_hyphens_are_typed(
    client: FlaskClient, world: World, query: str, wanted: str
) -> None:
    enrol(world, first_name="Hélène", last_name="Dœuvre")
    enrol(world, first_name="Marie-Hélène", last_name="D\u2019Arvor Oger")
    enrol(world, first_name="Jean", last_name="Arvor")
    enrol(world, first_name="Holger", last_name="Dupont")
    enrol(world, first_name="Łukasz", last_name="Weiß")

    found = client.get("/v1/members", query_string={"query": query}, headers=world.as_("cashier")).json

    assert [one["first_name"] for one in found["data"]] == [wanted]


def test_finding_by_name_looks_into_an_index(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        driver = session.connection().connection.driver_connection
        driver.execute("SET LOCAL enable_seqscan = off")
        plan = driver.execute(
            "EXPLAIN SELECT * FROM member"
            " WHERE last_name_plain >= plain_name('Dup') AND last_name_plain < plain_name('Dup') || 'z'"
        ).fetchall()

    condition = next(line for (line,) in plan if "Index Cond" in line)
    assert "last_name_plain" in condition


def test_members_are_listed_page_by_page_newest_first(client: FlaskClient, world: World) -> None:
    made = [ids.show("member", enrol(world).id) for _ in range(3)]

    first = client.get("/v1/members?limit=2", headers=world.as_("owner")).json
    rest = client.get(f"/v1/members?limit=2&after={first['next']}", headers=world.as_("owner")).json

    assert [one["id"] for one in first["data"] + rest["data"]] == made[::-1]
    assert "next" not in rest


def test_a_field_is_changed_another_taken_away_and_the_rest_stays(client: FlaskClient, world: World) -> None:
    ana = enrol(world, email="ana@example.com", first_name="Ana", birth_on=None, locale="fr")

    change = {"locale": None, "last_name": "Dupont"}
    changed = client.patch(f"/v1/members/{ids.show('member', ana.id)}", json=change, headers=world.as_("cashier")).json

    assert (changed["first_name"], changed["last_name"], changed.get("locale")) == ("Ana", "Dupont", None)


def test_an_address_of_somebody_else_is_not_taken(client: FlaskClient, world: World) -> None:
    bob, ana = enrol(world, email="bob@example.com"), enrol(world, email="ana@example.com")

    answer = client.patch(
        f"/v1/members/{ids.show('member', ana.id)}", json={"email": "BOB@example.com"}, headers=world.as_("owner")
    )

    assert (answer.status_code, answer.json["member"]) == (409, ids.show("member", bob.id))


@pytest.mark.parametrize("path", ["", "/accounts", "/entries", "/activities", "/vouchers", "/deliveries", "/consents"])
def test_a_member_of_another_programme_is_not_found(client: FlaskClient, world: World, path: str) -> None:
    foreign = ids.show("member", enrol(make_world(world.database)).id)

    assert client.get(f"/v1/members/{foreign}{path}", headers=world.as_("owner")).status_code == 404
    assert client.patch(f"/v1/members/{foreign}", json={}, headers=world.as_("owner")).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "ana"}, "#/email"),
        ({"phone": "12"}, "#/phone"),
        ({"birth_on": "2999-01-01"}, "#/birth_on"),
        ({"locale": "French"}, "#/locale"),
        ({"locale": "fr\n"}, "#/locale"),
        ({"consents": [{"channel": "fax", "purpose": "offers", "granted": True}]}, "#/consents/0/channel"),
    ],
)
def test_a_wrong_field_is_pointed_at(client: FlaskClient, world: World, body: dict[str, object], pointer: str) -> None:
    answer = client.post("/v1/members", json=body, headers=world.as_("cashier"))

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_entries_of_all_accounts_are_in_the_order_of_recording_on_every_page(client: FlaskClient, world: World) -> None:
    for _ in range(2):
        make_purse(world)
    ana = enrol(world)
    recorded = write_entries(world, ana.id, [0, 1, 1, 0, 0, 1, 0])

    shown, after = [], ""
    for _ in range(len(recorded)):
        page = client.get(
            f"/v1/members/{ids.show('member', ana.id)}/entries?limit=2{after}", headers=world.as_("cashier")
        ).json
        shown += [entry["id"] for entry in page["data"]]
        if "next" not in page:
            break
        after = f"&after={page['next']}"

    assert shown == recorded[::-1]


def test_what_ran_out_is_not_shown_though_it_is_not_booked_yet(client: FlaskClient, world: World) -> None:
    from app.services import ledger  # the ledger's own words for what a lot is

    make_purse(world, kind="points", goal=None)
    ana = enrol(world)
    with world.database.transaction(world.program_id) as session:
        account = session.scalars(select(Account).where(Account.member_id == ana.id)).one()
        origin = ledger.Origin(occurred_at=clock.now())
        tomorrow = clock.now() + timedelta(days=1)
        ledger.credit(session, account, kind="earn", amount=40, origin=origin, expires_at=tomorrow)
        ledger.credit(session, account, kind="earn", amount=7, origin=origin, expires_at=None)

    with clock.held(clock.now() + timedelta(days=2)):
        held = client.get(f"/v1/members/{ids.show('member', ana.id)}/accounts", headers=world.as_("till")).json["data"]

    assert [one["balance"] for one in held] == [7]


def test_who_enrolled_whom_is_in_the_audit_log(client: FlaskClient, world: World) -> None:
    made = client.post("/v1/members", json={}, headers=world.as_("cashier")).json

    with world.database.transaction(world.program_id) as session:
        noted = session.scalars(select(AuditEntry)).one()
    assert (noted.action, noted.subject) == ("member.enrolled", made["id"])
    assert noted.staff_id is not None


def test_a_customer_may_not_list_members(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)

    assert client.get("/v1/members", headers=ana.headers).status_code == 403


def test_a_replaced_card_is_not_the_members_card(client: FlaskClient, world: World) -> None:
    ana = enrol(world)
    with world.database.transaction(world.program_id) as session:
        old = cards.of_members(session, [ana.id])[ana.id]
        new = cards.replace(session, world.database.keyring, old)

    shown = client.get(f"/v1/members/{ids.show('member', ana.id)}", headers=world.as_("till")).json

    assert shown["card"]["id"] == ids.show("card", new.id)


def write_entries(world: World, member_id: object, account_indexes: list[int]) -> list[str]:
    """Write an entry on each account in turn; return their ids in the order of recording."""
    written, start = [], clock.now()
    with world.database.transaction(world.program_id) as session:
        own = list(session.scalars(select(Account).where(Account.member_id == member_id).order_by(Account.id)))
        for step, index in enumerate(account_indexes):
            account = own[index]
            account.sequence += 1
            account.balance += 1
            entry = Entry(
                account_id=account.id, sequence=account.sequence, kind="adjust", amount=1,
                balance_after=account.balance, occurred_at=start, recorded_at=start + timedelta(seconds=step),
            )  # fmt: skip
            session.add(entry)
            written.append(ids.show("entry", entry.id))
    return written
