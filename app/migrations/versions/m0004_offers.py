"""Segments, campaigns, webhooks, and credentials of push projects."""

from app.migrations.steps import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0004_offers")


def downgrade() -> None:
    run_sql("0004_down")
