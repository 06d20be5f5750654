"""Marks from tills and redesigns, lanes of two workers, and phones that register, all at once on the same passes."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.db import Database
from app.models import Pass
from app.services import pass_updates
from app.services.pass_updates import ALL
from tests.wallet.updates.test_lanes import work
from tests.world import make_world
from tests.world_passes import ListeningPlatform, hand_pass, marks_of, pass_of, set_up_wallet
from tests.world_till import make_cafe, make_guest
from wallet.updates.lanes import Lane

SECONDS = 4.0
PASSES = 40


def test_nobody_waits_for_another_in_a_circle_and_every_mark_is_settled(database: Database) -> None:
    cafe, platform = make_cafe(make_world(database)), ListeningPlatform(batch=15, carries_face=False)
    world = cafe.world
    set_up_wallet(world)
    guests = [make_guest(cafe) for _ in range(PASSES)]
    made = [hand_pass(world, platform, guest) for guest in guests]
    stop = threading.Event()

    def again(step: Callable[[int], object]) -> int:
        turns = 0
        while not stop.is_set():
            step(turns)
            turns += 1
        return turns

    def redesign(_: int) -> None:
        with database.across_programs() as session:
            pass_updates.mark(session, world.program_id, Pass.id.in_(made), reason="test", priority=ALL)

    def stamp(turn: int) -> None:
        with database.transaction(world.program_id) as session:
            for place in sorted({turn * 7 % PASSES, turn * 11 % PASSES}):
                pass_updates.mark_member(session, guests[place].id, reason="test")

    def register(turn: int) -> None:
        with database.transaction(world.program_id) as session:
            pass_updates.note_registered(session, made[turn * 13 % PASSES])

    lanes = [Lane(database, platform, platform.courier) for _ in range(2)]
    steps = [redesign, stamp, register, *[lambda _, lane=lane: lane.work_on(world.program_id) for lane in lanes]]
    with ThreadPoolExecutor(len(steps)) as threads:
        running = [threads.submit(again, step) for step in steps]
        time.sleep(SECONDS)
        stop.set()
        turns = [future.result() for future in running]
    assert all(turns), turns
    work(world, lanes[0])
    assert marks_of(world) == []
    assert all(row.revision == row.pushed_revision > 0 for row in (pass_of(world, one) for one in made))
