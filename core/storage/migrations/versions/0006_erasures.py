"""Keeps an account of what was erased, and drops the content of parked documents that were dropped before.

A worker of the version before leaves the content of what it drops; the next `parked.prune` deletes such rows in time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table; what was given up has no text and no number any more."""
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.String(64), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_by", sa.String(200), nullable=False),
        sa.Column("account_id", sa.Text()),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("erasure_id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_account_id_erased_at"), "erasures", ["account_id", "erased_at"])
    op.create_index(op.f("ix_erasures_erased_at"), "erasures", ["erased_at"])
    parked = sa.table("parked", sa.column("state", sa.String), sa.column("document", sa.LargeBinary))
    op.execute(parked.update().where(parked.c.state == "dropped").values(document=b""))
