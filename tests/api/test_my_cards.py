"""The customer's cards: all programmes in one answer, codes for the customer's own phone only."""

import base64
import itertools
from uuid import UUID

import base45
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask.testing import FlaskClient
from sqlalchemy import select

from api.resources.my_cards import REPLACEMENTS_CUSTOMER
from app import clock, ids
from app.codes import grammar, offline, totp
from app.codes.card_token import new_voucher_code
from app.models import Account, Card, Member, Reward, Voucher
from app.services import attempts, cards, histories, holdings
from tests.world import World, make_world
from tests.world_members import Person, enrol, make_customer, make_purse


def test_the_cards_of_all_programmes_are_in_one_answer(client: FlaskClient, world: World) -> None:
    ana, other = make_customer(world.database), make_world(world.database)
    make_purse(world, goal=10)
    for place in (world, other):
        enrol(place, email=ana.email)
        enrol(place)

    shown = client.get("/v1/me/cards", headers=ana.headers).json["data"]

    assert [card["program"]["slug"] for card in shown] == [world.slug, other.slug]
    assert [(one["kind"], one["balance"], one["goal"]) for one in shown[0]["accounts"]] == [("stamps", 0, 10)]
    assert shown[1]["accounts"] == []
    assert [one["card"] for one in shown] == [{key: one[key] for key in ("id", "number", "status")} for one in shown]


def test_a_customer_without_cards_has_none(client: FlaskClient, world: World) -> None:
    assert client.get("/v1/me/cards", headers=make_customer(world.database).headers).json == {"data": []}


