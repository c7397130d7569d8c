"""Lets a local correction of a rule say who may send links, shortened links and telephone numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; the corrections that stand say nothing of it."""
    for name in ("url_allowed", "shortener_allowed", "phone_allowed"):
        op.add_column("rule_overrides", sa.Column(name, sa.String(16)))
