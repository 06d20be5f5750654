"""What Google's servers ask of us: nothing that strangers send is believed, or costs much."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.db import Database
from app.models import Program
from app.services import programs
from tests.world import World, make_world
from tests.world_google import GoogleServer, google_server
from wallet.platforms.google import pictures, root_keys
from wallet.platforms.google.pictures import PictureAddresses
from wallet.stand_in.google import GoogleStandIn
from wire.stand_in.answers import Answer

CALLBACKS = "/wallet/google/callbacks"


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleServer]:
    home: Path = tmp_path_factory.mktemp("google-wallet")
    with GoogleStandIn(home) as google, google_server(database.settings, google) as running:
        yield running


@pytest.fixture
def body(server: GoogleServer) -> bytes:
    issuer = server.google.issuer_id
    return server.google.callbacks.make(class_id=f"{issuer}.c", object_id=f"{issuer}.nobodys", event="save")


@given(sent=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@hypothesis_settings(max_examples=150)
def test_whatever_strangers_send_is_refused(server: GoogleServer, sent: bytes) -> None:
    assert server.client.post(CALLBACKS, data=sent).status_code == 400


def test_googles_keys_are_fetched_once_for_many_callbacks(server: GoogleServer, body: bytes) -> None:
    keys = root_keys.shared(server.database.settings)
    assert server.client.post(CALLBACKS, data=body).status_code == 200
    fetched = keys.fetches

    forged = body.replace(b"nobodys", b"nobody5")
    assert [server.client.post(CALLBACKS, data=each).status_code for each in (body, forged, body)] == [200, 400, 200]

    assert keys.fetches == fetched


def test_keys_that_cannot_be_had_are_asked_for_once_a_minute(database: Database, tmp_path: Path, body: bytes) -> None:
    with GoogleStandIn(tmp_path) as away, google_server(database.settings, away) as lonely:
        away.interrupt(Answer(status=503), Answer(status=503))

        answers = [lonely.client.post(CALLBACKS, data=body) for _ in range(3)]

        assert [(one.status_code, one.headers.get("Retry-After")) for one in answers] == [(503, "60")] * 3
        assert root_keys.shared(lonely.database.settings).fetches == 1


def test_a_callback_says_what_is_wrong_and_nothing_else(server: GoogleServer) -> None:
    answer = server.client.post(CALLBACKS, data=b"{}")

    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert server.client.get(CALLBACKS).status_code == 405


def path_of(server: GoogleServer, world: World, count: int, goal: int) -> str:
    """The address of a picture, as our courier makes it."""
    face = pictures.face_so_full(program_of(world), count=count, goal=goal)
    assert face is not None
    url = PictureAddresses(server.database.settings, server.database.keyring).hero_url(world.program_id, face)
    assert url is not None
    return url.removeprefix(server.url)


def program_of(world: World) -> Program:
    with world.database.transaction(world.program_id) as session:
        return programs.get(session)


@pytest.mark.parametrize(("count", "goal"), [(0, 10), (10, 10), (55, 0), (24, 24)])
def test_pictures_of_a_programme_are_there_for_google(
    server: GoogleServer, world: World, count: int, goal: int
) -> None:
    answer = server.client.get(path_of(server, world, count, goal))

    assert (answer.status_code, answer.mimetype) == (200, "image/png")


def test_a_logo_is_drawn_once_however_often_it_is_fetched(server: GoogleServer, world: World) -> None:
    path = f"/wallet/google/{world.program_id.hex}/logo.png"
    first, second = (server.client.get(path, query_string={"v": each}) for each in ("a", "b"))

    assert (first.status_code, first.mimetype, first.data) == (200, "image/png", second.data)


def test_strangers_have_nothing_drawn(server: GoogleServer, world: World) -> None:
    path = path_of(server, world, 3, 10)
    other = path_of(server, make_world(world.database), 3, 10)
    seal = other.partition("-10-")[2].partition(".")[0]
    program = world.program_id.hex
    for wrong in (
        path.replace("/3-10-", "/4-10-"),
        path.partition("-10-")[0] + f"-10-{seal}.png",
        f"/wallet/google/{program}/hero/11-10-{'0' * 16}.png",
        f"/wallet/google/{program}/hero/1-99999999999999999999-x.png",
        f"/wallet/google/{program}/hero/x-1-x.png",
    ):
        assert server.client.get(wrong).status_code == 404


@pytest.mark.parametrize("program", ["0" * 32, "x", "0" * 31, "A" * 32])
def test_programmes_that_are_none_have_no_pictures(server: GoogleServer, program: str) -> None:
    assert server.client.get(f"/wallet/google/{program}/logo.png").status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"issuer_id": "12"}, "#/issuer_id"),
        ({"issuer_id": None}, "#/issuer_id"),
        ({"service_account": {}}, "#/service_account/private_key"),
        ({"service_account": {"type": "authorized_user"}}, "#/service_account/type"),
        ({"service_account": {"token_uri": "https://169.254.169.254/token"}}, "#/service_account/token_uri"),
        ({"service_account": {"private_key": "-----BEGIN PRIVATE KEY-----\nnone\n"}}, "#/service_account/private_key"),
    ],
)
def test_an_account_is_checked_whole(
    server: GoogleServer, world: World, change: dict[str, object], pointer: str
) -> None:
    given = {"platform": "google", **server.google.upload}
    for name, value in change.items():
        known = given[name]
        given[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) and value else value

    answer = server.client.put(
        "/v1/program/wallet-credentials",
        json={name: value for name, value in given.items() if value is not None},
        headers=world.as_("owner"),
    )

    assert answer.status_code == 422
    assert pointer in {one["pointer"] for one in answer.json["errors"]}
    assert "BEGIN PRIVATE KEY" not in answer.text


def test_the_key_never_comes_back(server: GoogleServer, world: World) -> None:
    server.set_up(world)

    (shown,) = server.client.get("/v1/program/wallet-credentials", headers=world.as_("owner")).json["data"]

    assert shown["facts"].keys() == {"type_id", "issuer_id", "client_email", "project_id", "private_key_id"}
    assert "PRIVATE" not in str(shown)
