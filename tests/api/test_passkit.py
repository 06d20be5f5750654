"""Apple's web service for passes: who is admitted, registrations, and what changed; the traps others fell into."""

import json
from datetime import timedelta
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app import clock, ids
from app.db import Database
from app.models import Pass
from app.services.pass_registrations import DEVICES_MAX, NEW_DEVICES
from tests.passkit_device import Installed, Phone
from tests.world import make_world
from tests.world_passkit import change, count_devices, devices_of, issue, make_phone, new_pass_type, row_of, through
from tests.world_till import Cafe, make_cafe, make_guest

# Who is admitted.

WRONG_PROOFS = (
    "", "ApplePass", "ApplePass ", "Bearer {}", "applepass {}", "APPLEPASS {}", "ApplePass  {}", "ApplePass\t{}",
    "ApplePass {} ", "ApplePass {}, ApplePass {}", "ApplePass {}x", "ApplePass x{}", "{}", "Basic QTpi", "ApplePass é",
    "ApplePass {}\x00", "ApplePass " + "A" * 32, "ApplePass " + "A" * 5000, "ApplePass \xf0\x9f\x8e\x81",
)  # fmt: skip


@pytest.mark.parametrize("proof", WRONG_PROOFS)
def test_whoever_does_not_show_the_passes_token_is_refused(cafe: Cafe, phone: Phone, proof: str) -> None:
    held = make_held(cafe)
    send = phone.send
    phone.add(held)
    headers = {"Authorization": proof.replace("{}", held.token)} if proof else {}
    for method, path in paths_of(phone, held):
        told = send(method, path, headers, b'{"pushToken": "%s"}' % (b"ab" * 32))
        assert (told.status, told.body) == (401, b""), (method, told)
        assert told.headers["www-authenticate"] == "ApplePass"
    assert [one.library_id_hash for one in devices_of(cafe, held)] == [ids.digest(phone.library_id)]


def test_the_token_of_another_pass_opens_nothing(cafe: Cafe, phone: Phone) -> None:
    held, other = make_held(cafe), make_held(cafe)
    held.token = other.token
    assert phone.add(held).status == 401
    assert phone.fetch(held).status == 401
    assert phone.delete(held).status == 401


