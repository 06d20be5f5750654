"""Vouchers in Apple Wallet: alone, with the card in one file, and once they are used."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app import clock, ids
from app.codes.card_token import new_voucher_code
from app.db import Database
from app.models import Card, Pass, Reward, Voucher
from app.services import cards
from tests.world import World, make_world
from tests.world_apple import WalletServer, authority, pass_in, some_identity, wallet_server
from tests.world_members import Person, enrol, make_customer
from wallet.platforms.apple import diagnosis

PKPASS = "application/vnd.apple.pkpass"
PKPASSES = "application/vnd.apple.pkpasses"


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletServer]:
    with wallet_server(database.settings, tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture
def member(server: WalletServer, world: World) -> "Guest":
    server.set_up(world)
    return make_guest(world)


class Guest:
    """A customer with a card, and that card's paths."""

    def __init__(self, world: World, person: Person, card: Card) -> None:
        self.world, self.person, self.card = world, person, card

    def path(self, what: str, *, mine: bool = False) -> str:
        return f"/v1{'/me' if mine else ''}/cards/{ids.show('card', self.card.id)}/{what}"

    def voucher_path(self, voucher_id: UUID, *, mine: bool = False) -> str:
        return self.path(f"vouchers/{ids.show('voucher', voucher_id)}/apple.pkpass", mine=mine)


def make_guest(world: World) -> Guest:
    person = make_customer(world.database)
    member = enrol(world, email=person.email)
    with world.database.transaction(world.program_id) as session:
        return Guest(world, person, cards.of_members(session, [member.id])[member.id])


def give_voucher(guest: Guest, name: str = "Café offert", status: str = "issued") -> tuple[UUID, str]:
    """Give the guest a voucher; return its id and its code."""
    voucher_id, code = ids.new_id(), new_voucher_code()
    keyring = guest.world.database.keyring
    with guest.world.database.transaction(guest.world.program_id) as session:
        reward = Reward(name=name, kind="free_item", value={"name": name})
        session.add(reward)
        session.flush()
        session.add(
            Voucher(
                id=voucher_id, member_id=guest.card.member_id, reward_id=reward.id, name=name, status=status,
                code_hash=ids.digest(code), code_sealed=keyring.seal(code.encode(), context=voucher_id.bytes),
                issued_at=clock.now(),
            )
        )  # fmt: skip
    return voucher_id, code


def faults(package: bytes) -> list[Any]:
    """Return what keeps a file from opening."""
    return diagnosis.stopping(diagnosis.of_package(package, authorities=[authority().intermediate]))


