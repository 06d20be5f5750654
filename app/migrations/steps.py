"""What migrations are made of: SQL files with our roles' names filled in, under lock and statement time limits."""

from importlib import resources
from typing import Any

from alembic import context, op
from procrastinate.schema import SchemaManager

_LIMITS = "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '15min'"


def run_sql(name: str) -> None:
    """Run `sql/<name>.sql`, whose `{web}`, `{worker}`, `{door}` and `{schema}` become this installation's.

    All of it and the revision's number are one transaction.
    """
    _run(_LIMITS)
    _run(_statements(name))


def run_apart(name: str) -> None:
    """Run `sql/<name>.sql` paragraph by paragraph, each outside any transaction and for as long as it takes.

    For indexes made `CONCURRENTLY`, and for data that is changed in batches with a `COMMIT` after each. What fails
    halfway is run again from its beginning, so each paragraph must be one statement that may be repeated.
    """
    with op.get_context().autocommit_block():
        for statement in _statements(name).split("\n\n"):
            _run(statement)


def _statements(name: str) -> str:
    names: dict[str, Any] = context.config.attributes["names"]
    statements = (resources.files("app.migrations") / "sql" / f"{name}.sql").read_text()
    for key, value in names.items():
        statements = statements.replace("{" + key + "}", value)
    return statements


def run_procrastinate_schema() -> None:
    """Install Procrastinate's own schema and let our roles use it."""
    names: dict[str, Any] = context.config.attributes["names"]
    _run(SchemaManager.get_schema())
    _run(
        f"""
        DO $$ DECLARE thing text; BEGIN
            FOR thing IN SELECT tablename FROM pg_tables
                WHERE schemaname = '{names["schema"]}' AND tablename LIKE 'procrastinate%'
            LOOP
                EXECUTE format(
                    'GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {names["web"]}, {names["worker"]}', thing);
            END LOOP;
        END $$;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA {names["schema"]} TO {names["web"]}, {names["worker"]};
        """
    )


def _run(statements: str) -> None:
    # Straight to the driver, without parameters: the simple protocol takes many statements at once.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(statements)
    cursor.close()
