"""Cards for wallets over HTTP: a signed file, a link, what became of each pass, and links that work once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app import clock, ids
from app.db import Database
from app.models import Pass, PassLink, Program
from app.services import cards
from tests.world import World, make_world
from tests.world_apple import WalletServer, authority, pass_in, some_identity, wallet_server
from tests.world_members import enrol, make_customer
from tests.world_till import Cafe, Guest, make_cafe, make_guest
from wallet.platforms.apple import diagnosis

PKPASS = "application/vnd.apple.pkpass"


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletServer]:
    with wallet_server(database.settings, tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture
def cafe(world: World) -> Cafe:
    return make_cafe(world)


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe, last_name="Lovelace")


def path_of(guest: Guest, what: str) -> str:
    return f"/v1/cards/{ids.show('card', guest.card_id)}/{what}"


def test_a_card_is_a_file_that_every_check_lets_pass(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    answer = server.client.get(path_of(guest, "apple.pkpass"), headers=cafe.world.as_("cashier"))
    assert (answer.status_code, answer.mimetype) == (200, PKPASS)
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'filename="card.pkpass"' in answer.headers["Content-Disposition"]
    assert diagnosis.of_package(answer.data, authorities=[authority().intermediate]) == []
    shown = pass_in(answer.data)
    assert shown["webServiceURL"] == "https://cafe.example/passkit"
    assert shown["barcodes"][0]["message"] == guest.code
    assert shown["passTypeIdentifier"] == "pass.example.cafe0"


def test_the_same_card_is_the_same_pass_each_time(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    owner = cafe.world.as_("owner")
    first, second = (pass_in(server.client.get(path_of(guest, "apple.pkpass"), headers=owner).data) for _ in range(2))
    other = pass_in(server.client.get(path_of(make_guest(cafe), "apple.pkpass"), headers=owner).data)
    for name in ("serialNumber", "authenticationToken"):
        assert first[name] == second[name] != other[name]


def test_the_pass_stays_the_same_when_the_certificate_is_renewed(
    server: WalletServer, cafe: Cafe, guest: Guest
) -> None:
    owner = cafe.world.as_("owner")
    server.set_up(cafe.world)
    before = pass_in(server.client.get(path_of(guest, "apple.pkpass"), headers=owner).data)
    renewed = authority().issue(before["passTypeIdentifier"], days=200)
    body = {
        "platform": "apple", "certificate": renewed.certificate_pem.decode(), "private_key": renewed.key_pem.decode(),
    }  # fmt: skip
    assert server.client.put("/v1/program/wallet-credentials", json=body, headers=owner).status_code == 200
    after = pass_in(server.client.get(path_of(guest, "apple.pkpass"), headers=owner).data)
    assert (after["serialNumber"], after["authenticationToken"]) == (
        before["serialNumber"], before["authenticationToken"],
    )  # fmt: skip


@pytest.mark.parametrize("what", ["apple.pkpass", "google"])
def test_without_credentials_there_is_no_pass(server: WalletServer, cafe: Cafe, guest: Guest, what: str) -> None:
    answer = server.client.get(path_of(guest, what), headers=cafe.world.as_("owner"))
    assert (answer.status_code, answer.json["code"]) == (409, "wallet-not-set-up")


def test_a_blocked_card_and_a_strangers_have_none(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    stranger = make_world(cafe.world.database)
    server.set_up(stranger)
    path = path_of(guest, "apple.pkpass")
    assert server.client.get(path, headers=stranger.as_("owner")).status_code == 404
    assert server.client.get(path).status_code == 401
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        cards.block(session, cards.get(session, guest.card_id))
    blocked = server.client.get(path, headers=cafe.world.as_("owner"))
    assert (blocked.status_code, blocked.json["code"]) == (409, "card-blocked")


def test_google_is_told_before_there_is_a_link(
    server: WalletServer, cafe: Cafe, guest: Guest, google_account: dict[str, Any]
) -> None:
    put_google(server, cafe.world, google_account)
    answer = server.client.get(path_of(guest, "google"), headers=cafe.world.as_("owner"))
    assert (answer.status_code, answer.json, answer.headers["Retry-After"]) == (202, {"status": "preparing"}, "1")


def test_what_became_of_each_pass_is_told(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    owner = cafe.world.as_("owner")
    assert server.client.get(path_of(guest, "passes"), headers=owner).json == {"data": []}
    server.client.get(path_of(make_guest(cafe), "apple.pkpass"), headers=owner)
    package = server.client.get(path_of(guest, "apple.pkpass"), headers=owner).data
    [told] = server.client.get(path_of(guest, "passes"), headers=owner).json["data"]
    assert told["serial"] == pass_in(package)["serialNumber"]
    assert (told["platform"], told["state"], told["devices"], told["up_to_date"]) == ("apple", "active", 0, True)
    assert "token" not in str(told)
    missing = server.client.get(f"/v1/cards/{ids.show('card', ids.new_id())}/passes", headers=owner)
    assert missing.status_code == 404


def test_a_customer_gets_the_own_card_and_nobody_elses(server: WalletServer, world: World) -> None:
    server.set_up(world)
    ana, eve = make_customer(world.database), make_customer(world.database)
    member = enrol(world, email=ana.email)
    with world.database.transaction(world.program_id) as session:
        card = cards.of_members(session, [member.id])[member.id]
    base = f"/v1/me/cards/{ids.show('card', card.id)}"
    assert server.client.get(f"{base}/apple.pkpass", headers=ana.headers).mimetype == PKPASS
    assert [one["platform"] for one in server.client.get(f"{base}/passes", headers=ana.headers).json["data"]] == [
        "apple"
    ]
    made = server.client.post(f"{base}/pass-links", json={"platform": "apple"}, headers=ana.headers)
    assert made.status_code == 201
    for what in ("apple.pkpass", "google", "passes"):
        assert server.client.get(f"{base}/{what}", headers=eve.headers).status_code == 404
    assert server.client.post(f"{base}/pass-links", json={"platform": "apple"}, headers=eve.headers).status_code == 404


# Links.


def make_link(server: WalletServer, guest: Guest, world: World) -> str:
    """Make a link; return its path."""
    answer = server.client.post(path_of(guest, "pass-links"), json={"platform": "apple"}, headers=world.as_("till"))
    assert answer.status_code == 201, answer.json
    url: str = answer.json["url"]
    assert url.startswith("https://cafe.example/passes/")
    return url.removeprefix("https://cafe.example")


def press(server: WalletServer, path: str, **asked: Any) -> TestResponse:
    """Press the button of a link's page; return where it leads, or the page that says why not."""
    answer = server.client.post(path, **asked)
    return server.client.get(answer.location) if answer.status_code == 303 else answer


