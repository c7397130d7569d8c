"""To which countries an account sends, and who changed that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables; without a row every account sends to every country, as before."""
    op.create_table(
        "destinations",
        sa.Column("account_ref", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["account_ref"], ["accounts.user_id"], name=op.f("fk_destinations_account_ref")),
        sa.PrimaryKeyConstraint("account_ref", "country", name=op.f("pk_destinations")),
    )
    op.create_table(
        "destination_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("account_ref", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(200), nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16)),
        sa.ForeignKeyConstraint(["account_ref"], ["accounts.user_id"], name=op.f("fk_destination_history_account_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_history")),
    )
    columns = ["account_ref", "changed_at"]
    op.create_index(op.f("ix_destination_history_account_ref_changed_at"), "destination_history", columns)
