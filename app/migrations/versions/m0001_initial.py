"""The first schema: tables, partitions, row-level security, doors, and Procrastinate's queue."""

from app.migrations.steps import run_procrastinate_schema, run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("0001_tables", "0001_partitions", "0001_security", "0001_doors", "0001_hot"):
        run_sql(name)
    run_procrastinate_schema()


def downgrade() -> None:
    run_sql("0001_down")
