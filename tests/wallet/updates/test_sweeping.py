"""A changed set-up reaches every pass, a page at a time, and begins again when it changes meanwhile."""

from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from api import wallet_wiring  # noqa: F401 - registers the subscriber
from app import clock, ids
from app.db import Database
from app.models import Pass, PassRevision, Program, Reward
from app.services import programs
from app.services.pass_updates import ONE
from notifications.subscribers import SUBSCRIBERS, PublishedEvent
from tests.wallet.updates.test_lanes import work
from tests.world import World
from tests.world_passes import ListeningPlatform, hand_pass, let_marks_be_due, marks_of, pass_of
from tests.world_till import Cafe, make_guest
from wallet.updates.lanes import Lane
from wallet.updates.sweeping import sweep


def sweep_of(world: World) -> PassRevision:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(PassRevision)).one()


def version_of(world: World) -> int:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Program.config_version).where(Program.id == world.program_id)).one()


def redesign(client: FlaskClient, world: World, background: str) -> None:
    answer = client.patch("/v1/card-design", json={"background": background}, headers=world.as_("owner"))
    assert answer.status_code == 200


@pytest.fixture
def made(cafe: Cafe, platform: ListeningPlatform, lane: Lane) -> list[UUID]:
    """Five passes that are as they should be."""
    found = [hand_pass(cafe.world, platform, make_guest(cafe)) for _ in range(5)]
    work(cafe.world, lane)
    return found


@pytest.mark.usefixtures("made")
def test_what_a_pass_was_made_with_is_not_taken_to_it(cafe: Cafe, database: Database) -> None:
    sweep(database)
    assert marks_of(cafe.world) == []


def test_a_new_design_reaches_every_pass_a_page_at_a_time(
    client: FlaskClient, cafe: Cafe, database: Database, made: list[UUID], platform: ListeningPlatform, lane: Lane
) -> None:
    redesign(client, cafe.world, "#123456")
    seen = []
    for _ in range(4):
        sweep(database, page=2, waiting_max=100)
        seen.append(len(marks_of(cafe.world)))
    assert seen[:3] == [2, 4, 5]
    assert sweep_of(cafe.world).swept_version == version_of(cafe.world)
    assert {mark.priority for mark in marks_of(cafe.world)} == {1}
    work(cafe.world, lane)
    assert {job.row.id for job in platform.courier.jobs} == set(made)
    assert {job.face.colours.background for job in platform.courier.jobs} == {"#123456"}
    assert len({pass_of(cafe.world, one).revision for one in made}) == 1


@pytest.mark.usefixtures("made")
def test_no_more_is_marked_than_may_wait(client: FlaskClient, cafe: Cafe, database: Database) -> None:
    redesign(client, cafe.world, "#123456")
    for _ in range(5):
        sweep(database, page=2, waiting_max=3)
    assert len(marks_of(cafe.world)) == 2


def test_a_design_that_changes_during_a_sweep_is_taken_to_all(
    client: FlaskClient, cafe: Cafe, database: Database, made: list[UUID], platform: ListeningPlatform, lane: Lane
) -> None:
    redesign(client, cafe.world, "#111111")
    sweep(database, page=2, waiting_max=100)
    work(cafe.world, lane)
    redesign(client, cafe.world, "#222222")
    for _ in range(10):
        sweep(database, page=2, waiting_max=100)
        work(cafe.world, lane)
    last = {job.row.id: job.face.colours.background for job in platform.courier.jobs}
    assert last == dict.fromkeys(made, "#222222")


@pytest.mark.usefixtures("made")
def test_a_change_that_no_card_shows_pushes_nothing(
    cafe: Cafe, database: Database, platform: ListeningPlatform, lane: Lane
) -> None:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        programs.hold(session)
    sweep(database)
    assert len(marks_of(cafe.world)) == 5
    let_marks_be_due(database, cafe.world.program_id)
    work(cafe.world, lane)
    assert platform.courier.jobs == []


def test_passes_that_nobody_holds_are_left_alone(
    client: FlaskClient, cafe: Cafe, database: Database, platform: ListeningPlatform, lane: Lane
) -> None:
    hand_pass(cafe.world, platform, make_guest(cafe), told=False)
    work(cafe.world, lane)
    redesign(client, cafe.world, "#123456")
    sweep(database)
    assert marks_of(cafe.world) == []


@pytest.mark.parametrize(("stock", "marked"), [(0, 5), (1, 0), (None, 0)])
def test_the_last_of_a_reward_leaves_every_card(
    cafe: Cafe, database: Database, made: list[UUID], stock: int | None, marked: int
) -> None:
    sweep(database)
    with database.transaction(cafe.world.program_id) as session:
        session.execute(update(Reward).where(Reward.id == cafe.cake).values(stock=stock))
        taker = session.get_one(Pass, made[0]).member_id
    redeemed = PublishedEvent(
        id=ids.new_id(), program_id=cafe.world.program_id, kind="reward.redeemed", member_id=taker,
        recorded_at=clock.now(), data={"reward": ids.show("reward", cafe.cake)},
    )  # fmt: skip
    SUBSCRIBERS["wallet"].handle(database, redeemed)

    assert [mark.priority for mark in marks_of(cafe.world)] == [ONE]
    sweep(database)
    assert len({mark.pass_id for mark in marks_of(cafe.world)} | {made[0]}) == max(marked, 1)
    assert sweep_of(cafe.world).swept_version == version_of(cafe.world)
