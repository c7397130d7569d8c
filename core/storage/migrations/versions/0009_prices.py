"""Keeps a price list: what a segment costs, by country and sender type."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table, empty: a preview then says nothing of cost."""
    op.create_table(
        "prices",
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("sender_type", sa.String(16), nullable=False),
        sa.Column("amount", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("country", "sender_type", name=op.f("pk_prices")),
    )
