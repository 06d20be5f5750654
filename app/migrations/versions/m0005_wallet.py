"""Passes in the wallets of phones: credentials, passes, devices, what is due to them."""

from app.migrations.steps import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0005_wallet")


def downgrade() -> None:
    run_sql("0005_down")
