"""Doors that say whether a customer has a mailbox."""

from app.migrations.steps import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0006_reach")


def downgrade() -> None:
    run_sql("0006_down")
