"""Reports of large campaigns, counted and kept."""

from app.migrations.steps import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0008_reports")


def downgrade() -> None:
    run_sql("0008_down")
