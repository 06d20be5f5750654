"""What a wallet's server says of a pass is noted once, on the pass that it means."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app import clock, ids
from app.db import Database
from app.models import GoogleNonce, Pass
from app.services import cards, pass_callbacks, passes
from tests.world import World
from tests.world_till import make_cafe, make_guest


def make_pass(world: World, platform: str = "google") -> Pass:
    guest = make_guest(make_cafe(world))
    with world.database.transaction(world.program_id) as session:
        card = cards.get(session, guest.card_id)
        type_id = ids.new_id().hex
        return passes.issue(session, world.database.keyring, card=card, platform=platform, pass_type_ids=[type_id])


def hear(database: Database, row: Pass, event: str = "save", nonce: str = "1", serial: str | None = None) -> str:
    return pass_callbacks.hear(
        database,
        pass_type_id=row.pass_type_id,
        serial=serial or row.serial,
        event=event,  # type: ignore[arg-type]
        nonce=nonce,
    )


def row_of(world: World, row: Pass) -> Pass:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Pass).where(Pass.id == row.id)).one()


def test_a_save_and_a_deletion_are_noted(database: Database, world: World) -> None:
    row = make_pass(world)
    now = clock.now()
    with clock.held(now):
        assert hear(database, row) == "noted"
        assert hear(database, row, "del", nonce="2") == "noted"

    known = row_of(world, row)
    assert (known.saved_at, known.removed_at) == (now, now)


def test_what_is_told_by_many_at_once_is_noted_once(database: Database, world: World) -> None:
    row = make_pass(world)
    with ThreadPoolExecutor(8) as threads:
        heard = list(threads.map(lambda _: hear(database, row), range(16)))

    assert sorted(heard) == ["known"] * 15 + ["noted"]
    with database.transaction(world.program_id) as session:
        assert session.scalar(select(func.count()).select_from(GoogleNonce)) == 1


@pytest.mark.parametrize("serial", ["nobodys", "é", "x" * 300])
def test_a_pass_that_is_not_there_is_nobodys(database: Database, world: World, serial: str) -> None:
    assert hear(database, make_pass(world), serial=serial) == "nobodys"


def test_another_wallets_pass_is_not_meant(database: Database, world: World) -> None:
    row = make_pass(world, platform="apple")

    assert hear(database, row) == "nobodys"
    assert row_of(world, row).saved_at is None
