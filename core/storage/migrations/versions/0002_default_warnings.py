"""Remembers which defaults at risk were told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates `default_warnings`."""
    op.create_table(
        "default_warnings",
        sa.Column("default_ref", sa.Uuid(), nullable=False),
        sa.Column("sender", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("at_risk_from", MOMENT),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["default_ref"],
            ["default_senders.id"],
            name=op.f("fk_default_warnings_default_ref"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("default_ref", "sender", "reason", name=op.f("pk_default_warnings")),
    )
