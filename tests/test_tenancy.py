"""No programme sees or touches another's rows, no customer another's: by raw SQL, by the session, by the API."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, Select, exists, func, select, union_all, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from api.documenting import Operation
from api.operation import declared_operations
from app import ids
from app.db import Database, Session
from app.models import Account, Base, BulkTenant, Entry, HotTenant, Member, Tenant, Voucher
from tests.world import make_world
from tests.world_full import Full, make_full

OWNED_BY_CUSTOMERS = {"customer": "id", "customer_session": "customer_id", "device": "customer_id"}
NOBODYS = {"attempt", "letter"}
"""Counts of tries, by the hash of what was tried: reached through a door only. Sealed mails: written, never read."""
TABLES = sorted(set(Base.metadata.tables) - NOBODYS - set(OWNED_BY_CUSTOMERS) - {"customer_code"})
MODELS = sorted(
    (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Tenant | HotTenant | BulkTenant)),
    key=lambda model: str(model.__name__),
)


def test_the_world_has_rows_in_every_table_so_that_what_is_not_seen_could_be(full: Full, database: Database) -> None:
    with database.worker.connect() as connection:
        empty = [
            table
            for table in TABLES
            if not connection.exec_driver_sql(
                f"SELECT count(*) FROM {table} WHERE {_key(table)} = '{full.world.program_id}'"  # noqa: S608 - our own
            ).scalar_one()
        ]

    assert empty == []


def test_every_table_of_the_schema_has_forced_row_level_security(database: Database) -> None:
    with database.owner.connect() as connection:
        bare = connection.exec_driver_sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).scalars()
        open_to_web = [
            table
            for table in bare
            if connection.exec_driver_sql(
                f"SELECT has_table_privilege('{database.role('web')}', 'public.{table}', 'SELECT')"
            ).scalar_one()
        ]

    # The queue of tasks is no tenant's: its rows name a task and ids, and requests only add to it.
    assert [table for table in open_to_web if not table.startswith("procrastinate_")] == []


@pytest.mark.parametrize("stranger", ["another programme", "no programme"])
@pytest.mark.parametrize("table", TABLES)
def test_a_stranger_sees_and_changes_nothing(
    full: Full, mine: Full, database: Database, table: str, stranger: str
) -> None:
    who = str(mine.world.program_id) if stranger == "another programme" else ""
    theirs = f"'{full.world.program_id}'"
    key = _key(table)
    statements = {
        "select": f"SELECT 1 FROM {table} WHERE {key} = {theirs}",  # noqa: S608 - our own
        "update": f"UPDATE {table} SET {key} = {key} WHERE {key} = {theirs}",  # noqa: S608 - our own
        "delete": f"DELETE FROM {table} WHERE {key} = {theirs}",  # noqa: S608 - our own
    }

    for name, statement in statements.items():
        found = _raw(database.web, {"program_id": who}, statement)
        assert found == 0 or (name != "select" and isinstance(found, psycopg.errors.InsufficientPrivilege)), name
    inserted = _raw(database.web, {"program_id": who}, f"INSERT INTO {table} ({key}) VALUES ({theirs})")  # noqa: S608
    assert isinstance(inserted, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_cannot_be_given_to_another_programme(full: Full, mine: Full, database: Database, table: str) -> None:
    statement = f"UPDATE {table} SET {_key(table)} = '{full.world.program_id}'"  # noqa: S608 - our own

    moved = _raw(database.web, {"program_id": str(mine.world.program_id)}, statement)

    assert isinstance(moved, psycopg.errors.InsufficientPrivilege)


def test_without_a_where_a_programme_sees_its_own_rows_alone(full: Full, mine: Full, database: Database) -> None:
    assert full.ids["program"] != mine.ids["program"]
    for table in TABLES:
        own = f"SELECT 1 FROM {table}"  # noqa: S608 - our own
        whose = f" WHERE {_key(table)} = '{mine.world.program_id}'"
        assert _raw(database.web, {"program_id": str(mine.world.program_id)}, own) == _raw(
            database.worker, {}, own + whose
        )


@pytest.mark.parametrize("statement", ["SELECT 1 FROM {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_partitions_are_no_way_around(mine: Full, database: Database, statement: str) -> None:
    with database.owner.connect() as connection:
        partitions = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        names = list(partitions.scalars())

    assert len(names) > 4
    for name in names:
        found = _raw(database.web, {"program_id": str(mine.world.program_id)}, statement.format(name))
        assert isinstance(found, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("who", ["another customer", "nobody"])
@pytest.mark.parametrize("table", OWNED_BY_CUSTOMERS)
def test_a_customer_sees_and_changes_nothing_of_another(
    full: Full, mine: Full, database: Database, table: str, who: str
) -> None:
    key, theirs = OWNED_BY_CUSTOMERS[table], f"'{full.person.id}'"
    told = {"customer_id": str(mine.person.id) if who == "another customer" else ""}

    assert _raw(database.worker, {}, f"SELECT 1 FROM {table} WHERE {key} = {theirs}") > 0  # noqa: S608 - our own
    assert _raw(database.web, told, f"SELECT 1 FROM {table} WHERE {key} = {theirs}") == 0  # noqa: S608 - our own
    assert _raw(database.web, told, f"UPDATE {table} SET {key} = {key} WHERE {key} = {theirs}") == 0  # noqa: S608
    deleted = _raw(database.web, told, f"DELETE FROM {table} WHERE {key} = {theirs}")  # noqa: S608 - our own
    assert deleted == 0 or isinstance(deleted, psycopg.errors.InsufficientPrivilege)
    inserted = _raw(database.web, told, f"INSERT INTO {table} ({key}) VALUES ({theirs})")  # noqa: S608 - our own
    assert isinstance(inserted, psycopg.errors.InsufficientPrivilege)


def test_one_time_codes_are_seen_by_who_proved_the_contact(full: Full, database: Database) -> None:
    assert full.person
    query = "SELECT 1 FROM customer_code WHERE contact_hash = '\\x" + "01" * 32 + "'"

    assert _raw(database.web, {"contact_hash": "01" * 32}, query) > 0
    assert _raw(database.web, {"contact_hash": "02" * 32}, query) == 0
    assert _raw(database.web, {"contact_hash": ""}, query) == 0


def test_what_guards_guesses_is_read_by_no_request(mine: Full, database: Database) -> None:
    found = _raw(database.web, {"program_id": str(mine.world.program_id)}, "SELECT 1 FROM attempt")

    assert isinstance(found, psycopg.errors.InsufficientPrivilege)


def test_a_connection_that_was_told_a_programme_outside_a_transaction_tells_the_next_nothing(
    mine: Full, database: Database
) -> None:
    with database.web.connect() as connection:
        connection.exec_driver_sql(f"SET assidu.program_id = '{mine.world.program_id}'")
        connection.commit()
        with database.transaction() as session:
            # The pool hands out what came back last: take all there is, so that the told one is among them.
            assert session.scalar(select(func.count()).select_from(Member)) == 0
    for _ in range(3):
        with database.transaction() as session:
            assert session.scalar(select(func.count()).select_from(Member)) == 0
    database.web.dispose()


def test_a_transaction_leaves_no_programme_behind(mine: Full, database: Database) -> None:
    with database.web.connect() as connection, Session(connection, program_id=mine.world.program_id) as session:
        assert session.scalar(select(func.count()).select_from(Member)) == 1
        session.commit()
        told = connection.exec_driver_sql("SELECT current_setting('assidu.program_id', true)").scalar_one()

    assert not told


@pytest.fixture
def bare(mine: Full, database: Database) -> Iterator[Session]:
    """A session for a programme on the engine of the owner, whom row-level security does not hold back."""
    with Session(database.owner, program_id=mine.world.program_id) as session:
        yield session


@pytest.mark.parametrize("model", MODELS)
def test_the_sessions_own_filter_alone_hides_what_is_foreign(bare: Session, full: Full, model: Any) -> None:
    everything = bare.connection().exec_driver_sql(f"SELECT count(*) FROM {model.__tablename__}").scalar_one()  # noqa: S608
    rows = bare.scalars(select(model)).all()

    assert {row.program_id for row in rows} == {bare.program}
    assert len(rows) < everything
    assert full.world.program_id != bare.program


_OTHER = aliased(Member)
QUERIES: dict[str, Callable[[], Select[Any]]] = {
    "rows": lambda: select(Member.program_id),
    "count": lambda: select(func.count()).select_from(Member),
    "count of an id": lambda: select(func.count(Member.id)),
    "alias": lambda: select(_OTHER.program_id),
    "subquery": lambda: select(select(Member.program_id).subquery().c.program_id),
    "cte": lambda: select(select(Member.program_id).cte().c.program_id),
    "union": lambda: select(union_all(select(Member.program_id), select(_OTHER.program_id)).subquery().c.program_id),
    "scalar subquery": lambda: select(select(func.count(Member.id)).scalar_subquery()),
    "in": lambda: select(Account.program_id).where(Account.member_id.in_(select(Member.id))),
    "exists": lambda: select(Account.program_id).where(exists().where(Member.id == Account.member_id)),
    "join": lambda: select(Member.program_id).join(Account, Account.member_id == Member.id),
    "outer join": lambda: select(Member.program_id).outerjoin(Voucher, Voucher.member_id == Member.id),
    "cross join": lambda: (
        select(Entry.program_id, Voucher.program_id).select_from(Entry).join(Voucher, Voucher.id != Entry.id)
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_however_it_is_asked_the_answer_is_the_programmes_own(bare: Session, mine: Full, name: str) -> None:
    found = {value for row in bare.execute(QUERIES[name]()) for value in row}

    assert found <= {mine.world.program_id, 1}
    assert found


def test_a_foreign_row_is_not_got_by_its_key(bare: Session, full: Full, mine: Full) -> None:
    assert bare.get(Member, full.ids["member"]) is None
    assert bare.get(Member, mine.ids["member"]) is not None


def test_an_update_without_a_where_stays_at_home(bare: Session, full: Full, mine: Full) -> None:
    changed = bare.scalars(
        update(Member).values(locale="xx").returning(Member.program_id),
        execution_options={"synchronize_session": False},
    ).all()
    bare.rollback()

    assert set(changed) == {mine.world.program_id}
    assert full.ids["member"] != mine.ids["member"]


def test_a_row_stamped_for_another_programme_is_refused(full: Full, database: Database, mine: Full) -> None:
    with database.transaction(full.world.program_id) as session:
        foreign = session.scalars(select(Member)).one()
    with database.transaction(mine.world.program_id) as session, pytest.raises(RuntimeError):
        session.add(foreign)


# Over HTTP: each operation, with an id that belongs to somebody else.

_PLACE = re.compile(r"<(?:(?P<converter>\w+)(?:\((?P<kind>\w+)\))?:)?(?P<name>\w+)>")
_ID = re.compile(r"^(?P<prefix>[a-z]{3})_[0-9a-f]{32}$")
_KINDS = {prefix: kind for kind, prefix in ids.PREFIXES.items()}
NO_ONES = {"/join/<slug>"}
"""Public by nature."""


class Caller:
    """Somebody of one programme, who calls operations with ids of one."""

    def __init__(self, client: FlaskClient, who: Full, document: dict[str, Any]) -> None:
        self._client = client
        self._who = who
        self._document = document

    def headers(self, declared: Operation) -> dict[str, str]:
        """Return the headers of the strongest caller that the operation admits."""
        key = {"Idempotency-Key": ids.new_id().hex}
        if "customer" in declared.scopes:
            return self._who.person.headers | key
        role = next(one for one in ("owner", "marketer", "cashier", "till") if one in declared.scopes)
        return self._who.world.as_(role) | key

    def call(self, declared: Operation, path_of: Full, body: Any) -> Any:
        """Call an operation, its path's ids those of `path_of`."""
        path = _PLACE.sub(lambda found: self._value(found, path_of), declared.path)
        more: dict[str, Any] = {} if body is None else {"json": body}
        if isinstance(body, str):
            more = {"data": body, "content_type": "text/csv"}
        return self._client.open(f"/v1{path}", method=declared.method, headers=self.headers(declared), **more)

    def example(self, declared: Operation) -> Any:
        """Return the documented example of the operation's body, its ids those of the caller's programme."""
        path = "/v1" + _PLACE.sub(lambda found: "{" + found["name"] + "}", declared.path)
        content = self._document["paths"][path][declared.method.lower()].get("requestBody", {}).get("content", {})
        if "text/csv" in content:
            return str(content["text/csv"].get("example") or "external_id\nnobody\n")
        return self._own(content["application/json"].get("example", {})) if declared.body is not None else None

    def _own(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._own(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._own(inner) for inner in value]
        if isinstance(value, str) and (found := _ID.match(value)) and _KINDS[found["prefix"]] in self._who.ids:
            return self._who.shown(_KINDS[found["prefix"]])
        if value == "A1" + "0" * 17:
            return self._who.member_code
        return value

    def _value(self, found: re.Match[str], path_of: Full) -> str:
        return path_of.voucher_code if found["name"] == "code" else path_of.shown(found["kind"] or "")


def test_no_operation_finds_what_is_anothers_by_its_path(app_client: FlaskClient, full: Full, mine: Full) -> None:
    document = app_client.get("/openapi.json").json
    caller, owner = Caller(app_client, mine, document), Caller(app_client, full, document)
    operations = [one for one in _operations(app_client) if "<" in one.path and one.path not in NO_ONES]
    told = {
        f"{one.method} {one.path}": (
            caller.call(one, full, caller.example(one)).status_code,
            owner.call(one, full, owner.example(one)).status_code,
        )
        for one in operations
    }

    assert len(told) > 40
    assert {name: status for name, (status, _) in told.items() if status != 404} == {}
    # The same request of who may make it is understood: the refusal above is for the id alone.
    assert {name: status for name, (_, status) in told.items() if status == 404 or status >= 500} == {}


def test_no_operation_takes_what_is_anothers_in_its_body(app_client: FlaskClient, full: Full, mine: Full) -> None:
    document = app_client.get("/openapi.json").json
    caller = Caller(app_client, mine, document)
    told: dict[str, int] = {}
    for one in _operations(app_client):
        body = caller.example(one)
        for kind, own in mine.ids.items():
            text = json.dumps(body)
            if body is None or ids.show(kind, own) not in text:
                continue
            foreign = json.loads(text.replace(ids.show(kind, own), full.shown(kind)))
            answer = caller.call(one, mine, foreign)
            # Of a batch, each scan is answered for itself.
            batched = one.path == "/scans/batch" and answer.status_code == 200
            status = answer.json["data"][0]["status"] if batched else answer.status_code
            told[f"{one.method} {one.path} {kind}"] = status

    assert len(told) > 8
    assert {name: status for name, status in told.items() if status not in {404, 422}} == {}


def test_no_list_shows_what_is_anothers(app_client: FlaskClient, full: Full, mine: Full) -> None:
    document = app_client.get("/openapi.json").json
    caller = Caller(app_client, mine, document)
    theirs = {ids.show(kind, value).encode() for kind, value in full.ids.items()}
    lists = [one for one in _operations(app_client) if one.method == "GET"]

    leaks = [one.path for one in lists if any(text in caller.call(one, mine, None).get_data() for text in theirs)]

    assert len(lists) > 30
    assert leaks == []


def _operations(client: FlaskClient) -> list[Operation]:
    """Return the operations that somebody is admitted to, those first that leave the others something to find."""
    order = {"GET": 0, "PUT": 1, "PATCH": 1, "POST": 2, "DELETE": 3}
    found = [one for one in declared_operations(client.application).values() if one.scopes != {"public"}]
    return sorted(found, key=lambda one: (order[one.method], -len(one.path), one.path))


def _key(table: str) -> str:
    return "id" if table == "program" else "program_id"


def _raw(engine: Engine, told: dict[str, str], statement: str) -> Any:
    """Run a statement as a role, told for whom, and roll it back; return how many rows it met, or what stopped it."""
    with engine.connect() as connection:
        for name, value in told.items():
            connection.exec_driver_sql("SELECT set_config(%s, %s, true)", (f"assidu.{name}", value))
        try:
            return connection.exec_driver_sql(statement).rowcount
        except DBAPIError as error:
            return error.orig


@pytest.fixture(scope="module")
def app_client(application: Flask) -> FlaskClient:
    return application.test_client()


@pytest.fixture(scope="module")
def full(database: Database, app_client: FlaskClient) -> Full:
    """The others, whose rows nobody else may see."""
    return make_full(make_world(database), app_client)


@pytest.fixture(scope="module")
def mine(database: Database, app_client: FlaskClient) -> Full:
    """The programme that looks."""
    return make_full(make_world(database), app_client)
