"""Events mark passes of their members; who has no pass costs nothing."""

from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app import clock, ids
from app.db import Database
from app.models import Customer, Pass
from app.services import cards, customers
from app.services.event_kinds import EVENT_KINDS
from tests.world_members import Person, enrol, make_customer
from tests.world_passes import ListeningPlatform, hand_pass, marks_of
from tests.world_till import Cafe, Guest, make_guest
from wallet.updates import hearing, looking
from wallet.updates.hearing import Ear


def test_only_events_that_exist_are_heard() -> None:
    assert set(EVENT_KINDS) >= hearing.KINDS


def hear(ear: Ear, cafe: Cafe, member_id: UUID | None, at: datetime | None = None) -> int:
    world = cafe.world
    return ear.hear(
        world.database, kind="voucher.issued", program_id=world.program_id, member_id=member_id,
        recorded_at=at or clock.now(),
    )  # fmt: skip


def test_an_event_marks_the_members_passes_and_nobody_elses(cafe: Cafe, platform: ListeningPlatform) -> None:
    rung: list[bool] = []
    ear = Ear(on_mark=lambda: rung.append(True))
    guest, other = make_guest(cafe), make_guest(cafe)
    made, noise = (hand_pass(cafe.world, platform, one) for one in (guest, other))
    before = {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
    assert [hear(ear, cafe, guest.id) for _ in range(2)] == [1, 1]
    after = {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
    assert (after[made] - before[made], after[noise] - before[noise]) == (2, 0)
    assert rung == [True, True]


def test_an_event_about_nobody_and_a_member_without_passes_mark_nothing(cafe: Cafe) -> None:
    ear = Ear()
    assert [hear(ear, cafe, member_id) for member_id in (None, make_guest(cafe).id, ids.new_id())] == [0, 0, 0]


def test_a_pass_that_was_made_before_an_event_is_marked(cafe: Cafe, platform: ListeningPlatform) -> None:
    ear, guests = Ear(), [make_guest(cafe) for _ in range(3)]
    for guest in guests:
        assert hear(ear, cafe, guest.id) == 0
        hand_pass(cafe.world, platform, guest)
        assert hear(ear, cafe, guest.id) == 1
    assert [hear(ear, cafe, guest.id) for guest in guests] == [1, 1, 1]


def test_who_has_a_pass_is_asked_once_for_events_of_the_past(cafe: Cafe, platform: ListeningPlatform) -> None:
    ear, guest = Ear(), make_guest(cafe)
    hear(ear, cafe, guest.id)
    long_ago = clock.now() - timedelta(days=90)
    hand_pass(cafe.world, platform, guest)
    # The pass was made after it, and shows what it told.
    assert hear(ear, cafe, guest.id, long_ago) == 0
    assert hear(ear, cafe, guest.id) == 1


def test_of_a_programme_with_too_many_the_database_is_asked(
    cafe: Cafe, platform: ListeningPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MEMBERS_MAX", 1)
    ear, guests = Ear(), [make_guest(cafe) for _ in range(3)]
    for guest in guests[:2]:
        hand_pass(cafe.world, platform, guest)
    assert [hear(ear, cafe, guest.id) for guest in guests] == [1, 1, 0]
    hand_pass(cafe.world, platform, guests[2])
    assert hear(ear, cafe, guests[2].id) == 1


@pytest.mark.parametrize(("change", "marked"), [({"first_name": "Grace"}, 1), ({"tags": ["regular"]}, 0)])
def test_a_member_whose_name_changes_has_the_cards_looked_at(
    client: FlaskClient, cafe: Cafe, platform: ListeningPlatform, change: dict[str, object], marked: int
) -> None:
    guest = make_guest(cafe)
    made = hand_pass(cafe.world, platform, guest)
    before = {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
    path = f"/v1/members/{ids.show('member', guest.id)}"
    assert client.patch(path, json=change, headers=cafe.world.as_("owner")).status_code == 200
    after = {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
    assert after[made] - before[made] == marked


# Cards speak the language of their customer's app, where the member has none of their own.


@pytest.mark.parametrize(("change", "marked"), [({"locale": "en"}, 1), ({"first_name": "Grace"}, 0)])
def test_a_customer_whose_language_changes_has_the_cards_looked_at(
    client: FlaskClient, cafe: Cafe, platform: ListeningPlatform, change: dict[str, str], marked: int
) -> None:
    ana = make_customer(cafe.world.database, locale="fr")
    made, noise = (hand_to(cafe, platform, email=email) for email in (ana.email, None))
    before = marks(cafe)
    assert client.patch("/v1/me", json=change, headers=ana.headers).status_code == 200
    after = marks(cafe)
    assert (after[made] - before[made], after[noise] - before[noise]) == (marked, 0)


def test_a_card_that_was_marked_for_a_language_is_found_in_it(
    client: FlaskClient, cafe: Cafe, platform: ListeningPlatform
) -> None:
    database = cafe.world.database
    ana = make_customer(database, locale="fr")
    made = hand_to(cafe, platform, email=ana.email)
    seen = []
    for language in ("fr", "en"):
        client.patch("/v1/me", json={"locale": language}, headers=ana.headers)
        with database.transaction(cafe.world.program_id) as session:
            row = session.get_one(Pass, made)
            seen.append(looking.faces_of(session, database, [row])[made].locale)
    assert seen == ["fr", "en"]


def test_a_customer_who_claims_a_card_and_who_leaves_has_it_looked_at(
    client: FlaskClient, cafe: Cafe, platform: ListeningPlatform
) -> None:
    address = f"{ids.new_id().hex}@people.example"
    made = hand_to(cafe, platform, email=address)
    seen = [marks(cafe)[made]]
    ana = make_customer(cafe.world.database, email=address, locale="en")
    claim(cafe.world.database, ana)
    seen.append(marks(cafe)[made])
    assert client.delete("/v1/me", headers=ana.headers).status_code == 204
    seen.append(marks(cafe)[made])
    assert [later - earlier for earlier, later in pairwise(seen)] == [1, 1]


def hand_to(cafe: Cafe, platform: ListeningPlatform, **fields: str | None) -> UUID:
    """Enrol a member without a language and hand their pass out; return its id."""
    world = cafe.world
    member = enrol(world, **fields)
    with world.database.transaction(world.program_id) as session:
        card = cards.of_members(session, [member.id])[member.id]
    return hand_pass(world, platform, Guest(member.id, card.id, ""))


def claim(database: Database, person: Person) -> None:
    with database.transaction(customer_id=person.id) as session:
        customer = session.get_one(Customer, person.id)
    assert customers.link(database, customer) == 1


def marks(cafe: Cafe) -> dict[UUID, int]:
    return {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
