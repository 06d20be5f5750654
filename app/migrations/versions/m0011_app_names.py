"""A door to the name that a member gave in the app, for previews of what is sent in it."""

from app.migrations.steps import run_sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0011_app_names")


def downgrade() -> None:
    run_sql("0011_down")
