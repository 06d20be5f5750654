"""The page behind a poster's QR code: kind, in two languages, and with nothing on it that could run by itself."""

import base64
import hashlib
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from api.app import create_app
from api.branded_pages import FOLDER, LANGUAGES
from api.join_words import WORDS
from app.config import Settings
from app.db import Database
from app.models import Program, Purse, Reward
from app.services import contacts
from tests.world import World, make_world
from wallet import qr


def test_a_poster_opens_the_programmes_page_in_the_visitors_language(client: FlaskClient, world: World) -> None:
    french = client.get(f"/j/{world.slug}", headers={"Accept-Language": "fr-CA,fr;q=0.9,en;q=0.8"})
    english = client.get(f"/j/{world.slug}", headers={"Accept-Language": "en-GB"})
    asked = client.get(f"/j/{world.slug}?lang=en", headers={"Accept-Language": "fr"})
    other = client.get(f"/j/{world.slug}", headers={"Accept-Language": "ja"})

    assert [answer.status_code for answer in (french, english, asked, other)] == [200] * 4
    assert "Votre carte Café" in french.text
    assert "Your Café card" in english.text
    assert "Your Café card" in asked.text
    assert '<html lang="fr">' in other.text, "the programme's own language, when the visitor's is neither"
    assert french.headers["Vary"] == "Accept-Language"


def test_the_page_shows_what_is_collected_and_what_it_buys_and_nobody_elses(client: FlaskClient, world: World) -> None:
    stamps(world, purse="Dix cafés", reward="Café offert", english="Free coffee")
    stamps(make_world(world.database), purse="Ailleurs", reward="Rien", english="Nothing")

    page = unescape(client.get(f"/j/{world.slug}?lang=en").text)

    assert "10 stamps = Free coffee" in page
    assert page.count("<i></i>") == 10
    assert "Ailleurs" not in page


def test_a_name_that_is_markup_is_a_name(client: FlaskClient, world: World) -> None:
    evil = "<script>alert(1)</script>$heading{name}"
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Program).values(name=evil, brand={"background": "red;}</style>"}))
    stamps(world, purse=evil, reward=evil, english=evil)

    page = client.get(f"/j/{world.slug}?lang=en").text

    assert "<script>alert" not in page
    assert page.count("<script") == 1
    assert "red;" not in page
    assert f"Your {evil} card" in unescape(page)


