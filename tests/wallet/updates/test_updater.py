"""The engine as a worker runs it: lanes side by side, none waiting for another's platform, ended in order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient

from app.db import Database
from tests import world_workers
from tests.wallet.updates.test_sweeping import redesign
from tests.world_passes import ListeningCourier, ListeningPlatform, hand_pass, marks_of, pass_of, set_up_wallet
from tests.world_till import Cafe, Till, make_guest
from wallet.platforms import Job, Told
from wallet.updates.lanes import Lane
from wallet.updates.updater import Updater

PATIENCE_SECONDS = 120


def wait_for(happened: Callable[[], bool]) -> None:
    world_workers.wait_for(happened, PATIENCE_SECONDS)


@contextmanager
def running(database: Database, *platforms: ListeningPlatform) -> Iterator[Updater]:
    updater = Updater(database, {one.kind: one for one in platforms})
    stop = threading.Event()
    thread = threading.Thread(target=updater.run, args=(stop,))
    thread.start()
    try:
        yield updater
    finally:
        stop.set()
        for one in platforms:
            if one.courier.holding is not None:
                one.courier.holding.set()
        thread.join(PATIENCE_SECONDS)
        updater.close()
    assert not thread.is_alive()
    assert all(one.courier.closed for one in platforms)


def test_a_design_reaches_every_pass_while_stamps_go_on(
    database: Database, client: FlaskClient, cafe: Cafe, till: Till, platform: ListeningPlatform
) -> None:
    guests = [make_guest(cafe) for _ in range(12)]
    made = [hand_pass(cafe.world, platform, guest) for guest in guests]
    with running(database, platform) as updater:
        redesign(client, cafe.world, "#123456")
        assert till.scan(guests[0]).status_code == 201
        heard = updater.ear.hear(
            database, kind="activity.recorded", program_id=cafe.world.program_id, member_id=guests[0].id,
            recorded_at=pass_of(cafe.world, made[0]).created_at,
        )  # fmt: skip
        assert heard == 1
        wait_for(lambda: {job.row.id for job in list(platform.courier.jobs)} >= set(made))
        wait_for(lambda: not marks_of(cafe.world))
    last = {job.row.id: job.face for job in platform.courier.jobs if job.row.id in made}
    assert {face.colours.background for face in last.values()} == {"#123456"}
    stamps = last[made[0]].stamps
    assert stamps is not None
    assert stamps.count == 1


def test_wallets_are_opened_as_soon_as_somebody_has_a_pass(
    database: Database, cafe: Cafe, platform: ListeningPlatform
) -> None:
    updater, stop = Updater(database), threading.Event()
    thread = threading.Thread(target=updater.run, args=(stop,))
    thread.start()
    try:
        assert updater.run_once() == 0
        assert {one.name for one in threading.enumerate()}.isdisjoint({"wallet-lane-0", "wallet-lane-1"})
        made = hand_pass(cafe.world, platform, make_guest(cafe))
        wait_for(lambda: pass_of(cafe.world, made).face_hash is not None)
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        updater.close()


def test_a_platform_that_hangs_holds_up_no_other(database: Database, cafe: Cafe, platform: ListeningPlatform) -> None:
    google = ListeningPlatform(kind="google", carries_face=False)
    google.courier.holding = threading.Event()
    platform.carries_face = False
    set_up_wallet(cafe.world, kind="google")
    guest = make_guest(cafe)
    with running(database, platform, google):
        at_google = hand_pass(cafe.world, google, guest)
        wait_for(lambda: google.courier.told_of(at_google) != [])
        at_apple = hand_pass(cafe.world, platform, guest)
        wait_for(lambda: pass_of(cafe.world, at_apple).pushed_revision > 0)
        assert pass_of(cafe.world, at_google).pushed_revision == 0
        google.courier.holding.set()
        wait_for(lambda: pass_of(cafe.world, at_google).pushed_revision > 0)


def test_two_workers_tell_of_each_pass_once(database: Database, cafe: Cafe, platform: ListeningPlatform) -> None:
    platform.carries_face = False
    made = [hand_pass(cafe.world, platform, make_guest(cafe)) for _ in range(20)]
    second = ListeningPlatform(courier=ListeningCourier(), carries_face=False)
    platform.batch = second.batch = 3
    with running(database, platform), running(database, second):
        wait_for(lambda: not marks_of(cafe.world))
    told = [job.row.id for job in platform.courier.jobs + second.courier.jobs]
    assert sorted(told) == sorted(made)


def test_a_lane_outlives_a_failing_courier(database: Database, cafe: Cafe, platform: ListeningPlatform) -> None:
    platform.carries_face = False
    fails = iter([True])

    def told(_: Job) -> Told:
        if next(fails, False):
            raise RuntimeError("broken once")
        return Told(outcome="sent")

    platform.courier.answer = told
    with running(database, platform):
        broken = hand_pass(cafe.world, platform, make_guest(cafe))
        wait_for(lambda: pass_of(cafe.world, broken).last_error == "platform_failed")
        fine = hand_pass(cafe.world, platform, make_guest(cafe))
        wait_for(lambda: pass_of(cafe.world, fine).pushed_revision > 0)
        wait_for(lambda: pass_of(cafe.world, broken).pushed_revision > 0)


@pytest.mark.parametrize("seats", [1, 4])
def test_a_lane_stops_when_it_is_told_to_with_nothing_to_do(
    database: Database, platform: ListeningPlatform, seats: int
) -> None:
    lane, stop = Lane(database, platform, platform.courier, seats=seats), threading.Event()
    thread = threading.Thread(target=lane.run, args=(stop,))
    thread.start()
    stop.set()
    lane.ring()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