def test_a_link_hands_the_pass_out_once(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    path = make_link(server, guest, cafe.world)
    first = press(server, path)
    second = press(server, path, headers={"Accept-Language": "fr"})
    assert (first.status_code, first.mimetype) == (200, PKPASS)
    assert pass_in(first.data)["barcodes"][0]["message"] == guest.code
    assert (second.status_code, "Ce lien a déjà servi" in second.text) == (410, True)
    for answer in (first, second):
        assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "no-store")


@pytest.mark.parametrize("method", ["get", "head"])
def test_who_only_looks_at_a_link_uses_nothing_up(server: WalletServer, cafe: Cafe, guest: Guest, method: str) -> None:
    server.set_up(cafe.world)
    path = make_link(server, guest, cafe.world)
    looks = [getattr(server.client, method)(path) for _ in range(5)]
    assert {(answer.status_code, answer.mimetype) for answer in looks} == {(200, "text/html")}
    assert press(server, path).mimetype == PKPASS
    assert getattr(server.client, method)(path).status_code == 410


def test_a_program_that_asks_for_a_pass_and_nothing_else_needs_no_press(
    server: WalletServer, cafe: Cafe, guest: Guest
) -> None:
    server.set_up(cafe.world)
    path = make_link(server, guest, cafe.world)
    asked: dict[str, Any] = {"headers": {"Accept": PKPASS}, "follow_redirects": True}
    assert server.client.head(path, **asked).mimetype == "text/html"
    assert server.client.get(path, headers={"Accept": "*/*"}).mimetype == "text/html"
    assert server.client.get(path, **asked).mimetype == PKPASS
    assert server.client.get(path, **asked).status_code == 410