def test_a_pass_that_is_not_there_is_answered_like_a_wrong_token(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    nowhere = [
        Installed(held.pass_type_id, ids.new_id().hex, held.token),
        Installed(new_pass_type(), held.serial, held.token),
        Installed("pass.x'; DROP TABLE pass; --", held.serial, held.token),
        Installed(held.pass_type_id, "é%00", held.token),
    ]
    wrong = phone.fetch(Installed(held.pass_type_id, held.serial, "A" * 32))
    for one in nowhere:
        for told in (phone.add(one), phone.fetch(one), phone.delete(one)):
            assert (told.status, told.body) == (wrong.status, wrong.body) == (401, b"")


def test_a_card_in_google_wallet_has_no_door_here(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.execute(update(Pass).where(Pass.serial == held.serial).values(platform="google"))
    assert phone.add(held).status == 401


# Registering.


def test_a_new_registration_is_201_and_a_known_one_200(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    assert [phone.add(held).status for _ in range(3)] == [201, 200, 200]
    assert make_phone_like(phone).add(held).status == 201
    assert len(devices_of(cafe, held)) == 2


def test_a_new_push_token_takes_the_place_of_the_old_one(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    second = make_held(cafe, held.pass_type_id)
    phone.add(held)
    phone.push_token = "cd" * 32
    assert phone.register(held).status == 200
    assert [one.push_token_hash for one in devices_of(cafe, held)] == [ids.digest("cd" * 32)]
    phone.push_token = "ef" * 32
    assert phone.add(second).status == 201
    assert [one.push_token_hash for one in devices_of(cafe, held)] == [ids.digest("ef" * 32)]


def test_push_tokens_and_device_ids_are_kept_as_secrets(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    phone.add(held)
    [device] = devices_of(cafe, held)
    kept = b"".join(getattr(device, name) for name in ("library_id_hash", "push_token_sealed", "push_token_hash"))
    assert phone.push_token.encode() not in kept
    assert bytes.fromhex(phone.push_token) not in kept
    assert phone.library_id.encode() not in kept
    assert bytes.fromhex(phone.library_id) not in kept


def test_a_phone_that_registers_marks_its_pass_to_be_looked_at(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    change(cafe, held)  # since it was handed out
    phone.add(held)
    row = row_of(cafe, held)
    assert row.face_hash is None  # so that the engine takes it for changed, and this phone hears of it
    assert row.saved_at is not None


def test_unregistering_ends_it_and_the_last_pass_takes_the_phone_along(cafe: Cafe, phone: Phone) -> None:
    one = make_held(cafe)
    two = make_held(cafe, one.pass_type_id)
    phone.add(one)
    phone.add(two)
    assert phone.delete(one).status == 200
    assert (devices_of(cafe, one), len(devices_of(cafe, two))) == ([], 1)
    assert count_devices(cafe, one.pass_type_id) == 1
    assert phone.delete(two).status == 200
    assert count_devices(cafe, one.pass_type_id) == 0
    assert row_of(cafe, two).removed_at is not None


def test_unregistering_twice_or_what_never_was_is_no_error(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    assert phone.delete(held).status == 200
    phone.add(held)
    assert [phone.delete(held).status for _ in range(2)] == [200, 200]
    assert phone.add(held).status == 201
    assert row_of(cafe, held).removed_at is None


def test_one_phone_cannot_unregister_another(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    phone.add(held)
    other = make_phone_like(phone)
    other.delete(held)
    assert len(devices_of(cafe, held)) == 1


def test_a_flood_of_registrations_of_one_pass_leaves_few(cafe: Cafe, client: FlaskClient) -> None:
    held, quiet = make_held(cafe), make_held(cafe)
    statuses = [make_phone(client).add(held).status for _ in range(NEW_DEVICES.quota + 20)]
    assert statuses == [201] * NEW_DEVICES.quota + [429] * 20
    assert len(devices_of(cafe, held)) == DEVICES_MAX
    assert count_devices(cafe, held.pass_type_id) == DEVICES_MAX
    assert make_phone(client).add(quiet).status == 201  # another pass does not suffer


def test_a_phone_that_is_known_may_register_however_often(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    phone.add(held)
    assert {phone.register(held).status for _ in range(NEW_DEVICES.quota + 10)} == {200}


def test_the_phone_that_was_heard_of_least_recently_makes_room(cafe: Cafe, client: FlaskClient) -> None:
    held = make_held(cafe)
    phones = [make_phone(client) for _ in range(DEVICES_MAX + 1)]
    start = clock.now()
    for place, one in enumerate(phones[:-1]):
        with clock.held(start - timedelta(hours=100 - place)):
            one.add(held)
    with clock.held(start):
        phones[0].ask(held.pass_type_id)  # the oldest of them is alive
        phones[-1].add(held)
    left = {one.library_id_hash for one in devices_of(cafe, held)}
    assert {ids.digest(one.library_id) for one in phones} - left == {ids.digest(phones[1].library_id)}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"null", b'"x"', b"{", b'{"pushToken": null}', b'{"pushToken": ""}', b'{"pushToken": 7}',
        b'{"pushToken": ["ab"]}', b'{"pushToken": "zz"}', b'{"pushToken": "../../ab"}', b"\xff\xfe", b"[" * 50_000,
        b'{"pushToken": "%s"}' % (b"a" * 401), '{"pushToken": "é"}'.encode(), b'{"pushToken": 1e999}', b"9" * 5000,
        b'{"pushToken": "\\u0000\\ud800"}', b'{"PUSHTOKEN": "%s"}' % (b"ab" * 32),
    ],
)  # fmt: skip
def test_a_body_without_a_push_token_is_refused(cafe: Cafe, phone: Phone, body: bytes) -> None:
    held = make_held(cafe)
    path = paths_of(phone, held)[0][1]
    told = phone.send("POST", path, {"Authorization": f"ApplePass {held.token}"}, body)
    assert told.status == 400
    assert devices_of(cafe, held) == []


def test_a_body_that_is_too_large_is_refused_unread(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    path = paths_of(phone, held)[0][1]
    told = phone.send("POST", path, {"Authorization": f"ApplePass {held.token}"}, b" " * 70_000)
    assert told.status == 413


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "é"])
def test_whatever_media_type_a_phone_says_its_body_is_read(cafe: Cafe, phone: Phone, media_type: str | None) -> None:
    held = make_held(cafe)
    path = paths_of(phone, held)[0][1]
    headers = {"Authorization": f"ApplePass {held.token}"} | ({"Content-Type": media_type} if media_type else {})
    assert phone.send("POST", path, headers, json.dumps({"pushToken": phone.push_token}).encode()).status == 201


# What changed.


def test_without_a_tag_all_passes_are_listed(phone: Phone, three: list[Installed]) -> None:
    told = phone.ask(three[0].pass_type_id)
    assert told.status == 200
    assert told.headers["content-type"] == "application/json"
    assert sorted(told.json["serialNumbers"]) == sorted(one.serial for one in three)


def test_with_a_tag_all_that_changed_since_are_listed_and_then_nothing(
    cafe: Cafe, phone: Phone, three: list[Installed]
) -> None:
    pass_type_id = three[0].pass_type_id
    phone.ask(pass_type_id)
    assert phone.ask(pass_type_id).status == 204
    change(cafe, three[0])
    change(cafe, three[2])
    told = phone.ask(pass_type_id)
    assert sorted(told.json["serialNumbers"]) == sorted([three[0].serial, three[2].serial])
    nothing = phone.ask(pass_type_id)
    assert (nothing.status, nothing.body) == (204, b"")


def test_two_changes_in_the_same_second_are_two(cafe: Cafe, phone: Phone, three: list[Installed]) -> None:
    with clock.held(clock.now()):
        phone.ask(three[0].pass_type_id)
        change(cafe, three[0])
        first = phone.ask(three[0].pass_type_id)
        change(cafe, three[1])
        second = phone.ask(three[0].pass_type_id)
    assert first.json["serialNumbers"] == [three[0].serial]
    assert second.json["serialNumbers"] == [three[1].serial]


def test_the_tag_is_a_counter_that_needs_no_escaping(cafe: Cafe, phone: Phone, three: list[Installed]) -> None:
    tags = []
    for one in three:
        change(cafe, one)
        tags.append(phone.ask(one.pass_type_id).json["lastUpdated"])
    assert all(isinstance(tag, str) and tag.isascii() and tag.isdigit() for tag in tags)
    assert sorted(tags, key=int) == tags
    assert len(set(tags)) == 3


def test_a_tag_that_is_not_ours_lists_everything(phone: Phone, three: list[Installed]) -> None:
    for tag in ("", "x", "-1", "1.5", "9" * 40, "9" * 19, "2026-11-22T09:00:00+00:00", "é", "%00", "' OR 1=1 --",
                "٣", "1_0", " 1", "0x1", f"{ids.new_id().hex}-3", "A" * 5000, "\ud800"):  # fmt: skip
        told = phone.ask(three[0].pass_type_id, tag=tag.encode("utf-8", "replace").decode())
        assert told.status == 200, tag
        assert len(told.json["serialNumbers"]) == 3


def test_a_tag_from_before_a_backup_was_restored_lists_everything(phone: Phone, three: list[Installed]) -> None:
    known = int(phone.ask(three[0].pass_type_id).json["lastUpdated"])
    told = phone.ask(three[0].pass_type_id, tag=str(known + 500))
    assert len(told.json["serialNumbers"]) == 3
    assert told.json["lastUpdated"] == str(known)


def test_a_phone_that_nobody_knows_hears_nothing(client: FlaskClient, three: list[Installed]) -> None:
    stranger = make_phone(client)
    for library_id in (stranger.library_id, "x", "é", "%", "A" * 500, "..", "' OR 1=1 --"):
        stranger.library_id = library_id
        assert stranger.ask(three[0].pass_type_id).status == 204


def test_other_pass_types_and_other_phones_are_left_out(cafe: Cafe, phone: Phone, three: list[Installed]) -> None:
    elsewhere = make_held(cafe)
    phone.add(elsewhere)
    other = make_phone_like(phone)
    other.add(three[1])
    assert len(phone.ask(three[0].pass_type_id).json["serialNumbers"]) == 3
    assert phone.ask(elsewhere.pass_type_id).json["serialNumbers"] == [elsewhere.serial]
    assert other.ask(three[0].pass_type_id).json["serialNumbers"] == [three[1].serial]


def test_an_unregistered_pass_is_listed_no_more(cafe: Cafe, phone: Phone, three: list[Installed]) -> None:
    phone.delete(three[0])
    change(cafe, *three)
    told = phone.ask(three[0].pass_type_id)
    assert sorted(told.json["serialNumbers"]) == sorted(one.serial for one in three[1:])


def test_two_programmes_that_share_a_pass_type_keep_a_counter_each(
    cafe: Cafe, database: Database, phone: Phone
) -> None:
    other_cafe = make_cafe(make_world(database))
    here = issue(cafe, make_guest(cafe), new_pass_type())
    there = issue(other_cafe, make_guest(other_cafe), here.pass_type_id)
    phone.add(here)
    phone.add(there)
    for _ in range(5):
        change(cafe, here)
    change(other_cafe, there)
    told = phone.ask(here.pass_type_id)
    assert sorted(told.json["serialNumbers"]) == sorted([here.serial, there.serial])
    assert phone.ask(here.pass_type_id).status == 204
    change(other_cafe, there)  # its second revision, while the other has its fifth
    assert phone.ask(here.pass_type_id).json["serialNumbers"] == [there.serial]
    assert phone.ask(here.pass_type_id).status == 204
    phone.delete(there)
    assert phone.ask(here.pass_type_id).status == 204
    change(cafe, here)
    assert phone.ask(here.pass_type_id).json["serialNumbers"] == [here.serial]


# The rest of the letter.


def test_methods_that_the_protocol_does_not_have_are_not_allowed(cafe: Cafe, phone: Phone) -> None:
    held = make_held(cafe)
    for method, path in [("PUT", paths_of(phone, held)[0][1]), ("GET", f"{phone.service}/v1/log")]:
        assert phone.send(method, path, {}, b"").status == 405


def test_the_service_is_under_the_address_that_passes_name_and_nothing_else_answers(phone: Phone) -> None:
    for path in ("/passkit", "/passkit/", "/passkit/v1", "/passkit/v2/log", "/passkit/v1/v1/log", "/v1/log"):
        assert phone.send("POST", path, {}, b"{}").status == 404


def test_nothing_secret_stands_in_an_answer_or_in_a_log(
    cafe: Cafe, phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    held = make_held(cafe)
    phone.add(held)
    phone.ask(held.pass_type_id)
    phone.complain(f"device {phone.library_id} failed with {held.token}")
    phone.delete(held)
    said = "".join(capsys.readouterr())
    assert [secret for secret in (held.token, phone.push_token, phone.library_id) if secret in unquote(said)] == []


def make_held(cafe: Cafe, pass_type_id: str | None = None) -> Installed:
    """Issue a pass, of a type of its own if none is named, to a guest of its own."""
    return issue(cafe, make_guest(cafe), pass_type_id or new_pass_type())


def make_phone_like(phone: Phone) -> Phone:
    """Return another phone that speaks the same way."""
    return Phone(phone.send, phone.service)


def paths_of(phone: Phone, held: Installed) -> list[tuple[str, str]]:
    """Return what needs a proof: method and path."""
    registration = f"{phone.service}/v1/devices/{phone.library_id}/registrations/{held.pass_type_id}/{held.serial}"
    return [
        ("POST", registration),
        ("DELETE", registration),
        ("GET", f"{phone.service}/v1/passes/{held.pass_type_id}/{held.serial}"),
    ]


@pytest.fixture(scope="module")
def cafe(database: Database) -> Cafe:
    """One for the module: each test has guests, phones and pass types of its own."""
    return make_cafe(make_world(database))


@pytest.fixture
def phone(client: FlaskClient) -> Phone:
    return make_phone(client)


@pytest.fixture
def three(cafe: Cafe, phone: Phone, client: FlaskClient) -> list[Installed]:
    """Three passes of one type on the phone, at three revisions, beside another phone's."""
    held = [issue(cafe, make_guest(cafe), new_pass_type())]
    held += [issue(cafe, make_guest(cafe), held[0].pass_type_id) for _ in range(2)]
    noise = issue(cafe, make_guest(cafe), held[0].pass_type_id)
    Phone(through(client)).add(noise)
    for one in [*held, noise]:
        phone.add(one) if one is not noise else None
        change(cafe, one)
    return held
