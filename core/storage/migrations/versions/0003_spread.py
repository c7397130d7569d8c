"""Lets recipients be spread over equal senders, by account and by default sender."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the two switches; off for all that is there."""
    op.add_column("accounts", sa.Column("spread", sa.Boolean()))
    op.add_column("default_senders", sa.Column("spread", sa.Boolean(), nullable=False, server_default=sa.false()))
