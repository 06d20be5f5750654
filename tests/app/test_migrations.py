"""Migrations on databases that are in use: what was there before them is served by them too."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from app import ids, migrations
from app.config import Settings
from app.db import Database
from app.embedded import EmbeddedServer
from app.services import member_search
from tests.world import make_world
from tests.world_members import enrol

BEFORE_PLAIN_NAMES = "0008"


@pytest.fixture
def fresh(postgres: EmbeddedServer, settings: Settings) -> Iterator[Database]:
    """A database with nothing in it, whose owner is no superuser, so that row-level security holds it as well."""
    name = f"migrated_{ids.new_id().hex}"
    with psycopg.connect(postgres.url_of("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(sql.Identifier(name), name))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
        url = postgres.url_of(name).replace("postgres@", f"{name}:{name}@")
        made = Database(replace(settings, database_url=url, database_role_prefix=name))
        yield made
        made.dispose()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_members_of_before_are_found_without_their_accents(fresh: Database) -> None:
    migrations.migrate(fresh)
    world = make_world(fresh)
    migrations.downgrade(fresh, BEFORE_PLAIN_NAMES)
    with psycopg.connect(_owners_address(fresh)) as owner:
        owner.execute("ALTER TABLE member NO FORCE ROW LEVEL SECURITY")
        owner.execute(
            "INSERT INTO member (program_id, id, created_at, joined_at, first_name, last_name)"
            " SELECT %s, gen_random_uuid(), now(), now(), 'Hélène', 'Nº ' || n FROM generate_series(1, 5001) n",
            [world.program_id],
        )
        owner.execute("ALTER TABLE member FORCE ROW LEVEL SECURITY")

    migrations.migrate(fresh)
    enrol(world, first_name="Hélène", last_name="Nº 5002")

    with fresh.transaction(world.program_id) as session:
        found = {member.last_name for member in member_search.search(session, "helene", limit=9999)}
    assert found == {f"Nº {number}" for number in range(1, 5003)}


def test_what_failed_halfway_is_run_again(fresh: Database) -> None:
    migrations.migrate(fresh, "0009")
    with psycopg.connect(_owners_address(fresh)) as owner:
        # An index made concurrently that fails stays, and is not to be used.
        owner.execute("CREATE INDEX ix_member_program_id_last_name_plain ON member (id)")

    migrations.migrate(fresh)

    migrations.check(fresh)


def test_several_may_migrate_at_once(fresh: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: migrations.migrate(fresh), range(2)))

    migrations.check(fresh)


def _owners_address(database: Database) -> str:
    return database.owner.url.set(drivername="postgresql").render_as_string(hide_password=False)
