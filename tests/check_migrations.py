"""Check that the models and the migrated schema agree, and that the schema goes down and up again."""

import tempfile
from pathlib import Path

from app import crypto, migrations
from app.config import Settings
from app.db import Database
from app.embedded import EmbeddedServer


def main() -> None:
    """Migrate an empty database up, compare, down, and up again."""
    with tempfile.TemporaryDirectory(prefix="assidu-check-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = EmbeddedServer(home, options=("-c", "fsync=off"))
        server.start()
        try:
            database = Database(Settings(home=home, secret_key=crypto.new_secret_key()))
            migrations.migrate(database)
            migrations.check(database)
            migrations.downgrade(database)
            migrations.migrate(database)
            migrations.check(database)
            database.dispose()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
