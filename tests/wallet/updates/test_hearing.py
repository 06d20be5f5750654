"""Events mark passes of their members; programmes without passes cost a look every other second."""

from datetime import timedelta

from app import clock, ids
from app.db import Database
from app.services.event_kinds import EVENT_KINDS
from tests.world import World
from tests.world_passes import ListeningPlatform, hand_pass, marks_of, set_up_wallet
from tests.world_till import Cafe, make_cafe, make_guest
from wallet.updates import hearing
from wallet.updates.hearing import Ear


def test_only_events_that_exist_are_heard() -> None:
    assert set(EVENT_KINDS) >= hearing.KINDS


def test_an_event_marks_the_members_passes_and_nobody_elses(
    database: Database, cafe: Cafe, platform: ListeningPlatform
) -> None:
    rung: list[bool] = []
    ear = Ear(on_mark=lambda: rung.append(True))
    guest, other = make_guest(cafe), make_guest(cafe)
    made, noise = (hand_pass(cafe.world, platform, one) for one in (guest, other))
    before = {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
    heard = [
        ear.hear(database, kind="voucher.issued", program_id=cafe.world.program_id, member_id=guest.id)
        for _ in range(2)
    ]
    after = {mark.pass_id: mark.marks for mark in marks_of(cafe.world)}
    assert heard == [1, 1]
    assert (after[made] - before[made], after[noise] - before[noise]) == (2, 0)
    assert rung == [True, True]


def test_an_event_about_nobody_and_a_member_without_passes_mark_nothing(database: Database, cafe: Cafe) -> None:
    ear = Ear()
    for member_id in (None, make_guest(cafe).id, ids.new_id()):
        assert ear.hear(database, kind="x", program_id=cafe.world.program_id, member_id=member_id) == 0


def test_the_first_pass_of_a_programme_is_heard_of_within_seconds(
    database: Database, world: World, platform: ListeningPlatform
) -> None:
    cafe, ear = make_cafe(world), Ear()
    set_up_wallet(world)
    guest = make_guest(cafe)
    now = clock.now()
    with clock.held(now):
        assert ear.hear(database, kind="x", program_id=world.program_id, member_id=guest.id) == 0
        hand_pass(world, platform, guest)
        assert ear.hear(database, kind="x", program_id=world.program_id, member_id=guest.id) == 0
        clock.advance(timedelta(seconds=2))
        assert ear.hear(database, kind="x", program_id=world.program_id, member_id=guest.id) == 1
