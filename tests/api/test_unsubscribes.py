"""Unsubscribing by a link (attack 32): one click withdraws, looking changes nothing, and no link can be guessed."""

import base64
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock, crypto, ids
from app.crypto import Keyring
from app.errors import NotFoundError
from app.models import Consent, Event
from app.services import consents
from app.services.consents import CHANNELS, PURPOSES, Statement
from app.services.unsubscribes import Links, Subscription
from tests.world import World, make_world
from tests.world_members import enrol

KEYRING = Keyring(crypto.new_secret_key())
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_scanner_that_opens_the_link_changes_nothing(client: FlaskClient, world: World, method: str) -> None:
    member_id = subscriber(world)

    answers = [getattr(client, method)(path(world, member_id)) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert said(world, member_id) == [True]
    assert allowed(world, member_id)


def test_one_click_withdraws_and_says_where_it_came_from(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)

    # As mail providers send it: a form, no cookie, no sign-in (RFC 8058 §3.2).
    answer = client.post(path(world, member_id), data=ONE_CLICK, content_type="multipart/form-data")

    assert answer.status_code == 200
    assert not allowed(world, member_id)
    with world.database.transaction(world.program_id) as session:
        latest = consents.current(session, member_id)[0]
        assert (latest.granted, latest.source, latest.channel, latest.purpose) == (
            False, "unsubscribe", "email", "offers",
        )  # fmt: skip


def test_clicking_again_says_nothing_new(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)

    answers = [client.post(path(world, member_id), data=ONE_CLICK) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert said(world, member_id) == [True, False]
    assert changes(world, member_id) == [(True, "staff"), (False, "unsubscribe")]


def test_clicks_at_the_same_time_say_it_once(application: Flask, world: World) -> None:
    member_id = subscriber(world)
    link = path(world, member_id)

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: application.test_client().post(link).status_code, range(12)))

    assert set(answers) == {200}
    assert said(world, member_id) == [True, False]


def test_other_channels_purposes_and_members_stay(client: FlaskClient, world: World) -> None:
    ana, bob = subscriber(world), subscriber(world)
    with world.database.transaction(world.program_id) as session:
        consents.record(session, ana, [statement(channel="push"), statement(purpose="partners")], source="staff")

    client.post(path(world, ana))

    with world.database.transaction(world.program_id) as session:
        left = {(row.channel, row.purpose) for row in consents.current(session, ana) if row.granted}
    assert left == {("push", "offers"), ("email", "partners")}
    assert allowed(world, bob)


def test_who_allows_it_again_later_may_withdraw_by_the_same_link(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)
    client.post(path(world, member_id))
    with world.database.transaction(world.program_id) as session:
        consents.record(session, member_id, [statement()], source="app")

    client.post(path(world, member_id))

    assert said(world, member_id) == [True, False, True, False]


def test_a_link_works_for_years(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)
    link = path(world, member_id)

    with clock.held(clock.now().replace(year=clock.now().year + 3, day=1)):
        assert client.get(link).status_code == 200
        assert client.post(link).status_code == 200

    assert not allowed(world, member_id)


def test_one_programmes_link_reaches_no_member_of_another(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)
    elsewhere = make_world(world.database)

    answer = client.post(path(elsewhere, member_id))

    assert answer.status_code == 200, "as for somebody who left: nothing is told"
    assert allowed(world, member_id)


def test_a_changed_link_opens_nothing(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)
    token = path(world, member_id).removeprefix("/u/")

    for at in range(len(token)):
        spoiled = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert client.post(f"/u/{spoiled}").status_code == 404
    for other in (token[:-1], token + "A", token + "=", "x", "%00", "é" * 68, "A" * 68, "A" * 5000):
        assert client.post(f"/u/{other}").status_code in {404, 414}

    assert allowed(world, member_id)


def test_another_installations_link_opens_nothing(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)
    forged = Links(KEYRING).token(subscription(world, member_id))

    assert client.post(f"/u/{forged}").status_code == 404
    assert allowed(world, member_id)


@given(st.uuids(), st.uuids(), st.sampled_from(CHANNELS), st.sampled_from(PURPOSES))
def test_a_token_names_what_it_was_made_for(program: UUID, member: UUID, channel: str, purpose: str) -> None:
    links = Links(KEYRING)
    meant = Subscription(program_id=program, member_id=member, channel=channel, purpose=purpose)

    assert links.read(links.token(meant)) == meant
    assert len(links.token(meant)) == 68


@given(st.binary(min_size=51, max_size=51) | st.text())
def test_no_guess_is_a_token(guess: bytes | str) -> None:
    text = base64.urlsafe_b64encode(guess).decode() if isinstance(guess, bytes) else guess

    with pytest.raises(NotFoundError):
        Links(KEYRING).read(text)


def test_a_link_holds_ids_and_nothing_personal(world: World) -> None:
    member_id = subscriber(world, email=f"ana.{ids.new_id().hex}@mail.example", first_name="Anastasie")

    raw = base64.urlsafe_b64decode(path(world, member_id).removeprefix("/u/"))

    assert len(raw) == 51
    assert b"ana" not in raw.lower()


@pytest.mark.parametrize(("locale", "words"), [("fr", "Se désabonner"), ("en-GB", "Unsubscribe?")])
def test_the_page_speaks_the_members_language(client: FlaskClient, world: World, locale: str, words: str) -> None:
    member_id = subscriber(world, locale=locale)

    page = client.get(path(world, member_id))

    assert words in page.text
    assert f'<html lang="{locale[:2]}">' in page.text
    assert page.text.count("<form") == 1


def test_the_page_says_that_it_is_done_without_another_button(client: FlaskClient, world: World) -> None:
    member_id = subscriber(world)

    after = client.post(path(world, member_id))
    later = client.get(path(world, member_id))

    assert "C'est fait" in after.text.replace("&#x27;", "'")
    assert "<form" not in after.text + later.text


def test_the_pages_address_goes_to_nobody_else(client: FlaskClient, world: World) -> None:
    page = client.get(path(world, subscriber(world)))

    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text


def test_the_pages_style_is_served(client: FlaskClient) -> None:
    assert client.get("/u/files/page.css").mimetype == "text/css"
    assert client.get("/u/files/..%2fdocs%2findex.html").status_code == 404


def subscriber(world: World, **fields: str) -> UUID:
    """Make a member who allows offers by e-mail."""
    return enrol(world, statements=[statement()], **{"locale": "fr", **fields}).id


def statement(channel: str = "email", purpose: str = "offers") -> Statement:
    return Statement(channel=channel, purpose=purpose, granted=True, text_version="1")


def subscription(world: World, member_id: UUID) -> Subscription:
    return Subscription(program_id=world.program_id, member_id=member_id, channel="email", purpose="offers")


def path(world: World, member_id: UUID) -> str:
    return Links(world.database.keyring).url(subscription(world, member_id))


def said(world: World, member_id: UUID) -> list[bool]:
    """Every statement about offers by e-mail, oldest first."""
    query = select(Consent.granted).where(
        Consent.member_id == member_id, Consent.channel == "email", Consent.purpose == "offers"
    )
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(query.order_by(Consent.id)))


def allowed(world: World, member_id: UUID) -> bool:
    return said(world, member_id)[-1]


def changes(world: World, member_id: UUID) -> list[tuple[bool, str]]:
    """What was published about the member's consents."""
    query = select(Event.data).where(Event.kind == "consent.changed", Event.member_id == member_id).order_by(Event.id)
    with world.database.transaction(world.program_id) as session:
        return [(data["granted"], data["source"]) for data in session.scalars(query)]
