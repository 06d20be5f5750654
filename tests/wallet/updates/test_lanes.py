"""A changed face is told to its platform, once for a burst, again after a failure, and never for nothing."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from app import clock, ids
from app.db import Database
from app.models import Member, Pass, PassUpdate
from app.services import pass_messages, pass_updates
from app.services.pass_messages import Note
from app.services.pass_updates import BURST_MAX, SETTLE
from tests.world import World, make_world
from tests.world_passes import (
    ListeningPlatform,
    hand_pass,
    let_marks_be_due,
    marks_of,
    pass_of,
    set_up_wallet,
)
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest
from wallet.platforms import Job, Told
from wallet.updates.lanes import Lane, in_turn


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe)


@pytest.fixture
def pass_id(cafe: Cafe, platform: ListeningPlatform, guest: Guest, lane: Lane) -> UUID:
    """A pass that was handed out, looked at, and is as it should be."""
    for name in ("Noise", "More noise"):
        hand_pass(cafe.world, platform, make_guest(cafe, first_name=name))
    made = hand_pass(cafe.world, platform, guest)
    work(cafe.world, lane)
    platform.courier.jobs.clear()
    return made


def work(world: World, lane: Lane) -> None:
    """Have the lane work on everything that waits in this programme, until nothing does."""
    for _ in range(10):
        let_marks_be_due(world.database, world.program_id)
        if not marks_of(world):
            return
        lane.work_on(world.program_id)
    raise AssertionError("marks never end")


def mark(world: World, guest: Guest) -> None:
    with world.database.transaction(world.program_id) as session:
        pass_updates.mark_member(session, guest.id, reason="test")


def stamp(till: Till, guest: Guest) -> None:
    assert till.scan(guest).status_code == 201
    mark(till.cafe.world, guest)


def test_a_new_pass_is_handed_out_with_its_face_and_told_to_nobody(
    cafe: Cafe, guest: Guest, platform: ListeningPlatform, lane: Lane
) -> None:
    made = hand_pass(cafe.world, platform, guest)
    work(cafe.world, lane)
    row = pass_of(cafe.world, made)
    assert platform.courier.jobs == []
    assert (row.revision, row.face_hash is not None) == (0, True)


def test_a_platform_that_serves_the_face_itself_is_told_of_a_new_pass(
    cafe: Cafe, guest: Guest, lane: Lane, platform: ListeningPlatform
) -> None:
    platform.carries_face = False
    made = hand_pass(cafe.world, platform, guest)
    work(cafe.world, lane)
    assert [job.row.revision for job in platform.courier.told_of(made)] == [1]
    assert pass_of(cafe.world, made).pushed_revision == 1


def test_a_stamp_is_told_once_with_the_face_as_it_is_then(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    stamp(till, guest)
    work(till.cafe.world, lane)
    [job] = platform.courier.jobs
    assert job.row.id == pass_id
    assert job.face.stamps is not None
    assert job.face.stamps.count == 1
    row = pass_of(till.cafe.world, pass_id)
    assert row.face_hash == job.face.digest()
    assert row.revision == row.pushed_revision > 0
    assert (row.last_error, row.last_push_at is not None) == (None, True)


def test_a_burst_of_stamps_is_one_push(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    for _ in range(5):
        stamp(till, guest)
    work(till.cafe.world, lane)
    assert [job.face.stamps.count for job in platform.courier.told_of(pass_id) if job.face.stamps] == [5]


def test_a_burst_is_waited_out_but_not_for_ever(cafe: Cafe, guest: Guest, pass_id: UUID) -> None:
    began, step = clock.now() + timedelta(minutes=1), timedelta(milliseconds=100)
    due = []
    for place in range(BURST_MAX + 2):
        with clock.held(began + place * step):
            mark(cafe.world, guest)
        [one] = [each for each in marks_of(cafe.world) if each.pass_id == pass_id]
        due.append(one.due_at - began)

    assert due == [min(place, BURST_MAX - 1) * step + SETTLE for place in range(BURST_MAX + 2)]


def test_a_mark_for_nothing_pushes_nothing(
    cafe: Cafe, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    before = pass_of(cafe.world, pass_id).changed_at
    mark(cafe.world, guest)
    work(cafe.world, lane)
    assert platform.courier.jobs == []
    assert pass_of(cafe.world, pass_id).changed_at == before


def test_revisions_grow_and_two_changes_in_a_second_have_two_dates(
    till: Till, guest: Guest, pass_id: UUID, lane: Lane
) -> None:
    world, seen = till.cafe.world, []
    with clock.held(clock.now()):
        for _ in range(3):
            stamp(till, guest)
            work(world, lane)
            row = pass_of(world, pass_id)
            seen.append((row.revision, row.changed_at))
    assert len({revision for revision, _ in seen}) == len({at for _, at in seen}) == 3
    assert seen == sorted(seen)
    assert all(at.microsecond == 0 for _, at in seen)


def test_what_was_marked_while_it_was_told_is_looked_at_again(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    world = till.cafe.world
    again = iter([True])

    def told(_: Job) -> Told:
        if next(again, False):
            stamp(till, guest)
        return Told(outcome="sent")

    platform.courier.answer = told
    stamp(till, guest)
    let_marks_be_due(world.database, world.program_id)
    lane.work_on(world.program_id)
    assert len(marks_of(world)) == 1
    work(world, lane)
    assert [job.face.stamps.count for job in platform.courier.told_of(pass_id) if job.face.stamps] == [1, 2]


@pytest.mark.usefixtures("pass_id")
def test_marks_of_one_instant_are_not_taken_for_one(
    till: Till, guest: Guest, platform: ListeningPlatform, lane: Lane
) -> None:
    world, again = till.cafe.world, iter([True])

    def told(_: Job) -> Told:
        if next(again, False):
            mark(world, guest)
        return Told(outcome="sent")

    platform.courier.answer = told
    with clock.held(clock.now()):
        stamp(till, guest)
        let_marks_be_due(world.database, world.program_id)
        lane.work_on(world.program_id)
    assert len(marks_of(world)) == 1


@pytest.mark.parametrize("outcome", ["retry", "unknown"])
def test_what_was_not_told_is_told_later_without_another_revision(
    outcome: str, till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    world = till.cafe.world
    platform.courier.answer = lambda _: Told(outcome=outcome, reason="busy", retry_after_seconds=40)  # type: ignore[arg-type]
    stamp(till, guest)
    let_marks_be_due(world.database, world.program_id)
    lane.work_on(world.program_id)
    row, [left] = pass_of(world, pass_id), marks_of(world)
    assert (row.pushed_revision < row.revision, row.last_error, left.attempts) == (True, "busy", 1)
    assert left.due_at >= clock.now() + timedelta(seconds=39)
    platform.courier.answer = lambda _: Told(outcome="sent")
    work(world, lane)
    after = pass_of(world, pass_id)
    assert len(platform.courier.told_of(pass_id)) == 2
    assert (after.revision, after.pushed_revision, after.last_error) == (row.revision, row.revision, None)


@pytest.mark.usefixtures("pass_id")
def test_a_stamp_does_not_cut_a_backoff_short(
    till: Till, guest: Guest, platform: ListeningPlatform, lane: Lane
) -> None:
    world = till.cafe.world
    platform.courier.answer = lambda _: Told(outcome="retry", reason="busy", retry_after_seconds=500)
    stamp(till, guest)
    let_marks_be_due(world.database, world.program_id)
    lane.work_on(world.program_id)
    stamp(till, guest)
    [left] = marks_of(world)
    assert left.due_at > clock.now() + timedelta(seconds=400)


def test_a_refusal_waits_for_the_next_change(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    world = till.cafe.world
    platform.courier.answer = lambda _: Told(outcome="refused", reason="topic_disallowed")
    stamp(till, guest)
    work(world, lane)
    assert len(platform.courier.jobs) == 1
    assert pass_of(world, pass_id).last_error == "topic_disallowed"
    platform.courier.answer = lambda _: Told(outcome="sent")
    stamp(till, guest)
    work(world, lane)
    assert pass_of(world, pass_id).last_error is None


def test_a_platform_that_breaks_does_not_stop_the_lane(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    def broken(_: Job) -> Told:
        raise RuntimeError("the platform's code is broken")

    platform.courier.answer = broken
    stamp(till, guest)
    let_marks_be_due(till.cafe.world.database, till.cafe.world.program_id)
    lane.work_on(till.cafe.world.program_id)
    assert pass_of(till.cafe.world, pass_id).last_error == "platform_failed"
    assert len(marks_of(till.cafe.world)) == 1


def test_a_worker_that_died_is_replaced_once_its_lease_is_over(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane, database: Database
) -> None:
    world = till.cafe.world

    def died(_: Job) -> Told:
        raise SystemExit

    platform.courier.answer = died
    stamp(till, guest)
    let_marks_be_due(database, world.program_id)
    with pytest.raises(SystemExit):
        lane.work_on(world.program_id)
    platform.courier.answer = lambda _: Told(outcome="sent")
    [left] = marks_of(world)
    assert left.due_at > clock.now() + timedelta(seconds=50)
    assert lane.work_on(world.program_id) == 0
    work(world, lane)
    row = pass_of(world, pass_id)
    assert row.revision == row.pushed_revision


def test_who_overslept_the_lease_changes_nothing_of_the_marks(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane, database: Database
) -> None:
    world, other = till.cafe.world, ids.new_id()

    def overslept(_: Job) -> Told:
        with database.across_programs() as session:
            mine = update(PassUpdate).where(PassUpdate.pass_id == pass_id)
            session.execute(mine.values(lease_owner=other, due_at=clock.now() + timedelta(minutes=1)))
        return Told(outcome="sent")

    platform.courier.answer = overslept
    stamp(till, guest)
    let_marks_be_due(database, world.program_id)
    lane.work_on(world.program_id)
    [left] = marks_of(world)
    assert left.lease_owner == other


def test_a_blocked_card_is_void_and_an_unblocked_one_is_not(
    till: Till, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    world, states = till.cafe.world, []
    for verb in ("block", "unblock"):
        card = ids.show("card", guest.card_id)
        assert till.client.post(f"/v1/cards/{card}/{verb}", json={}, headers=world.as_("owner")).status_code == 200
        mark(world, guest)
        work(world, lane)
        states.append(pass_of(world, pass_id).state)
    assert states == ["voided", "active"]
    assert [job.face.voided for job in platform.courier.told_of(pass_id)] == [True, False]


def test_a_message_is_told_even_if_it_says_what_the_last_one_said(
    cafe: Cafe, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    world = cafe.world
    for _ in range(2):
        with world.database.transaction(world.program_id) as session:
            session.execute(update(Pass).where(Pass.id == pass_id).values(saved_at=clock.now(), platform="google"))
            note = Note(delivery_id=ids.new_id(), member_id=guest.id, text={"fr": {"title": "Ici", "body": "Bonjour"}})
            assert pass_messages.write(session, [note]) == {note.delivery_id}
            session.execute(update(Pass).where(Pass.id == pass_id).values(platform="apple"))
            session.execute(update(PassUpdate).values(platform="apple"))
        work(world, lane)
    told = platform.courier.told_of(pass_id)
    assert [len(job.messages) for job in told] == [1, 1]
    assert told[0].messages[0].id != told[1].messages[0].id


def test_a_card_of_a_renamed_member_changes(
    cafe: Cafe, guest: Guest, pass_id: UUID, platform: ListeningPlatform, lane: Lane
) -> None:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.execute(update(Member).where(Member.id == guest.id).values(first_name="Grace"))
    mark(cafe.world, guest)
    work(cafe.world, lane)
    assert [job.face.member_name for job in platform.courier.told_of(pass_id)] == ["Grace"]


def test_a_programme_with_many_marks_does_not_hold_up_another(database: Database, platform: ListeningPlatform) -> None:
    platform.batch = 2
    lane = Lane(database, platform, platform.courier)
    crowd, quiet = [make_cafe(make_world(database)) for _ in range(2)]
    for cafe, guests in ((crowd, 8), (quiet, 1)):
        set_up_wallet(cafe.world)
        for _ in range(guests):
            hand_pass(cafe.world, platform, make_guest(cafe))
        let_marks_be_due(database, cafe.world.program_id)
    with database.across_programs() as session:
        session.execute(update(PassUpdate).values(priority=1))
    lane.run_once()
    assert (len(marks_of(crowd.world)), len(marks_of(quiet.world))) == (6, 0)


def test_a_person_is_served_before_a_redesign(
    database: Database, cafe: Cafe, platform: ListeningPlatform, lane: Lane
) -> None:
    platform.batch, platform.carries_face = 1, False
    guests = [make_guest(cafe) for _ in range(4)]
    made = [hand_pass(cafe.world, platform, guest) for guest in guests]
    with database.across_programs() as session:
        session.execute(
            update(PassUpdate).where(PassUpdate.pass_id.in_(made[:3])).values(priority=1, due_at=clock.now())
        )
    mark(cafe.world, guests[3])
    let_marks_be_due(database, cafe.world.program_id)
    lane.work_on(cafe.world.program_id)
    assert [job.row.id for job in platform.courier.jobs] == [made[3]]


def test_turns_go_round() -> None:
    programs = sorted(ids.new_id() for _ in range(3))
    assert in_turn(programs, None) == programs
    assert in_turn(programs, programs[0]) == [programs[1], programs[2], programs[0]]
    assert in_turn(programs, programs[2]) == programs
