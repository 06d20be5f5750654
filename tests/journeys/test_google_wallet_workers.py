"""Two workers and one issuer: Google's rate is theirs together, and no card is lost to it."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.models import Pass
from tests.wallet.platforms.google.documents import discovery
from tests.world import World
from tests.world_google import GoogleServer, google_server
from tests.world_till import make_cafe, make_guest
from wallet.handing import platform_of
from wallet.stand_in.google import GoogleStandIn
from wallet.updates.lanes import Lane

PATIENCE_SECONDS = 300


@pytest.mark.usefixtures("empty_database")
def test_a_redesign_by_two_workers_at_googles_own_rate_loses_nothing(
    database: Database, world: World, tmp_path: Path
) -> None:
    """Each worker keeps to twenty a second; together they are too fast, are told so, and come back."""
    with (
        GoogleStandIn(tmp_path, discovery=discovery(), requests_per_second=20) as google,
        google_server(database.settings, google, google_wallet_requests_per_second=20) as running,
        google_server(database.settings, google, google_wallet_requests_per_second=20) as other,
    ):
        cafe = make_cafe(world)
        running.set_up(world)
        guests = [make_guest(cafe) for _ in range(24)]
        for guest in guests:
            assert running.ask(world, guest).status_code == 202

        let_lanes_run([running, other], lambda: is_done(running))

        assert len(google.objects) == len(guests)
        assert {running.row(guest).last_error for guest in guests} == {None}
        assert google.refused[400] == 0


def is_done(server: GoogleServer) -> bool:
    with server.database.across_programs() as session:
        waiting = select(func.count()).select_from(Pass).where(Pass.google_inserted_at.is_(None))
        return session.scalar(waiting) == 0


def let_lanes_run(servers: Sequence[GoogleServer], is_over: Callable[[], bool]) -> None:
    """Run a lane of each server, as workers do, until it is over, or for too long."""
    stop = threading.Event()
    lanes = [Lane(one.database, platform_of("google"), one.courier) for one in servers]
    threads = [threading.Thread(target=lane.run, args=(stop,)) for lane in lanes]
    for thread in threads:
        thread.start()
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_over() and time.monotonic() < give_up_at:
        stop.wait(0.1)
    stop.set()
    for lane in lanes:
        lane.ring()
    for thread in threads:
        thread.join()
