"""What a customer's app opens with, in less work for the database."""

from app.migrations.steps import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0003_customers_cards")


def downgrade() -> None:
    run_sql("0003_down")
