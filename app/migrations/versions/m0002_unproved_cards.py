"""Cards say whether they were made at a poster under a contact that nobody had proved."""

from app.migrations.steps import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0002_unproved_cards")


def downgrade() -> None:
    run_sql("0002_down")