def test_nothing_on_the_page_runs_or_loads_but_our_own_files(client: FlaskClient, world: World) -> None:
    answer = client.get(f"/j/{world.slug}")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    (style,) = re.findall("<style>(.*?)</style>", answer.text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == f"'self' 'sha256-{digest}'"
    assert policy["frame-ancestors"] == "'none'"
    assert re.findall(r"""\son[a-z]+=|style=|https?://""", answer.text) == []
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', answer.text):
        assert client.get(path).status_code == 200, path


def test_a_posters_code_is_the_address_of_the_page(client: FlaskClient, settings: Settings, world: World) -> None:
    public = replace(settings, base_url="https://cafe.example")
    database = Database(public)

    image = create_app(public, database).test_client().get(f"/j/{world.slug}/qr.svg")
    database.dispose()

    assert image.mimetype == "image/svg+xml"
    assert image.text == qr.svg(f"https://cafe.example/j/{world.slug}")
    assert client.get(f"/j/{world.slug}/qr.svg").text == qr.svg(f"http://localhost/j/{world.slug}")
    assert client.get("/j/no-such-place/qr.svg").status_code == 404


@pytest.mark.parametrize(("name", "media"), [("join.js", "text/javascript"), ("join.css", "text/css")])
def test_the_pages_files_are_kept_and_asked_about(client: FlaskClient, name: str, media: str) -> None:
    answer = client.get(f"/j/files/{name}")
    again = client.get(f"/j/files/{name}", headers={"If-None-Match": answer.headers["ETag"]})

    assert (answer.status_code, answer.mimetype, again.status_code) == (200, media, 304)
    assert client.get("/j/files/../page.html").status_code == 404


def test_every_control_has_a_name_and_no_box_is_ticked(client: FlaskClient, world: World) -> None:
    page = client.get(f"/j/{world.slug}").text
    inputs = re.findall("<input ([^>]*)>", page)

    assert len(inputs) == 5
    assert not any("checked" in one for one in inputs)
    for one in inputs:
        label = re.search('id="([^"]+)"', one)
        assert "checkbox" in one or (label is not None and f'<label for="{label[1]}">' in page)


def test_a_poster_of_a_programme_that_is_gone_is_answered_kindly(client: FlaskClient) -> None:
    answer = client.get("/j/no-such-place", headers={"Accept-Language": "fr"})

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Demandez votre carte à la caisse" in answer.text
    assert "<script" not in answer.text


def test_a_database_that_is_away_is_answered_kindly(settings: Settings) -> None:
    away = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")

    answer = create_app(away).test_client().get("/j/cafe", headers={"Accept-Language": "en"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "nothing is lost" in answer.text


def test_a_network_that_asks_too_much_is_answered_kindly(settings: Settings, database: Database, world: World) -> None:
    once = create_app(replace(settings, client_requests_per_minute=1), database).test_client()

    answers = [once.get(f"/j/{world.slug}?lang=en") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) > 0
    assert "Many people at once" in answers[1].text


@pytest.mark.parametrize(("language", "verb"), [("fr", "Ajouter à"), ("en", "Add to")])
def test_there_is_a_hidden_button_for_each_wallet(client: FlaskClient, world: World, language: str, verb: str) -> None:
    page = client.get(f"/j/{world.slug}?lang={language}").text
    for kind, name in (("apple", "Apple Wallet"), ("google", "Google Wallet")):
        form = f'<form method="post" data-wallet="{kind}" hidden><button class="wallet">{verb} {name}</button></form>'
        assert form in page


def test_who_joins_is_given_the_picture_of_the_code(client: FlaskClient, world: World) -> None:
    joined = client.post(f"/v1/join/{world.slug}", json={"first_name": "Ana"}).json

    assert joined["card"]["qr_svg"].startswith("<svg ")


@pytest.mark.parametrize(
    ("zone", "typed", "kept"),
    [
        ("Europe/Paris", "06 12 34 56 78", "+33612345678"),
        ("Europe/Paris", "+44 7400 123456", "+447400123456"),
        ("Europe/Brussels", "0470 12 34 56", "+32470123456"),
        ("Europe/Rome", "312 345 6789", "+393123456789"),
    ],
)
def test_a_number_is_typed_as_people_of_the_place_write_it(
    client: FlaskClient, database: Database, zone: str, typed: str, kept: str
) -> None:
    world = make_world(database, timezone=zone)

    member = client.post(f"/v1/join/{world.slug}", json={"phone": typed}).json["member"]["id"]

    found = client.get(f"/v1/members/{member}", headers=world.as_("owner")).json
    assert found["phone"] == kept


def test_a_number_of_nowhere_needs_its_prefix(client: FlaskClient, database: Database) -> None:
    world = make_world(database, timezone="UTC")

    answer = client.post(f"/v1/join/{world.slug}", json={"phone": "06 12 34 56 78"})

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/phone")
    assert contacts.region_of("UTC") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_the_script_asks_for_is_on_the_page(client: FlaskClient, world: World, language: str) -> None:
    script = (FOLDER / "join.js").read_text("utf-8")
    asked = set(re.findall(r'word\("([a-z_]+)"\)', script)) | set(re.findall(r', "([a-z]+_wrong)"\]', script))

    assert {"already", "network", "email_wrong", "later"} <= asked
    assert asked <= set(re.findall('data-word="([a-z_]+)"', client.get(f"/j/{world.slug}?lang={language}").text))
    assert set(WORDS["fr"]) == set(WORDS["en"])


def stamps(world: World, *, purse: str, reward: str, english: str) -> Any:
    """Make a card of ten stamps for a reward."""
    with world.database.transaction(world.program_id) as session:
        given = Reward(name=reward, kind="free_item", value={"name": "Café"}, locales={"en": {"name": english}})
        session.add(given)
        session.flush()
        session.add(Purse(code="stamps", name=purse, kind="stamps", goal=10, reward_id=given.id))
