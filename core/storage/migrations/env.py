"""Runs the migrations on the connection that core.storage.upgrade hands over; the transaction is the caller's."""

from __future__ import annotations

from alembic import context

from core.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
