"""Passes at rest: made once for each wallet, begun anew when nobody can sign the old type, links that work once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app import clock, ids
from app.db import Database
from app.errors import NotFoundError
from app.models import Pass, PassDevice, PassLink, PassRegistration
from app.services import cards, jobs, pass_links, passes
from app.services.pass_links import LinkUsedError
from tests.world import World, make_world
from tests.world_till import Cafe, Guest, make_cafe, make_guest


@pytest.fixture
def cafe(world: World) -> Cafe:
    return make_cafe(world)


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe)


def issue(cafe: Cafe, guest: Guest, *types: str, platform: str = "apple") -> Pass:
    database = cafe.world.database
    with database.transaction(cafe.world.program_id) as session:
        card = cards.get(session, guest.card_id)
        return passes.issue(session, database.keyring, card=card, platform=platform, pass_type_ids=list(types))


def test_a_card_has_one_pass_in_each_wallet(cafe: Cafe, guest: Guest) -> None:
    pass_type = f"pass.example.{ids.new_id().hex}"
    first, again, google = (issue(cafe, guest, pass_type, platform=one) for one in ("apple", "apple", "google"))
    other = issue(cafe, make_guest(cafe), pass_type)
    assert (first.id, first.serial, first.token_hash) == (again.id, again.serial, again.token_hash)
    assert len({first.id, google.id, other.id}) == len({first.token_hash, other.token_hash, google.serial}) == 3


def test_those_who_ask_at_once_get_one_pass(cafe: Cafe, guest: Guest) -> None:
    pass_type = f"pass.example.{ids.new_id().hex}"
    with ThreadPoolExecutor(8) as threads:
        made = {future.result().id for future in [threads.submit(issue, cafe, guest, pass_type) for _ in range(16)]}
    assert len(made) == 1


def test_the_token_is_sealed_and_bound_to_its_pass(cafe: Cafe, guest: Guest) -> None:
    row = issue(cafe, guest, "pass.example.token")
    token = passes.token_of(cafe.world.database.keyring, row)
    assert len(token) >= 32
    assert row.token_hash == ids.digest(token)
    assert token.encode() not in bytes(row.token_sealed or b"")


def test_a_pass_keeps_its_type_while_somebody_can_sign_it(cafe: Cafe, guest: Guest) -> None:
    old, new = (f"pass.example.{ids.new_id().hex}" for _ in range(2))
    first = issue(cafe, guest, old)
    kept = issue(cafe, guest, new, old)
    assert (kept.pass_type_id, kept.serial) == (old, first.serial)


def test_a_pass_that_nobody_can_sign_begins_anew_and_its_phones_hear_no_more(cafe: Cafe, guest: Guest) -> None:
    old, new = (f"pass.example.{ids.new_id().hex}" for _ in range(2))
    first = issue(cafe, guest, old)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        device = PassDevice(
            library_id_hash=ids.secret_bytes(32), push_token_sealed=b"x", push_token_hash=ids.secret_bytes(32),
            pass_type_id=old, last_seen_at=clock.now(),
        )  # fmt: skip
        session.add(device)
        session.flush()
        session.add(PassRegistration(device_id=device.id, pass_id=first.id))
    second = issue(cafe, guest, new)
    assert second.id == first.id
    assert second.pass_type_id == new
    assert second.serial != first.serial
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        assert session.scalar(select(func.count()).select_from(PassRegistration)) == 0


def test_a_removed_pass_that_is_wanted_again_lives(cafe: Cafe, guest: Guest) -> None:
    row = issue(cafe, guest, "pass.example.removed")
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.execute(update(Pass).where(Pass.id == row.id).values(state="removed"))
    assert issue(cafe, guest, "pass.example.removed").state == "active"


# Links.


def make_link(cafe: Cafe, guest: Guest) -> str:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        return pass_links.make(session, cards.get(session, guest.card_id), platform="apple").token


def test_a_link_names_its_programme_card_and_wallet(cafe: Cafe, guest: Guest) -> None:
    found = pass_links.find(cafe.world.database, make_link(cafe, guest))
    assert (found.program_id, found.card_id, found.platform) == (cafe.world.program_id, guest.card_id, "apple")
    with pytest.raises(NotFoundError):
        pass_links.find(cafe.world.database, ids.secret_text())


def test_of_those_who_open_a_link_at_once_one_gets_the_pass(cafe: Cafe, guest: Guest) -> None:
    token, database = make_link(cafe, guest), cafe.world.database

    def use() -> bool:
        try:
            with database.transaction(cafe.world.program_id) as session:
                pass_links.use(session, database.keyring, token)
        except LinkUsedError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        used = [future.result() for future in [threads.submit(use) for _ in range(16)]]
    assert used.count(True) == 1


def test_a_link_of_another_programme_cannot_be_used(cafe: Cafe, guest: Guest) -> None:
    token, stranger = make_link(cafe, guest), make_world(cafe.world.database)
    with pytest.raises(LinkUsedError), stranger.database.transaction(stranger.program_id) as session:
        pass_links.use(session, stranger.database.keyring, token)
    assert pass_links.find(cafe.world.database, token).card_id == guest.card_id


def test_a_ticket_opens_what_its_link_led_to_and_nothing_before(cafe: Cafe, guest: Guest) -> None:
    token, database = make_link(cafe, guest), cafe.world.database
    with pytest.raises(NotFoundError):
        pass_links.follow(database, token, "")
    with database.transaction(cafe.world.program_id) as session:
        ticket = pass_links.use(session, database.keyring, token)
    assert pass_links.follow(database, token, ticket).card_id == guest.card_id
    with pytest.raises(NotFoundError):
        pass_links.follow(database, token, ticket.upper() + "é")


def test_links_are_forgotten_a_day_after_their_end(cafe: Cafe, guest: Guest, database: Database) -> None:
    kept, old = make_link(cafe, guest), make_link(cafe, guest)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        aged = update(PassLink).where(PassLink.token_hash == ids.digest(old))
        session.execute(aged.values(expires_at=clock.now() - timedelta(hours=25)))
    jobs.JOBS["forget_wallet_leftovers"](database)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        assert list(session.scalars(select(PassLink.token_hash))) == [ids.digest(kept)]
