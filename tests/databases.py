"""A process's database: a copy of one that is migrated once, copied anew where a test is to be alone."""

from dataclasses import replace

import psycopg

from app import migrations
from app.config import Settings
from app.db import Database
from app.embedded import EmbeddedServer


class Original:
    """A migrated database that no test touches; `settings` are those of its copy, which tests use."""

    def __init__(self, server: EmbeddedServer, settings: Settings, name: str) -> None:
        self._server = server
        self._name = f"{name}_original"
        self._copy = name
        with self._connected() as connection:
            connection.execute(f'CREATE DATABASE "{self._name}"')
        migrated = Database(replace(settings, database_url=server.url_of(self._name)))
        migrations.migrate(migrated)
        migrated.dispose()

    def copy(self) -> None:
        """Make the tests' database as it was at first, whatever is connected to it."""
        with self._connected() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self._copy}" WITH (FORCE)')
            # As files in a twentieth of a second; through the log, which is the default, in twice that.
            connection.execute(f'CREATE DATABASE "{self._copy}" TEMPLATE "{self._name}" STRATEGY file_copy')

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(self._server.url_of("postgres"), autocommit=True)
