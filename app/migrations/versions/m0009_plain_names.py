"""Members have their names as they are typed by who looks for them, without accents."""

from app.migrations.steps import run_sql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0009_plain_names")


def downgrade() -> None:
    run_sql("0009_down")