def test_open_vouchers_show_their_codes_and_spent_ones_are_gone(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    member = enrol(world, email=ana.email)
    code = give_voucher(world, member.id)
    give_voucher(world, member.id, status="used")
    give_voucher(world, enrol(world).id)

    (card,) = client.get("/v1/me/cards", headers=ana.headers).json["data"]

    assert [(one["name"], one["code"]) for one in card["vouchers"]] == [("Café offert", code)]
    assert "sealed" not in card["vouchers"][0]


def test_the_balance_is_the_same_as_staff_see_when_something_ran_out(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    make_purse(world, kind="points", goal=None, expiry={"policy": "inactivity", "days": 30})
    member = enrol(world, email=ana.email)
    with world.database.transaction(world.program_id) as session:
        from app.services import ledger  # the ledger's own words for what a lot is

        account = session.scalars(select(Account)).one()
        ledger.credit(
            session, account, kind="earn", amount=40, origin=ledger.Origin(occurred_at=clock.now()), expires_at=None
        )
        account.next_expiry_at = clock.now()
        session.flush()
        (held,) = holdings.of_members(session, [member.id])[member.id]

    (card,) = client.get("/v1/me/cards", headers=ana.headers).json["data"]

    assert (card["accounts"][0]["balance"], held.balance) == (0, 0)


def test_the_seed_makes_codes_that_a_till_accepts(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)

    seed = client.get(f"/v1/me/cards/{shown(card)}/code-seed", headers=ana.headers).json

    now = clock.unix_seconds()
    digits = totp.code(base64.b32decode(seed["totp_key"]), now)
    read = grammar.parse(seed["format"].format(token=seed["token"], totp=digits, unix=now))
    assert isinstance(read, grammar.RotatingCode)
    assert ids.digest(read.token) == card.token_hash
    assert totp.accepted_period(cards.totp_key_of(world.database.keyring, card), read.totp, now) is not None


def test_offline_codes_leave_no_gap_and_are_believed_with_the_tills_keys(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)

    codes = client.get(f"/v1/me/cards/{shown(card)}/offline-codes?hours=1", headers=ana.headers).json["data"]

    held = client.get("/v1/offline-keys", headers=world.as_("till")).json["keys"]
    keys = {key["key_id"]: Ed25519PublicKey.from_public_bytes(bytes.fromhex(key["public_key"])) for key in held}
    read = [offline.read_text(code["text"]) for code in codes]
    for code in read:
        offline.verify(code, keys, code.valid_from)
    assert {(code.card_id, code.redeem_max) for code in read} == {(card.id, 0)}
    assert all(earlier.valid_until >= later.valid_from for earlier, later in itertools.pairwise(read))
    assert len(read) == 60


def test_an_offline_code_of_another_card_than_was_signed_is_no_card(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)
    codes = client.get(f"/v1/me/cards/{shown(card)}/offline-codes?hours=1", headers=ana.headers).json["data"]
    signed = offline.read_text(codes[0]["text"])
    forged = signed.raw.replace(signed.card_id.bytes, ids.new_id().bytes)

    body = {"code": f"A3{base45.b45encode(forged).decode()}", "store_id": ids.show("store", world.store_id)}
    answer = client.post("/v1/scans/look-up", json=body, headers=world.as_("till"))

    assert (answer.status_code, answer.json["code"]) == (422, "not-a-card")


@pytest.mark.parametrize("path", ["code-seed", "offline-codes", "code", "qr.svg"])
def test_a_blocked_card_gives_the_phone_no_codes(client: FlaskClient, world: World, path: str) -> None:
    ana, card = person_with_card(world)
    client.post(f"/v1/cards/{shown(card)}/block", json={}, headers=world.as_("till"))

    answer = client.get(f"/v1/me/cards/{shown(card)}/{path}", headers=ana.headers)

    assert (answer.status_code, answer.json["code"]) == (409, "card-blocked")


@pytest.mark.parametrize("path", ["code-seed", "offline-codes", "code", "qr.svg", "entries"])
def test_another_persons_card_is_not_found(client: FlaskClient, world: World, path: str) -> None:
    _, card = person_with_card(world)
    other, own = person_with_card(world)

    assert client.get(f"/v1/me/cards/{shown(card)}/{path}", headers=other.headers).status_code == 404
    assert client.get(f"/v1/me/cards/{shown(own)}/{path}", headers=other.headers).status_code == 200


def test_a_customer_sees_the_own_entries_only(client: FlaskClient, world: World) -> None:
    from tests.api.test_members import write_entries

    make_purse(world)
    ana, card = person_with_card(world)
    own = write_entries(world, card.member_id, [0, 0])
    write_entries(world, enrol(world).id, [0])

    entries = client.get(f"/v1/me/cards/{shown(card)}/entries", headers=ana.headers).json["data"]

    assert [entry["id"] for entry in entries] == own[::-1]


def test_a_customer_replaces_a_card_whose_code_somebody_else_may_have(client: FlaskClient, world: World) -> None:
    purse_id = make_purse(world)
    ana, card = person_with_card(world)
    old = client.get(f"/v1/me/cards/{shown(card)}/code", headers=ana.headers).json["text"]

    made = client.post(f"/v1/me/cards/{shown(card)}/replace", headers=ana.headers)

    (mine,) = client.get("/v1/me/cards", headers=ana.headers).json["data"]
    new = client.get(f"/v1/me/cards/{mine['id']}/code", headers=ana.headers).json["text"]
    assert (made.status_code, made.json["id"], made.json["status"]) == (201, mine["id"], "active")
    assert [account["purse_id"] for account in mine["accounts"]] == [ids.show("purse", purse_id)]
    assert [look_up(client, world, code) for code in (old, new)] == [(409, "card-replaced"), (200, None)]


def test_a_customer_cannot_replace_a_block_away(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)
    client.post(f"/v1/cards/{shown(card)}/block", json={}, headers=world.as_("till"))

    answer = client.post(f"/v1/me/cards/{shown(card)}/replace", headers=ana.headers)

    assert (answer.status_code, answer.json["code"]) == (409, "card-blocked")
    assert [one["status"] for one in client.get("/v1/me/cards", headers=ana.headers).json["data"]] == ["blocked"]


def test_two_taps_replace_a_card_once(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)

    taps = [client.post(f"/v1/me/cards/{shown(card)}/replace", headers=ana.headers).status_code for _ in range(2)]

    assert taps == [201, 404]
    assert len(client.get("/v1/me/cards", headers=ana.headers).json["data"]) == 1


def test_nobody_replaces_another_persons_card(client: FlaskClient, world: World) -> None:
    _, card = person_with_card(world)
    other, _ = person_with_card(world)

    assert client.post(f"/v1/me/cards/{shown(card)}/replace", headers=other.headers).status_code == 404
    assert look_up(client, world, grammar.static_code(cards.token_of(world.database.keyring, card))) == (200, None)


def test_a_customer_does_not_make_cards_for_ever(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)
    with clock.held(clock.now()):
        with world.database.transaction() as session:
            for _ in range(REPLACEMENTS_CUSTOMER.quota):
                subject = ids.show("customer", ana.id)
                attempts.count(session, world.database.keyring, policy=REPLACEMENTS_CUSTOMER, subject=subject)

        answer = client.post(f"/v1/me/cards/{shown(card)}/replace", headers=ana.headers)

    assert (answer.status_code, answer.json["code"]) == (429, "too-many-requests")


def test_staff_have_no_cards_here(client: FlaskClient, world: World) -> None:
    assert client.get("/v1/me/cards", headers=world.as_("owner")).status_code == 403


def test_a_wrong_cursor_is_refused_by_name(client: FlaskClient, world: World) -> None:
    ana, card = person_with_card(world)

    answer = client.get(f"/v1/me/cards/{shown(card)}/entries?after=eA", headers=ana.headers)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "?/after")
    assert str(histories.Position.read("1..3")) == "1..3"


def person_with_card(world: World) -> tuple[Person, Card]:
    """Make a customer who is a member; return both the person and the card."""
    person = make_customer(world.database)
    member: Member = enrol(world, email=person.email)
    with world.database.transaction(world.program_id) as session:
        return person, cards.of_members(session, [member.id])[member.id]


def give_voucher(world: World, member_id: UUID, status: str = "issued") -> str:
    """Give the member a voucher; return its code."""
    voucher_id, code = ids.new_id(), new_voucher_code()
    with world.database.transaction(world.program_id) as session:
        reward = Reward(name="Café offert", kind="free_item", value={"name": "Café"})
        session.add(reward)
        session.flush()
        sealed = world.database.keyring.seal(code.encode(), context=voucher_id.bytes)
        session.add(
            Voucher(
                id=voucher_id, member_id=member_id, reward_id=reward.id, name=reward.name, status=status,
                code_hash=ids.digest(code), code_sealed=sealed, issued_at=clock.now(),
            )
        )  # fmt: skip
    return code


def look_up(client: FlaskClient, world: World, code: str) -> tuple[int, str | None]:
    """Return what a till is told of a code: the status, and the problem's slug if there is one."""
    body = {"code": code, "store_id": ids.show("store", world.store_id)}
    answer = client.post("/v1/scans/look-up", json=body, headers=world.as_("till"))
    return answer.status_code, answer.json.get("code")


def shown(card: Card) -> str:
    """Return the card's public id."""
    return ids.show("card", card.id)
