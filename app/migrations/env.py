"""Alembic's environment: it runs on the connection it is given, one transaction a migration."""

from alembic import context

from app.models import Base


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    # Partitions and Procrastinate's tables are not models.
    if kind != "table" or name is None:
        return True
    return name in Base.metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_name=_is_ours,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
