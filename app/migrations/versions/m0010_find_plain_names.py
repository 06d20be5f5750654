"""The plain names of members who were there before, and the indexes that find them."""

from app.migrations.steps import run_apart, run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_apart("0010_find_plain_names")


def downgrade() -> None:
    run_sql("0010_down")
