"""A card in Google Wallet: from the owner's upload to a stamp on the phone, and back to the till by its code."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from app import clock, ids
from app.db import Database
from app.models import Program
from app.services import cards, pass_messages
from app.services.pass_messages import Note
from tests.wallet.platforms.google.documents import discovery
from tests.world import World
from tests.world_google import GoogleServer, google_server, object_id
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest
from wallet.platforms.google import save_links
from wallet.stand_in.google import GoogleStandIn


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleServer]:
    home: Path = tmp_path_factory.mktemp("google-wallet")
    with (
        GoogleStandIn(home, discovery=discovery(), requests_per_second=1000) as google,
        google_server(database.settings, google) as running,
    ):
        yield running


@pytest.fixture
def cafe(world: World, server: GoogleServer) -> Cafe:
    made = make_cafe(world)
    server.set_up(world)
    return made


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe, first_name="Inès", last_name="Moreau")


@pytest.fixture
def till(server: GoogleServer, cafe: Cafe) -> Till:
    return Till(server.client, cafe)


def test_the_link_is_there_once_google_knows_of_the_card(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    first = server.ask(cafe.world, guest)
    assert (first.status_code, first.json["status"], first.headers["Retry-After"]) == (202, "preparing", "1")

    server.work(cafe.world)

    second = server.ask(cafe.world, guest)
    assert (second.status_code, second.json["status"]) == (200, "ready")
    token = second.json["save_url"].rpartition("/")[2]
    assert len(token) < save_links.JWT_LENGTH_MAX
    assert server.kept(guest)["accountName"] == "Inès Moreau"
    assert server.google.refused[400] == 0


def test_who_opens_the_link_has_the_card_and_we_are_told(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    link = server.link(cafe.world, guest)
    assert server.row(guest).saved_at is None

    assert server.open(link).status_code == 200
    assert server.row(guest).saved_at is not None

    (state,) = server.ask(cafe.world, guest, "passes").json["data"]
    assert (state["platform"], state["up_to_date"]) == ("google", True)
    assert "saved_at" in state

    server.google.delete(object_id(server.row(guest)))
    server.google.callbacks.settle()
    assert server.row(guest).removed_at is not None


def test_a_link_that_leaked_is_worth_nothing_once_the_card_is_somebodys(
    server: GoogleServer, cafe: Cafe, guest: Guest
) -> None:
    link = server.link(cafe.world, guest)
    server.open(link)

    assert server.open(link, person="thief@example.com").status_code == 400


def test_a_stamp_at_the_till_is_on_the_phone(server: GoogleServer, cafe: Cafe, guest: Guest, till: Till) -> None:
    server.open(server.link(cafe.world, guest))
    before = server.kept(guest)
    stamps = next(before[name] for name in ("loyaltyPoints", "secondaryLoyaltyPoints") if "0/10" in str(before[name]))
    assert stamps["balance"] == {"string": "0/10"}
    sent = len(server.google.bodies)

    assert till.scan(guest).status_code == 201
    assert server.work(cafe.world, guest) == 1

    assert "'1/10'" in str(server.kept(guest))
    assert [body.get("notifyPreference") for body in server.google.bodies[sent:]] == ["NOTIFY_ON_UPDATE"]


def test_a_voucher_is_saved_and_loses_its_code_when_it_is_used(
    server: GoogleServer, cafe: Cafe, guest: Guest, till: Till
) -> None:
    vouchers = [till.scan(guest).json["vouchers"] for _ in range(10)][-1]
    path = f"vouchers/{vouchers[0]['id']}/google"
    assert server.ask(cafe.world, guest, path).status_code == 202
    server.work(cafe.world)
    assert server.open(server.ask(cafe.world, guest, path).json["save_url"]).status_code == 200
    code = f"V1{vouchers[0]['code']}"
    (name,) = (name for name, one in server.google.vouchers.items() if one.get("barcode", {}).get("value") == code)
    assert server.google.vouchers[name]["hasUsers"]

    used = till.post(f"/vouchers/{vouchers[0]['code']}/use", {"store_id": cafe.store})
    assert used.status_code == 200, used.json
    server.work(cafe.world, guest)
    kept = server.google.vouchers[name]
    assert (kept["state"], "barcode" in kept) == ("INACTIVE", False)


def test_the_code_that_the_phone_shows_is_taken_at_the_till_once(
    server: GoogleServer, cafe: Cafe, guest: Guest, till: Till
) -> None:
    server.open(server.link(cafe.world, guest))
    shown = server.google.shown_code(object_id(server.row(guest)), clock.unix_seconds())

    assert shown.startswith("A2")
    assert till.scan(guest, code=shown).status_code == 201
    again = till.scan(guest, code=shown)
    assert (again.status_code, again.json["type"].rpartition("/")[2]) == (409, "code-used")


def test_nothing_is_sent_when_the_face_is_the_same(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    server.link(cafe.world, guest)
    sent = len(server.google.requests)

    server.work(cafe.world, guest)

    assert len(server.google.requests) == sent


def test_a_blocked_card_has_no_code_and_a_replaced_one_never_again(
    server: GoogleServer, cafe: Cafe, guest: Guest
) -> None:
    server.open(server.link(cafe.world, guest))
    world = cafe.world
    with world.database.transaction(world.program_id) as session:
        cards.block(session, cards.get(session, guest.card_id))
    server.work(world, guest)
    assert server.kept(guest)["state"] == "INACTIVE"
    assert "rotatingBarcode" not in server.kept(guest)

    with world.database.transaction(world.program_id) as session:
        cards.unblock(session, cards.get(session, guest.card_id))
    server.work(world, guest)
    assert server.kept(guest)["state"] == "ACTIVE"
    assert "rotatingBarcode" in server.kept(guest)

    with world.database.transaction(world.program_id) as session:
        cards.replace(session, world.database.keyring, cards.get(session, guest.card_id))
    server.work(world, guest)
    assert server.kept(guest)["state"] == "INACTIVE"
    assert "rotatingBarcode" not in server.kept(guest)


def test_what_a_campaign_writes_on_the_card_is_told_once(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    server.open(server.link(cafe.world, guest))
    world = cafe.world
    with world.database.transaction(world.program_id) as session:
        text = {"fr": {"title": "Café", "body": "Demain, double tampon"}}
        pass_messages.write(session, [Note(delivery_id=ids.new_id(), member_id=guest.id, text=text)])

    server.work(world)
    server.work(world, guest)

    (message,) = server.kept(guest)["messages"]
    assert (message["body"], message["messageType"]) == ("Demain, double tampon", "TEXT_AND_NOTIFY")
    row = server.row(guest)
    assert (row.notified_count, row.notified_on) == (1, clock.now().date())


def test_a_new_design_is_one_class_and_no_sound(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    server.link(cafe.world, guest)
    sent = len(server.google.bodies)
    design = {"background": "#123456", "links": [{"label": "Nos cafés", "url": "https://cafe.example/"}]}
    owner = cafe.world.as_("owner")
    assert server.client.put("/v1/card-design", json=design, headers=owner).status_code == 200

    server.work(cafe.world, guest)

    (known,) = [one for one in server.google.classes.values() if one["id"].endswith(cafe.world.program_id.hex)]
    assert known["hexBackgroundColor"] == "#123456"
    assert [one["uri"] for one in known["linksModuleData"]["uris"]] == ["https://cafe.example/"]
    assert len(server.google.bodies) == sent + 2


def test_members_of_every_language_share_one_class(server: GoogleServer, cafe: Cafe) -> None:
    world = cafe.world
    design = {
        "back_fields": [{"label": "Conditions", "value": "Un tampon par café", "locales": {"en": {"label": "Terms"}}}],
        "links": [{"label": "Nos cafés", "url": "https://cafe.example/", "locales": {"en": {"label": "Our cafés"}}}],
        "header": {"fr": "Bienvenue", "en": "Welcome"},
        "contact": {"email": "bonjour@cafe.example"},
    }
    assert server.client.put("/v1/card-design", json=design, headers=world.as_("owner")).status_code == 200
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Program).where(Program.id == world.program_id).values(locale="fr", locales=["fr", "en"]))
    guests = [make_guest(cafe, locale=locale) for locale in ("fr", "en", "de", "en", "fr")]
    for guest in guests:
        server.ask(world, guest)
    sent = len(server.google.requests)

    for _ in guests:
        server.work_one(world)

    assert all(server.kept(guest) for guest in guests)
    assert [one for one in server.google.requests[sent:] if "Class" in one] == [
        f"PATCH loyaltyClass/{server.google.issuer_id}.{world.program_id.hex}",
        "POST loyaltyClass",
    ]
    known = server.google.classes[server.kept(guests[0])["classId"]]
    assert known["localizedProgramName"]["translatedValues"] == [{"language": "en", "value": "Welcome"}]
    assert known["linksModuleData"]["uris"][0]["description"] == "Nos cafés"


def test_google_can_fetch_the_pictures_that_it_is_told_of(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    server.link(cafe.world, guest)
    known = server.google.classes[server.kept(guest)["classId"]]
    for image, size in ((known["programLogo"], (660, 660)), (server.kept(guest)["heroImage"], (1032, 336))):
        answer = httpx.get(image["sourceUri"]["uri"], trust_env=False)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert "max-age" in answer.headers["cache-control"]
        assert png_size(answer.content) == size


def test_a_callback_is_heard_once_and_only_from_google(server: GoogleServer, cafe: Cafe, guest: Guest) -> None:
    server.link(cafe.world, guest)
    known = server.kept(guest)
    body = server.google.callbacks.make(class_id=known["classId"], object_id=known["id"], event="save", nonce="twice")

    assert callback(server, body) == 200
    saved_at = server.row(guest).saved_at
    assert saved_at is not None
    assert callback(server, body) == 200
    assert server.row(guest).saved_at == saved_at

    forged = body.replace(b'\\"save\\"', b'\\"del\\"')
    assert callback(server, forged) == 400
    assert callback(server, b"{}") == 400
    assert server.row(guest).removed_at is None


def test_a_callback_about_nobodys_object_is_no_fault_of_googles(server: GoogleServer) -> None:
    issuer = server.google.issuer_id
    for object_id_ in (f"{issuer}.nobodys", f"{issuer}.émile"):
        assert (
            callback(server, server.google.callbacks.make(class_id=f"{issuer}.c", object_id=object_id_, event="save"))
            == 200
        )


def test_what_google_says_of_who_has_the_card_is_believed_without_callbacks(
    server: GoogleServer, cafe: Cafe, guest: Guest, till: Till
) -> None:
    server.link(cafe.world, guest)
    server.kept(guest)["hasUsers"] = True
    till.scan(guest)
    server.work(cafe.world, guest)

    assert server.row(guest).saved_at is not None


def test_an_object_that_lags_behind_a_callback_takes_nothing_back(
    server: GoogleServer, cafe: Cafe, guest: Guest, till: Till
) -> None:
    server.open(server.link(cafe.world, guest))
    server.kept(guest)["hasUsers"] = False
    till.scan(guest)
    server.work(cafe.world, guest)
    assert server.row(guest).removed_at is None

    later = clock.now() + timedelta(hours=2)
    with clock.held(later):
        till.scan(guest, key=ids.new_id().hex)
        server.work(cafe.world, guest)
    assert server.row(guest).removed_at == later


def callback(server: GoogleServer, body: bytes) -> int:
    return server.client.post("/wallet/google/callbacks", data=body, content_type="application/json").status_code


def png_size(content: bytes) -> tuple[int, int]:
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
