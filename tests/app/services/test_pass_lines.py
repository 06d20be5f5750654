"""What is kept of phones' complaints: little, for the programme that the pass is of, and nothing that opens a door."""

from typing import Any

from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.resources.passkit import COMPLAINTS
from app import clock, ids
from app.db import Database
from app.models import PassLog
from app.services import pass_lines
from tests.world import World
from tests.world_passkit import SHARED, issue, new_pass_type
from tests.world_signing import somewhere
from tests.world_till import Guest, make_cafe, make_guest

GET_FAILED = (
    "[2026-11-22 10:02:17 +0100] Get pass task (pass type {type}, serial number {serial}, if-modified-since (null); "
    "with web service url https://loyalty.example/passkit) encountered error: Server response was malformed"
)


def test_a_line_about_a_pass_of_ours_is_its_programmes_and_names_it(database: Database, world: World) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), new_pass_type())
    pass_lines.note(database, [GET_FAILED.format(type=held.pass_type_id, serial=held.serial)])
    [line] = lines_of(world)
    assert held.serial in line
    assert "Server response was malformed" in line


def test_a_line_about_nobodys_pass_is_nobodys(database: Database, world: World) -> None:
    mark = ids.digits(12)
    pass_lines.note(database, [f"{mark} " + GET_FAILED.format(type=new_pass_type(), serial=ids.new_id().hex)])
    assert lines_of(world) == []
    assert count_nobodys(database) >= 1


def test_what_may_be_a_secret_is_left_out(database: Database, world: World) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), new_pass_type())
    phone = ids.secret_bytes(16).hex()
    said = (
        f"Register task (for device {phone}, pass type {held.pass_type_id}, serial number {held.serial}) {held.token}"
    )
    pass_lines.note(database, [said])
    [line] = lines_of(world)
    assert phone not in line
    assert held.token not in line
    assert held.serial in line


def test_only_so_much_of_one_request_is_kept(database: Database, world: World) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), new_pass_type())
    line = GET_FAILED.format(type=held.pass_type_id, serial=held.serial) + " and so on" * 500
    assert pass_lines.note(database, [line] * 1000) == pass_lines.LINES_MAX
    assert len(lines_of(world)) == pass_lines.LINES_MAX
    assert {len(line) for line in lines_of(world)} == {pass_lines.LINE_MAX}


def test_only_so_many_lines_that_are_nobodys_are_kept(database: Database) -> None:
    with database.transaction() as session:
        session.execute(select(func.note_pass_lines(["x"] * (pass_lines.KEPT + 50), clock.now(), pass_lines.KEPT)))
    for _ in range(3):
        pass_lines.note(database, ["the phone is unhappy"] * 15)
    assert count_nobodys(database) <= pass_lines.KEPT + pass_lines.LINES_MAX


def test_what_phones_said_of_a_pass_is_shown_with_its_state_and_of_no_other(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    guests = [make_guest(cafe) for _ in range(2)]
    held, other = (issue(cafe, guest, SHARED) for guest in guests)
    here = somewhere()
    for number in range(pass_lines.SHOWN_MAX + 3):
        said = f"{number}: " + GET_FAILED.format(type=SHARED, serial=held.serial)
        assert client.post("/passkit/v1/log", json={"logs": [said]}, environ_base=here).status_code == 200
    # As one client library says it, without the object around.
    client.post("/passkit/v1/log", json=[GET_FAILED.format(type=SHARED, serial=other.serial)], environ_base=here)
    shown = [states_of(client, world, guest)[0].get("complaints", []) for guest in guests]
    assert [one["line"][0] for one in shown[0]] == ["7", "6", "5", "4", "3"]
    assert len(shown[1]) == 1
    assert other.serial in shown[1][0]["line"]


def test_a_network_that_complains_without_end_is_heard_and_forgotten(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), new_pass_type())
    said, here = {"logs": [GET_FAILED.format(type=held.pass_type_id, serial=held.serial)]}, somewhere()
    statuses = {client.post("/passkit/v1/log", json=said, environ_base=here).status_code for _ in range(40)}
    assert statuses == {200}
    assert len(lines_of(world)) == COMPLAINTS.quota


def test_a_pass_that_nobody_complained_of_shows_nothing(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    guest = make_guest(cafe)
    issue(cafe, guest, SHARED)
    assert "complaints" not in states_of(client, world, guest)[0]


@given(st.text(alphabet=st.characters(codec=None)))
def test_whatever_a_phone_says_becomes_one_short_line(said: str) -> None:
    line = pass_lines.clean(said)
    assert len(line) <= pass_lines.LINE_MAX
    assert line.isprintable()
    line.encode()


def states_of(client: FlaskClient, world: World, guest: Guest) -> Any:
    path = f"/v1/cards/{ids.show('card', guest.card_id)}/passes"
    return client.get(path, headers=world.as_("owner")).json["data"]  # type: ignore[index]


def lines_of(world: World) -> list[str]:
    with world.database.across_programs() as session:
        return list(session.scalars(select(PassLog.line).where(PassLog.program_id == world.program_id)))


def count_nobodys(database: Database) -> int:
    with database.across_programs() as session:
        return session.scalar(select(func.count()).where(PassLog.program_id.is_(None))) or 0
