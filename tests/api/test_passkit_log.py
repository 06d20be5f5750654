"""What phones complain of, over HTTP: heard from anybody, kept of few, and shown with the pass."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from api.resources.passkit import COMPLAINTS
from app import ids
from app.models import PassLog
from app.services import pass_lines
from tests.app.services.test_pass_lines import GET_FAILED
from tests.world import World
from tests.world_passkit import SHARED, issue, new_pass_type
from tests.world_signing import somewhere
from tests.world_till import Guest, make_cafe, make_guest


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


def test_more_than_anybody_reads_is_thanked_for_and_forgotten(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), new_pass_type())
    said = GET_FAILED.format(type=held.pass_type_id, serial=held.serial) + "x" * 70_000
    told = client.post("/passkit/v1/log", json={"logs": [said]}, environ_base=somewhere())
    # Apple's protocol knows no other answer.
    assert told.status_code == 200
    assert lines_of(world) == []


def test_a_pass_that_nobody_complained_of_shows_nothing(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world)
    guest = make_guest(cafe)
    issue(cafe, guest, SHARED)
    assert "complaints" not in states_of(client, world, guest)[0]


def states_of(client: FlaskClient, world: World, guest: Guest) -> Any:
    path = f"/v1/cards/{ids.show('card', guest.card_id)}/passes"
    return client.get(path, headers=world.as_("owner")).json["data"]  # type: ignore[index]


def lines_of(world: World) -> list[str]:
    with world.database.across_programs() as session:
        return list(session.scalars(select(PassLog.line).where(PassLog.program_id == world.program_id)))
