"""What is written once stays: no role changes it, and neither does the tables' owner."""

from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import DDL, Engine
from sqlalchemy.exc import DBAPIError

from app.db import Database
from tests.world import make_world
from tests.world_full import Full, make_full

APPEND_ONLY = ("entry", "activity", "allocation", "rule_version", "audit_entry", "consent")
CHANGES = ("UPDATE {table} SET program_id = program_id", "DELETE FROM {table}")


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES)
def test_the_web_role_may_not(full: Full, database: Database, table: str, change: str) -> None:
    refused = _try(database.web, full, change.format(table=table))

    assert isinstance(refused, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES)
def test_the_worker_role_may_not(full: Full, database: Database, table: str, change: str) -> None:
    refused = _try(database.worker, full, change.format(table=table))

    assert isinstance(refused, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_is_stopped_by_a_trigger(full: Full, database: Database, table: str, change: str) -> None:
    where = f" WHERE program_id = '{full.world.program_id}'"

    refused = _try(database.owner, full, change.format(table=table) + where)

    assert isinstance(refused, psycopg.errors.RestrictViolation)
    assert "append-only" in str(refused)


@pytest.mark.parametrize("table", ["account", "lot", "debt", "hold", "pending_grant", "member", "card", "voucher"])
def test_the_web_role_deletes_no_part_of_the_ledger_and_no_parent_of_it(
    full: Full, database: Database, table: str
) -> None:
    refused = _try(database.web, full, f"DELETE FROM {table}")  # noqa: S608 - our own

    assert isinstance(refused, psycopg.errors.InsufficientPrivilege)


def _try(engine: Engine, full: Full, statement: str) -> BaseException | None:
    """Run a statement for the programme, roll it back, and return what stopped it."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT set_config('assidu.program_id', '{full.world.program_id}', true)")
        try:
            connection.execute(DDL(statement))
        except DBAPIError as error:
            return error.orig
    return None


@pytest.fixture(scope="module")
def full(database: Database, application: Any) -> Full:
    client: FlaskClient = application.test_client()
    return make_full(make_world(database), client)
