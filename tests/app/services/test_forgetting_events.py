"""Old events and old deliveries to webhooks are forgotten; what is not handled yet never is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Text, func, select

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Event, WebhookDelivery
from app.services import jobs
from tests.world import World
from tests.world_receiver import make_webhook

MAY, JUNE = datetime(2019, 5, 1, tzinfo=UTC), datetime(2019, 6, 1, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("empty_database")


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
    write(world, at=now - timedelta(days=62), handled=True)
    unhandled = write(world, at=now - timedelta(days=62), handled=False)
    young = write(world, at=now - timedelta(days=29), handled=True)

    assert jobs.JOBS["forget_events"](database_of_30_days) == 1

    assert kept(world) == {unhandled, young}


def test_a_month_that_is_over_is_dropped_whole_when_the_days_have_passed(
    world: World, database_of_30_days: Database
) -> None:
    make_month(world, MAY)
    write(world, at=MAY, handled=True)
    last = write(world, at=JUNE - timedelta(milliseconds=1), handled=True)

    forget_at(database_of_30_days, JUNE + timedelta(days=30, seconds=-1))
    before = (partition_of(world, MAY), last in kept(world))
    forget_at(database_of_30_days, JUNE + timedelta(days=30))

    assert before == ("event_2019_05", True)
    assert partition_of(world, MAY) is None
    assert last not in kept(world)


def test_a_month_with_something_to_do_stays_and_is_emptied_of_the_rest(
    world: World, database_of_30_days: Database
) -> None:
    make_month(world, MAY)
    done, waiting = (write(world, at=MAY + timedelta(days=9), handled=handled) for handled in (True, False))

    forget_at(database_of_30_days, JUNE + timedelta(days=62))
    stayed = kept(world)
    with world.database.transaction(world.program_id) as session:
        session.get_one(Event, (world.program_id, waiting)).handled_at = clock.now()
    forget_at(database_of_30_days, JUNE + timedelta(days=62))

    assert waiting in stayed
    assert done not in stayed
    assert partition_of(world, MAY) is None


def test_whoever_reads_the_outbox_for_long_is_not_waited_for(world: World, database_of_30_days: Database) -> None:
    make_month(world, MAY)
    with world.database.owner.begin() as reader:
        reader.exec_driver_sql("LOCK TABLE event IN ACCESS SHARE MODE")
        forget_at(database_of_30_days, JUNE + timedelta(days=62))
    stayed = partition_of(world, MAY)
    forget_at(database_of_30_days, JUNE + timedelta(days=62))

    assert (stayed, partition_of(world, MAY)) == ("event_2019_05", None)


def make_month(world: World, month: datetime) -> None:
    with world.database.across_programs() as session:
        session.scalars(select(func.ensure_partitions(month, 0))).one()


def partition_of(world: World, month: datetime) -> str | None:
    with world.database.owner.begin() as connection:
        found: str | None = connection.scalar(select(func.to_regclass(f"event_{month:%Y_%m}").cast(Text)))
        return found


def forget_at(database: Database, instant: datetime) -> None:
    with clock.held(instant):
        jobs.JOBS["forget_events"](database)


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
