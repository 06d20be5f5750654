"""What is kept of phones' complaints: little, for the programme that the pass is of, and nothing that opens a door."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app import clock, ids
from app.db import Database
from app.models import PassLog
from app.services import pass_lines
from tests.world import World
from tests.world_passkit import issue, new_pass_type
from tests.world_till import make_cafe, make_guest

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


@given(st.text(alphabet=st.characters(codec=None)))
def test_whatever_a_phone_says_becomes_one_short_line(said: str) -> None:
    line = pass_lines.clean(said)
    assert len(line) <= pass_lines.LINE_MAX
    assert line.isprintable()
    line.encode()


def lines_of(world: World) -> list[str]:
    with world.database.across_programs() as session:
        return list(session.scalars(select(PassLog.line).where(PassLog.program_id == world.program_id)))


def count_nobodys(database: Database) -> int:
    with database.across_programs() as session:
        return session.scalar(select(func.count()).where(PassLog.program_id.is_(None))) or 0
