"""Customers over HTTP: one-time codes, sign-ins, rights."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from api import limits
from app import clock, ids
from app.db import Database
from app.models import Account, Consent, Customer, CustomerCode, Device, Entry, Member, Purse
from app.services import cards, customers, passes
from tests.world import World, make_world
from tests.world_signing import (
    SignedIn,
    ask_code,
    letters_to,
    make_customer,
    make_membership,
    new_address,
    new_phone,
    sign_in,
    somewhere,
)


def ask(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/v1/customers/codes", json=body, environ_base=somewhere())


def answer_code(client: FlaskClient, contact: dict[str, str], code: str) -> TestResponse:
    return client.post("/v1/customers/sessions", json={**contact, "code": code}, environ_base=somewhere())


def refresh(client: FlaskClient, token: str) -> TestResponse:
    return client.post("/v1/customers/refresh", json={"refresh_token": token})


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def give_pass(world: World, member: str) -> str:
    """Put the member's card into a wallet; return the pass's serial number."""
    with world.database.transaction(world.program_id) as session:
        card = cards.of_members(session, [ids.parse("member", member)]).get(ids.parse("member", member))
        if card is None:
            card = cards.issue(session, world.database.keyring, session.get_one(Member, ids.parse("member", member)))
            session.flush()
        pass_type = f"pass.example.{ids.new_id().hex}"
        return passes.issue(
            session, world.database.keyring, card=card, platform="apple", pass_type_ids=[pass_type]
        ).serial


def give_device(database: Database, who: SignedIn, *, session: str | None = None) -> None:
    customer_id = ids.parse("customer", who.id)
    family = ids.parse("customer", "cus_" + (session or who.refresh).split("_")[1])
    with database.transaction(customer_id=customer_id) as opened:
        opened.add(
            Device(
                customer_id=customer_id, address=ids.secret_text(), platform="ios",
                last_contact_at=clock.now(), session_id=family,
            )
        )  # fmt: skip


def devices_of(database: Database, who: SignedIn) -> int:
    customer_id = ids.parse("customer", who.id)
    with database.transaction(customer_id=customer_id) as session:
        return len(session.scalars(select(Device)).all())


@pytest.fixture
def ana(database: Database) -> SignedIn:
    """A customer who is signed in."""
    return make_customer(database)


@pytest.fixture
def still() -> Iterator[None]:
    """Hold the clock, so that no window of a limit ends while a test counts."""
    with clock.held(clock.now()):
        yield


# One-time codes


def test_a_code_is_sent_and_signs_in(client: FlaskClient, database: Database) -> None:
    address = new_address()

    body = sign_in(client, database, {"email": address})

    assert body["customer"]["email"] == address
    assert body["access_token"].startswith("acu_")
    me = client.get("/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json == body["customer"]


def test_a_phone_signs_in_however_it_is_typed(client: FlaskClient, database: Database) -> None:
    phone = new_phone()
    code = ask_code(client, database, {"phone": phone})

    typed = f"{phone[:3]} {phone[3]} {phone[4:6]} {phone[6:8]} {phone[8:10]} {phone[10:]}"

    assert answer_code(client, {"phone": typed}, code).json["customer"]["phone"] == phone


def test_known_and_unknown_are_answered_alike(client: FlaskClient, ana: SignedIn) -> None:
    known, unknown = ask(client, email=ana.email), ask(client, email=new_address())

    assert (known.status_code, known.data) == (unknown.status_code, unknown.data) == (202, b"")
    ignored = {"Request-Id", "RateLimit"}
    assert {k: v for k, v in known.headers if k not in ignored} == {
        k: v for k, v in unknown.headers if k not in ignored
    }


def test_a_wrong_code_does_not_tell_whether_one_was_sent(client: FlaskClient, database: Database) -> None:
    sent, never = {"email": new_address()}, {"email": new_address()}
    code = ask_code(client, database, sent)

    wrong, unknown = answer_code(client, sent, other_than(code)), answer_code(client, never, code)

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json | {"request_id": ""} == unknown.json | {"request_id": ""}


@pytest.mark.parametrize(
    ("asked", "header", "locale", "word"),
    [
        ("fr", "en", "fr", "votre"),
        ("en-GB", "fr", "en", "your"),
        (None, "en-US", "en", "your"),
        (None, "de", "fr", "votre"),
    ],
)
def test_the_letter_is_in_the_persons_language(
    client: FlaskClient, database: Database, asked: str | None, header: str, locale: str, word: str
) -> None:
    address = new_address()
    body = {"email": address} | ({"locale": asked} if asked else {})
    client.post(
        "/v1/customers/codes", json=body, headers={"Accept-Language": header}, environ_base=somewhere()
    )  # fmt: skip

    (letter,) = letters_to(database, address)

    assert (letter["kind"], letter["locale"]) == ("one_time_code", locale)
    assert word in letter["subject"]
    assert letter["code"] in letter["text"]


def test_only_its_owner_reads_the_outbox(client: FlaskClient, database: Database) -> None:
    ask(client, email=new_address())

    assert stat.S_IMODE(database.settings.outbox_file.stat().st_mode) == 0o600


def test_a_code_works_once(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}
    code = ask_code(client, database, contact)

    assert [answer_code(client, contact, code).status_code for _ in range(2)] == [200, 401]


def test_a_code_used_by_many_at_once_signs_one_in(application: Flask, database: Database) -> None:
    contact = {"email": new_address()}
    code = ask_code(application.test_client(), database, contact)

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: answer_code(application.test_client(), contact, code).status_code, range(4)))

    assert sorted(statuses) == [200, 401, 401, 401]


def test_the_sixth_guess_is_refused_even_if_right(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}
    code = ask_code(client, database, contact)
    for _ in range(5):
        assert answer_code(client, contact, other_than(code)).status_code == 401

    assert answer_code(client, contact, code).status_code == 401


def test_the_fifth_guess_may_be_right(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}
    code = ask_code(client, database, contact)
    for _ in range(4):
        answer_code(client, contact, other_than(code))

    assert answer_code(client, contact, code).status_code == 200


def test_guesses_at_the_same_time_are_counted(application: Flask, database: Database) -> None:
    contact = {"email": new_address()}
    code = ask_code(application.test_client(), database, contact)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: answer_code(application.test_client(), contact, other_than(code)), range(12)))

    with database.transaction(contact_hash=database.keyring.contact_hash(contact["email"])) as session:
        tries = session.scalars(select(CustomerCode.tries)).one()
    assert tries == 5
    assert answer_code(application.test_client(), contact, code).status_code == 401


def test_a_code_of_one_contact_is_refused_on_another(client: FlaskClient, database: Database) -> None:
    one, other = {"email": new_address()}, {"email": new_address()}
    code, others = ask_code(client, database, one), ask_code(client, database, other)

    assert code == others or answer_code(client, other, code).status_code == 401
    assert answer_code(client, one, code).status_code == 200


def test_a_code_lives_ten_minutes(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}
    with clock.held(clock.now()):
        code = ask_code(client, database, contact)
        clock.advance(timedelta(minutes=10))

        assert answer_code(client, contact, code).status_code == 401


def test_a_new_code_ends_the_one_before(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}
    old = ask_code(client, database, contact)
    new = ask_code(client, database, contact)

    assert old == new or answer_code(client, contact, old).status_code == 401
    assert answer_code(client, contact, new).status_code == 200
    assert old == new or answer_code(client, contact, old).status_code == 401


def test_the_fourth_code_in_ten_minutes_is_not_sent(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}
    with clock.held(clock.now().replace(minute=0, second=0)):
        answers = [ask(client, **contact).status_code for _ in range(5)]
        last = letters_to(database, contact["email"])[-1]["code"]

        assert answers == [202] * 5
        assert len(letters_to(database, contact["email"])) == 3
        assert answer_code(client, contact, last).status_code == 200


@pytest.mark.usefixtures("still")
def test_one_client_cannot_ask_for_many_contacts(client: FlaskClient, database: Database) -> None:
    here, contact = somewhere(), {"email": new_address()}
    for _ in range(limits.CODES_CLIENT.quota):
        client.post("/v1/customers/codes", json={}, environ_base=here)

    answer = client.post("/v1/customers/codes", json=contact, environ_base=here)

    assert (answer.status_code, answer.json["code"]) == (429, "too-many-requests")
    assert int(answer.headers["Retry-After"]) <= 600
    assert answer.headers["RateLimit"].startswith('"codes-client";r=0;t=')
    assert letters_to(database, contact["email"]) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@cafe.example", "phone": "+33612345678"},
        {"email": "no"},
        {"phone": "12"},
        {"phone": "+33142685300"},
    ],
)
def test_a_contact_that_cannot_be_one_is_refused(client: FlaskClient, body: dict[str, str]) -> None:
    assert ask(client, **body).status_code == 422


def test_the_database_keeps_neither_code_nor_contact(client: FlaskClient, database: Database) -> None:
    address = new_address()
    code = ask_code(client, database, {"email": address})

    with database.transaction(contact_hash=database.keyring.contact_hash(address)) as session:
        row = session.scalars(select(CustomerCode)).one()
    assert row.code_hash.startswith("$argon2id$")
    assert code not in str(vars(row))
    assert address not in str(vars(row))


def test_row_level_security_hides_codes_of_other_contacts(client: FlaskClient, database: Database) -> None:
    ask_code(client, database, {"email": new_address()})

    with database.transaction(contact_hash=database.keyring.contact_hash(new_address())) as session:
        assert session.scalars(select(CustomerCode)).all() == []


# Sign-ins


def test_the_same_contact_is_the_same_customer(client: FlaskClient, database: Database) -> None:
    contact = {"email": new_address()}

    first, second = sign_in(client, database, contact), sign_in(client, database, contact)

    assert first["customer"] == second["customer"]


def test_signing_in_finds_the_memberships_of_the_contact(client: FlaskClient, database: Database, world: World) -> None:
    address, elsewhere = new_address(), make_world(database)
    made = {make_membership(world, email=address), make_membership(elsewhere, email=address)}
    make_membership(world, email=new_address())

    person = sign_in(client, database, {"email": address})

    assert {ids.show("member", one) for one in members_of(database, person["customer"]["id"])} == made


def members_of(database: Database, customer: str) -> list[Any]:
    with database.across_programs() as session:
        query = select(Member.id).where(Member.customer_id == ids.parse("customer", customer))
        return list(session.scalars(query))


def test_a_second_membership_in_one_programme_is_kept_apart(
    client: FlaskClient, database: Database, world: World
) -> None:
    address = new_address()
    make_membership(world, email=address)
    person = sign_in(client, database, {"email": address})
    with database.transaction(world.program_id) as session:
        session.scalars(select(Member).where(Member.email == address)).one().email = None
    make_membership(world, email=address)

    sign_in(client, database, {"email": address})

    assert len(members_of(database, person["customer"]["id"])) == 1


def test_linking_again_links_nothing(database: Database, world: World, ana: SignedIn) -> None:
    make_membership(world, email=ana.email)
    with database.transaction(customer_id=ids.parse("customer", ana.id)) as session:
        person = customers.get(session)

    assert [customers.link(database, person) for _ in range(2)] == [1, 0]


def test_twenty_refreshes_at_once_have_one_child(application: Flask, ana: SignedIn) -> None:
    with clock.held(clock.now()), ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: refresh(application.test_client(), ana.refresh), range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert refresh(application.test_client(), answers[0].json["refresh_token"]).status_code == 200


def test_a_stolen_refresh_token_signs_the_family_out(client: FlaskClient, database: Database, ana: SignedIn) -> None:
    give_device(database, ana)
    with clock.held(clock.now()):
        current = refresh(client, ana.refresh).json
        clock.advance(timedelta(seconds=10))
        assert refresh(client, ana.refresh).status_code == 401

        assert refresh(client, current["refresh_token"]).status_code == 401
    assert devices_of(database, ana) == 0


def test_signing_out_forgets_this_sign_ins_devices_only(client: FlaskClient, database: Database, ana: SignedIn) -> None:
    give_device(database, ana)
    give_device(database, ana, session=f"rcu_{ids.new_id().hex}_")

    assert client.post("/v1/customers/revoke", json={"refresh_token": ana.refresh}).status_code == 204
    assert devices_of(database, ana) == 1
    assert client.get("/v1/me", headers=ana.headers).status_code == 401


# Rights


def test_a_person_changes_names_and_takes_them_away(client: FlaskClient, ana: SignedIn) -> None:
    body = {"first_name": "Ana", "last_name": "Lima", "locale": "fr-CA", "timezone": "America/Montreal"}
    client.patch("/v1/me", json=body, headers=ana.headers)
    changed = client.patch("/v1/me", json={"last_name": None}, headers=ana.headers).json

    assert changed["first_name"] == "Ana"
    assert "last_name" not in changed
    assert client.get("/v1/me", headers=ana.headers).json == changed


@pytest.mark.parametrize(
    "body", [{"timezone": "Paris"}, {"locale": "French"}, {"email": "b@cafe.example"}, {"id": "x"}]
)
def test_what_a_person_may_not_set_is_refused(client: FlaskClient, ana: SignedIn, body: dict[str, str]) -> None:
    answer = client.patch("/v1/me", json=body, headers=ana.headers)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"#/{next(iter(body))}"


def test_staff_are_no_customers(client: FlaskClient, world: World, ana: SignedIn) -> None:
    assert client.get("/v1/me", headers=world.as_("owner")).status_code == 403
    assert client.get("/v1/stores", headers=ana.headers).status_code == 403


def test_an_erased_customer_is_nobody(client: FlaskClient, database: Database, world: World, ana: SignedIn) -> None:
    member = make_membership(world, email=ana.email, customer_id=ids.parse("customer", ana.id))
    give_device(database, ana)
    client.patch("/v1/me", json={"first_name": "Ana"}, headers=ana.headers)

    assert client.delete("/v1/me", headers=ana.headers).status_code == 204

    assert refresh(client, ana.refresh).status_code == 401
    with database.across_programs() as session:
        person = session.get_one(Customer, ids.parse("customer", ana.id))
        assert session.get_one(Member, ids.parse("member", member)).customer_id is None
        assert session.get_one(Member, ids.parse("member", member)).email == ana.email
    assert (person.email, person.phone, person.first_name, person.locale) == (None, None, None, None)
    assert person.erased_at is not None
    assert devices_of(database, ana) == 0


def test_nothing_is_written_back_behind_an_erasure(client: FlaskClient, database: Database, ana: SignedIn) -> None:
    client.get("/v1/me", headers=ana.headers)

    erased = [client.delete("/v1/me", headers=ana.headers).status_code for _ in range(2)]
    # Whoever was known a moment ago is believed for five seconds: either way it is too late.
    late = client.patch("/v1/me", json={"first_name": "Ana"}, headers=ana.headers)

    with database.across_programs() as session:
        person = session.get_one(Customer, ids.parse("customer", ana.id))
    assert erased[0] == 204
    assert late.status_code in {401, 404}
    assert client.get("/v1/me", headers=ana.headers).status_code in {401, 404}
    assert person.first_name is None


def test_who_comes_back_after_erasure_is_somebody_new(client: FlaskClient, database: Database, ana: SignedIn) -> None:
    client.delete("/v1/me", headers=ana.headers)

    assert sign_in(client, database, {"email": ana.email})["customer"]["id"] != ana.id


def test_erasing_one_leaves_others(client: FlaskClient, database: Database, ana: SignedIn) -> None:
    other = make_customer(database)
    give_device(database, other)
    client.delete("/v1/me", headers=ana.headers)

    assert client.get("/v1/me", headers=other.headers).json["email"] == other.email
    assert devices_of(database, other) == 1


def give_history(world: World, member: str) -> None:
    member_id = ids.parse("member", member)
    with world.database.transaction(world.program_id) as session:
        purse = Purse(code="points", name="Points", kind="points")
        session.add(purse)
        session.flush()
        account = Account(member_id=member_id, purse_id=purse.id, balance=50, earned_total=50, sequence=1)
        session.add(account)
        session.flush()
        session.add(
            Entry(
                account_id=account.id, sequence=1, kind="earn", amount=50, balance_after=50,
                occurred_at=clock.now(), recorded_at=clock.now(),
            )
        )  # fmt: skip
        session.add(Consent(member_id=member_id, channel="push", purpose="offers", granted=True, source="app"))


def test_an_export_holds_everything(client: FlaskClient, database: Database, world: World, ana: SignedIn) -> None:
    member = make_membership(world, email=ana.email, customer_id=ids.parse("customer", ana.id))
    stranger = make_membership(world, email=new_address())
    give_history(world, member)
    give_device(database, ana)
    serial = give_pass(world, member)

    answer = client.get("/v1/me/export", headers=ana.headers)

    body = answer.json
    (membership,) = body["memberships"]
    assert body["profile"]["email"] == ana.email
    assert len(body["devices"]) == len(body["sign_ins"]) == 1
    assert (membership["program"]["slug"], membership["member"]["id"]) == (world.slug, member)
    assert [account["balance"] for account in membership["accounts"]] == [50]
    assert [entry["amount"] for entry in membership["accounts"][0]["entries"]] == [50]
    assert [consent["channel"] for consent in membership["consents"]] == ["push"]
    assert [one["serial"] for one in membership["passes"]] == [serial]
    assert stranger not in answer.text


def test_an_export_holds_no_secret(client: FlaskClient, world: World, ana: SignedIn) -> None:
    give_pass(world, make_membership(world, customer_id=ids.parse("customer", ana.id)))

    text = client.get("/v1/me/export", headers=ana.headers).text

    assert "hash" not in text
    assert "sealed" not in text
    assert ana.access not in text