def test_the_page_of_a_link_is_the_programmes_and_in_the_visitors_language(
    server: WalletServer, cafe: Cafe, guest: Guest
) -> None:
    world = cafe.world
    server.set_up(world)
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Program).values(name="Café <b>&Co", brand={"background": "#3b2418"}))
    path = make_link(server, guest, world)
    french, english = (server.client.get(path, headers={"Accept-Language": tag}) for tag in ("fr-CA", "en"))
    assert '<button class="wallet">Ajouter à Apple Wallet</button>' in french.text
    assert '<button class="wallet">Add to Apple Wallet</button>' in english.text
    for answer in (french, english, press(server, path), press(server, path)):
        if answer.mimetype == "text/html":
            assert "Café &lt;b&gt;&amp;Co" in answer.text
            assert "--brand:#3b2418" in answer.text
            assert "<script" not in answer.text
            assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_phone_may_fetch_the_file_twice_and_for_two_minutes(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    with clock.held(clock.now()):
        path = make_link(server, guest, cafe.world)
        address = server.client.post(path).location
        assert [server.client.get(address).mimetype for _ in range(2)] == [PKPASS, PKPASS]
        clock.advance(timedelta(minutes=1, seconds=59))
        assert server.client.get(address).status_code == 200
        clock.advance(timedelta(seconds=1))
        assert server.client.get(address).status_code == 410


def test_a_ticket_is_good_for_its_own_link_alone(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    used, unused, other = (make_link(server, guest, cafe.world) for _ in range(3))
    ticket = server.client.post(used).location.rpartition("/")[2]
    server.client.post(other)
    for path in (f"{unused}/{ticket}", f"{other}/{ticket}", f"{used}/{ticket[:-1]}", f"{used}/é", f"{used}/"):
        assert server.client.get(path).status_code == 404, path


def test_of_many_who_press_at_once_one_gets_the_pass(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    path = make_link(server, guest, cafe.world)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.application.test_client().post(path).status_code, range(8)))
    assert sorted(answers) == [303] + [410] * 7


def test_a_link_ends_after_ten_minutes(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    with clock.held(clock.now()):
        path = make_link(server, guest, cafe.world)
        clock.advance(timedelta(minutes=9, seconds=59))
        assert server.client.get(path).status_code == 200
        clock.advance(timedelta(seconds=1))
        assert server.client.get(path).status_code == 410
        assert server.client.post(path).status_code == 410


def test_a_link_that_is_none_and_one_of_a_blocked_card_say_so(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    for ask in (server.client.get, server.client.post):
        assert ask(f"/passes/{ids.secret_text()}").status_code == 404
    path = make_link(server, guest, cafe.world)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        cards.block(session, cards.get(session, guest.card_id))
    answer = press(server, path, headers={"Accept-Language": "en"})
    assert (answer.status_code, "cannot be added" in answer.text) == (409, True)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        assert session.scalars(select(PassLink.used_at)).one() is None


def test_who_joins_at_a_poster_is_given_a_link_for_each_wallet_that_is_set_up(
    server: WalletServer, world: World, google_account: dict[str, Any]
) -> None:
    def join() -> dict[str, str]:
        said = server.client.post(f"/v1/join/{world.slug}", json={"first_name": "Ana"}).json
        return {one["platform"]: one["url"].removeprefix("https://cafe.example") for one in said["wallets"]}

    assert join() == {}
    server.set_up(world)
    assert press(server, join()["apple"]).mimetype == PKPASS
    put_google(server, world, google_account)
    assert list(join()) == ["apple", "google"]
    with world.database.transaction(world.program_id) as session:
        made = session.scalars(select(Pass.platform)).all()
    assert made == ["apple"], "no pass is made before somebody wants it"


def test_a_link_from_a_poster_has_google_told_when_it_is_pressed(
    server: WalletServer, world: World, google_account: dict[str, Any]
) -> None:
    put_google(server, world, google_account)
    [link] = server.client.post(f"/v1/join/{world.slug}", json={}).json["wallets"]
    address = server.client.post(link["url"].removeprefix("https://cafe.example")).location
    assert server.client.get(address).status_code == 503
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Pass).values(google_inserted_at=clock.now()))
    assert server.client.get(address).location.startswith("https://pay.google.com/gp/v/save/")


def test_a_links_token_is_kept_nowhere(server: WalletServer, cafe: Cafe, guest: Guest) -> None:
    server.set_up(cafe.world)
    token = make_link(server, guest, cafe.world).rpartition("/")[2]
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        assert session.scalars(select(PassLink.token_hash)).one() == ids.digest(token)


def test_a_link_to_google_waits_for_google_and_leads_there(
    server: WalletServer, cafe: Cafe, guest: Guest, google_account: dict[str, Any]
) -> None:
    world = cafe.world
    put_google(server, world, google_account)
    made = server.client.post(path_of(guest, "pass-links"), json={"platform": "google"}, headers=world.as_("owner"))
    path = made.json["url"].removeprefix("https://cafe.example")
    address = server.client.post(path).location
    waiting = server.client.get(address)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (503, "1")
    assert '<meta http-equiv="refresh" content="1">' in waiting.text
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Pass).values(google_inserted_at=clock.now()))
    led = server.client.get(address)
    assert (led.status_code, led.location.startswith("https://pay.google.com/gp/v/save/")) == (303, True)
    assert server.client.get(path).status_code == 410


def put_google(server: WalletServer, world: World, account: dict[str, Any]) -> None:
    body = {"platform": "google", "issuer_id": "3388000000012345678", "service_account": account}
    put = server.client.put("/v1/program/wallet-credentials", json=body, headers=world.as_("owner"))
    assert put.status_code == 200, put.json


@pytest.fixture
def google_account() -> dict[str, Any]:
    identity = some_identity(1)
    return {
        "type": "service_account", "project_id": "cafe-assidu-app", "private_key_id": "0123",
        "private_key": identity.key_pem.decode(), "client_email": "wallet@cafe-assidu-app.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }  # fmt: skip
