"""Lets an account give recipients of calling code 1 the nearest of equal senders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the switch; off for all that is there."""
    op.add_column("accounts", sa.Column("area_codes", sa.Boolean()))
