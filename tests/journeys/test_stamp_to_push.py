"""From the scan that committed to APNs, through a worker that runs as it does in production."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.db import Database
from tests import world_workers
from tests.passkit_device import Phone
from tests.world import make_world
from tests.world_passes import marks_of
from tests.world_passkit import SHARED, apple, hand_out, make_phone, row_of, set_up_apple
from tests.world_till import Cafe, Till, make_cafe, make_guest
from tests.world_workers import Start, workers
from wallet.stand_in.apns import ApnsStandIn

PATIENCE_SECONDS = 240
MAIN = """
import sys
from api import wallet_wiring
from app.config import Settings
from notifications.worker import main
sys.exit(main(Settings.from_env(), wallet_wiring.open_parts))
"""


pytestmark = pytest.mark.usefixtures("empty_database")


@pytest.fixture
def apns(tmp_path: Path) -> Iterator[ApnsStandIn]:
    with ApnsStandIn(tmp_path / "apns", apple().root_pem.decode()) as stand_in:
        yield stand_in


@pytest.fixture
def start(settings: Settings, tmp_path: Path, apns: ApnsStandIn) -> Iterator[Start]:
    """Start workers that push to the stand-in."""
    there = replace(settings, apns_endpoint=apns.url, apns_ca_file=str(apns.ca_file))
    places = {name: there.environment()[name] for name in ("ASSIDU_APNS_ENDPOINT", "ASSIDU_APNS_CA_FILE")}
    with workers(settings, tmp_path, places, main=MAIN, patience_seconds=PATIENCE_SECONDS) as start_one:
        yield start_one


def test_a_scan_reaches_apns_and_the_phone_gets_the_stamp(
    start: Start, database: Database, client: FlaskClient, apns: ApnsStandIn
) -> None:
    cafe: Cafe = make_cafe(make_world(database))
    set_up_apple(cafe.world)
    guest, phone = make_guest(cafe), make_phone(client)
    assert phone.open(hand_out(cafe, guest)).status == 201
    start()
    settled(phone, apns, cafe)
    assert Till(client, cafe).scan(guest).status_code == 201
    [held] = phone.passes.values()
    world_workers.wait_for(lambda: phone.hear(SHARED) == [(held.serial, 200)], PATIENCE_SECONDS)
    # The phone may ask, and find the stamp, before it is told to.
    apns.wait_for(1, token=phone.push_token, seconds=PATIENCE_SECONDS)
    assert "1 / 10" in str(held.document)
    world_workers.wait_for(lambda: row_of(cafe, held).pushed_revision == row_of(cafe, held).revision, PATIENCE_SECONDS)
    assert phone.ask(SHARED).status == 204


def test_a_worker_that_is_killed_is_followed_by_one_that_tells(
    start: Start, database: Database, client: FlaskClient, apns: ApnsStandIn
) -> None:
    cafe: Cafe = make_cafe(make_world(database))
    set_up_apple(cafe.world)
    guest, phone = make_guest(cafe), make_phone(client)
    phone.open(hand_out(cafe, guest))
    first = start()
    settled(phone, apns, cafe)
    first.kill()
    first.wait()
    assert Till(client, cafe).scan(guest).status_code == 201
    start()
    apns.wait_for(1, token=phone.push_token, seconds=PATIENCE_SECONDS)
    [held] = phone.passes.values()
    assert phone.hear(SHARED) == [(held.serial, 200)]


def settled(phone: Phone, apns: ApnsStandIn, cafe: Cafe) -> None:
    """Wait until the worker has looked at what was handed out and registered, and the phone knows what came of it."""
    world_workers.wait_for(lambda: not marks_of(cafe.world), PATIENCE_SECONDS)
    phone.hear(SHARED)
    assert phone.ask(SHARED).status == 204
    apns.pushes.clear()
