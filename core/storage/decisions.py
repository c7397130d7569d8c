"""Decisions as they were explained when they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Executable, delete, select

from core.encoding import storable
from core.storage.database import Database
from core.storage.statements import CHUNK, INSERT, PerDialect, chunks
from core.storage.tables import DECISIONS


class _Owner(msgspec.Struct):
    """What a decision's document says about itself; the rest is skipped unread."""

    account_id: str | None = None
    subaccount_id: str | None = None
    country: str | None = None


def _saving(dialect: str) -> Executable:
    """RETURNING makes SQLAlchemy send many rows as one statement."""
    insert = INSERT[dialect](DECISIONS)
    saved = insert.on_conflict_do_update(
        index_elements=[DECISIONS.c.decision_id], set_={"made_at": insert.excluded.made_at}
    )
    return saved.returning(DECISIONS.c.decision_id)


_SAVE = PerDialect(_saving)

_read_owner = msgspec.json.Decoder(_Owner).decode


class DecisionStore(Database):
    """Keeps decisions and finds them again."""

    def save_decisions(self, decisions: Mapping[str, bytes], now: datetime) -> None:
        """Keeps JSON documents by decision id, one statement for every 500.

        Those known keep their document and count as made now, so that one in use is never forgotten as old.
        """
        rows = [_row(decision_id, decisions[decision_id], now) for decision_id in sorted(decisions)]
        with self.single() as connection:
            for part in chunks(rows, CHUNK):
                connection.execute(_SAVE[connection.dialect.name], part)

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        """The document of a decision, or None."""
        if not storable(decision_id):
            return None
        with self.single() as connection:
            text = connection.scalar(select(DECISIONS.c.document).where(DECISIONS.c.decision_id == decision_id))
        return None if text is None else dict(json.loads(text))

    def forget_decisions(self, made_before: datetime) -> int:
        """Deletes the decisions last made before a moment; how many there were."""
        with self.single() as connection:
            return connection.execute(delete(DECISIONS).where(DECISIONS.c.made_at < made_before)).rowcount


def _row(decision_id: str, document: bytes, now: datetime) -> dict[str, Any]:
    owner = _read_owner(document)
    return {
        "decision_id": decision_id,
        "account_id": owner.account_id,
        "subaccount_id": owner.subaccount_id,
        "country": owner.country,
        "document": document.decode(),
        "made_at": now,
    }
