"""Old events and old deliveries to webhooks are forgotten; what is not handled yet never is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Event, WebhookDelivery
from app.services import jobs
from tests.world import World
from tests.world_receiver import make_webhook


@pytest.fixture
def database_of_30_days(settings: Settings, world: World) -> Iterator[Database]:
    assert world.program_id  # the database is migrated
    made = Database(replace(settings, events_kept_days=30))
    yield made
    made.dispose()


def write(world: World, *, at: datetime, handled: bool) -> UUID:
    with world.database.transaction(world.program_id) as session:
        event_id = id_of(session.scalars(select(func.uuid_from_instant(at))).one())
        session.add(
            Event(
                id=event_id, kind="voucher.used", recorded_at=at, lease_until=at, data={},
                handled_at=at if handled else None,
            )
        )  # fmt: skip
        return event_id


def id_of(beginning: UUID) -> UUID:
    return UUID(int=beginning.int + ids.new_id().int % 2**64)


def kept(world: World) -> set[UUID]:
    with world.database.transaction(world.program_id) as session:
        return set(session.scalars(select(Event.id)))


def test_handled_events_are_kept_for_the_days_that_are_set(world: World, database_of_30_days: Database) -> None:
    now = clock.now()
    old = write(world, at=now - timedelta(days=31), handled=True)
    unhandled = write(world, at=now - timedelta(days=31), handled=False)
    young = write(world, at=now - timedelta(days=29), handled=True)

    assert jobs.JOBS["forget_events"](database_of_30_days) >= 1

    assert old not in kept(world)
    assert {unhandled, young} <= kept(world)


def test_deliveries_to_webhooks_are_kept_for_thirty_days(world: World) -> None:
    webhook_id, _ = make_webhook(world, "https://shop.example/")
    now = clock.now()
    with world.database.transaction(world.program_id) as session:
        rows = []
        for days in (31, 29):
            at = now - timedelta(days=days)
            rows.append(
                WebhookDelivery(
                    id=id_of(session.scalars(select(func.uuid_from_instant(at))).one()), webhook_id=webhook_id,
                    event_id=ids.new_id(), kind="voucher.used", body="{}", due_at=at, state="delivered",
                )
            )  # fmt: skip
        session.add_all(rows)

    jobs.JOBS["forget_webhook_deliveries"](world.database)

    with world.database.transaction(world.program_id) as session:
        assert list(session.scalars(select(WebhookDelivery.id))) == [rows[1].id]