def inside(bundle: bytes) -> list[dict[str, Any]]:
    """Return the `pass.json` of each pass of a bundle."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
        return [pass_in(opened.read(name)) for name in opened.namelist()]


def test_a_voucher_is_a_coupon_that_every_check_lets_pass(server: WalletServer, world: World, member: Guest) -> None:
    voucher_id, code = give_voucher(member)
    answer = server.client.get(member.voucher_path(voucher_id), headers=world.as_("cashier"))
    assert (answer.status_code, answer.mimetype) == (200, PKPASS)
    assert faults(answer.data) == []
    shown = pass_in(answer.data)
    assert [one["value"] for one in shown["coupon"]["primaryFields"]] == ["Café offert"]
    assert shown["barcodes"][0]["message"] == f"V1{code}"
    again = pass_in(server.client.get(member.voucher_path(voucher_id), headers=world.as_("cashier")).data)
    assert again["serialNumber"] == shown["serialNumber"]


def test_a_used_voucher_shows_no_code_when_the_phone_asks_again(
    server: WalletServer, world: World, member: Guest
) -> None:
    voucher_id, code = give_voucher(member)
    shown = pass_in(server.client.get(member.voucher_path(voucher_id), headers=world.as_("owner")).data)
    assert "voided" not in shown
    store = {"store_id": ids.show("store", world.store_id)}
    used = server.client.post(f"/v1/vouchers/{code}/use", json=store, headers=world.as_("till"))
    assert used.status_code == 200, used.json
    answer = server.client.get(
        f"/passkit/v1/passes/{shown['passTypeIdentifier']}/{shown['serialNumber']}",
        headers={"Authorization": f"ApplePass {shown['authenticationToken']}"},
    )
    assert answer.status_code == 200
    later = pass_in(answer.data)
    assert later["voided"] is True
    assert "barcodes" not in later
    assert faults(answer.data) == []


def test_a_card_travels_with_the_vouchers_that_can_be_used(server: WalletServer, world: World, member: Guest) -> None:
    give_voucher(member, "Gâteau")
    give_voucher(member, "Thé")
    give_voucher(member, "Déjà bu", status="used")
    answer = server.client.get(member.path("apple.pkpasses"), headers=world.as_("owner"))
    assert (answer.status_code, answer.mimetype) == (200, PKPASSES)
    assert 'filename="cards.pkpasses"' in answer.headers["Content-Disposition"]
    assert faults(answer.data) == []
    card, *coupons = inside(answer.data)
    assert "storeCard" in card
    assert {one["coupon"]["primaryFields"][0]["value"] for one in coupons} == {"Gâteau", "Thé"}
    assert len({one["serialNumber"] for one in (card, *coupons)}) == 3


def test_ten_passes_travel_together_and_no_more(server: WalletServer, world: World, member: Guest) -> None:
    for place in range(11):
        give_voucher(member, f"Café {place}")
    answer = server.client.get(member.path("apple.pkpasses"), headers=world.as_("owner"))
    names = [one["coupon"]["primaryFields"][0]["value"] for one in inside(answer.data)[1:]]
    assert names == [f"Café {place}" for place in range(10, 1, -1)]


def test_a_customer_gets_the_own_vouchers_and_nobody_elses(server: WalletServer, world: World, member: Guest) -> None:
    other = make_guest(world)
    voucher_id, _ = give_voucher(member)
    paths = (member.path("apple.pkpasses", mine=True), member.voucher_path(voucher_id, mine=True))
    for path in paths:
        assert server.client.get(path, headers=member.person.headers).status_code == 200
        assert server.client.get(path, headers=other.person.headers).status_code == 404
    swapped = other.voucher_path(voucher_id, mine=True)
    assert server.client.get(swapped, headers=other.person.headers).status_code == 404
    assert server.client.get(other.voucher_path(voucher_id), headers=world.as_("owner")).status_code == 404


def test_another_programmes_staff_sees_neither(server: WalletServer, world: World, member: Guest) -> None:
    stranger = make_world(world.database)
    server.set_up(stranger)
    voucher_id, _ = give_voucher(member)
    for path in (member.path("apple.pkpasses"), member.voucher_path(voucher_id)):
        assert server.client.get(path, headers=stranger.as_("owner")).status_code == 404


def test_without_a_certificate_there_is_none(server: WalletServer, world: World) -> None:
    answer = server.client.get(make_guest(world).path("apple.pkpasses"), headers=world.as_("owner"))
    told: Any = answer.json
    assert (answer.status_code, told["type"].rpartition("/")[2]) == (409, "wallet-not-set-up")


@pytest.mark.parametrize("mine", [True, False])
def test_a_voucher_is_saved_to_google_wallet_once_google_knows_of_it(
    server: WalletServer, member: Guest, *, mine: bool
) -> None:
    set_up_google(server, member.world)
    voucher_id, _ = give_voucher(member)
    path = member.path(f"vouchers/{ids.show('voucher', voucher_id)}/google", mine=mine)
    headers = member.person.headers if mine else member.world.as_("cashier")
    waiting = server.client.get(path, headers=headers)
    assert (waiting.status_code, waiting.get_json()) == (202, {"status": "preparing"})
    with member.world.database.transaction(member.world.program_id) as session:
        made = update(Pass).where(Pass.voucher_id == voucher_id, Pass.platform == "google")
        session.execute(made.values(google_inserted_at=clock.now()))
    ready = server.client.get(path, headers=headers).get_json()
    assert ready["save_url"].startswith("https://pay.google.com/gp/v/save/")
    stranger = make_guest(member.world)
    other = stranger.path(f"vouchers/{ids.show('voucher', voucher_id)}/google", mine=mine)
    assert server.client.get(other, headers=stranger.person.headers if mine else headers).status_code == 404


def set_up_google(server: WalletServer, world: World) -> None:
    account = {
        "type": "service_account", "project_id": "cafe-assidu-app", "private_key_id": "0123",
        "private_key": some_identity(1).key_pem.decode(), "token_uri": "https://oauth2.googleapis.com/token",
        "client_email": "wallet@cafe-assidu-app.iam.gserviceaccount.com",
    }  # fmt: skip
    body = {"platform": "google", "issuer_id": "3388000000012345678", "service_account": account}
    assert server.client.put("/v1/program/wallet-credentials", json=body, headers=world.as_("owner")).status_code == 200


def test_a_vouchers_pass_is_seen_with_the_card_that_took_the_place_of_its_first(
    server: WalletServer, member: Guest
) -> None:
    voucher_id, _ = give_voucher(member)
    headers = member.world.as_("owner")
    assert server.client.get(member.voucher_path(voucher_id), headers=headers).status_code == 200
    successor = server.client.post(member.path("replace"), headers=headers)
    assert successor.status_code == 201

    answer = server.client.get(f"/v1/cards/{json.loads(successor.data)['id']}/passes", headers=headers)
    assert [one["voucher_id"] for one in json.loads(answer.data)["data"]] == [ids.show("voucher", voucher_id)]
