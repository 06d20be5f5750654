"""A web process that is ready before its first scan."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from api import warming
from api.app import create_app
from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Purse
from app.services import config_versions, events
from tests.world import World, make_world
from tests.world_till import Cafe, Till, make_cafe, make_guest


def test_the_first_scan_reads_no_set_up(process: Flask, cafe: Cafe) -> None:
    guest = make_guest(cafe)
    happen(cafe.world)

    known = warming.warm(process)
    with asked(process) as statements:
        answer = Till(process.test_client(), cafe).scan(guest)

    assert answer.status_code == 201
    assert known >= 1
    assert [one for one in statements if "purse" in one or "rule_set" in one] == []


def test_without_warming_it_does(process: Flask, cafe: Cafe) -> None:
    with asked(process) as statements:
        Till(process.test_client(), cafe).scan(make_guest(cafe))

    assert [one for one in statements if "purse" in one] != []


def test_what_was_read_long_ago_is_enough_while_nothing_changed_and_never_hides_a_change(
    process: Flask, cafe: Cafe
) -> None:
    guest, till = make_guest(cafe), Till(process.test_client(), cafe)
    happen(cafe.world)
    with clock.held(clock.now()):
        warming.warm(process)
        clock.advance(timedelta(minutes=50))
        with asked(process) as statements:
            till.scan(guest)
        with cafe.world.database.transaction(cafe.world.program_id) as session:
            session.execute(update(Purse).where(Purse.id == cafe.stamps).values(name="Douze cafés"))
            config_versions.grow(session)
        named = [one["name"] for one in till.scan(guest).json["accounts"]]

    assert [one for one in statements if "purse" in one] == []
    assert "Douze cafés" in named


def test_the_programmes_in_which_something_happened_last_come_first(
    process: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, idle = make_world(database), make_world(database)
    monkeypatch.setattr(warming, "PROGRAMS_MAX", 1)
    happen(idle)
    happen(busy)

    assert warming.warm(process) == 1
    assert set(process.extensions["assidu"].configs._remembered) == {busy.program_id}


def test_the_workers_connection_that_found_them_is_gone(process: Flask, database: Database) -> None:
    warming.warm(process)

    assert database.worker.pool.checkedin() == 0  # type: ignore[attr-defined]


def test_a_database_that_is_away_does_not_hinder_the_start(settings: Settings) -> None:
    away = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")

    assert warming.warm(create_app(away)) == 0


def happen(world: World) -> None:
    """Let something happen in a programme, later than anything before."""
    with world.database.transaction(world.program_id) as session:
        events.publish(session, kind="entry.posted", data={"entry": ids.show("entry", ids.new_id())})


@contextmanager
def asked(process: Flask) -> Iterator[list[str]]:
    """Give the statements that sessions of the web role send meanwhile."""
    engine = process.extensions["assidu"].database.web
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def process(settings: Settings, database: Database) -> Flask:
    """A web process that has just begun."""
    return create_app(settings, database)


@pytest.fixture
def cafe(world: World) -> Cafe:
    """A café."""
    return make_cafe(world)
