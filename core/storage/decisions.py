"""Decisions as they were explained when they were made."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, bindparam, delete, func, select, update

from core.encoding import storable
from core.moments import midnight_of
from core.storage.database import Database
from core.storage.statements import CHUNK, INSERT, PerDialect, chunks, write_returning
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


def _made_since(_: str) -> Executable:
    """How many decisions of each of some accounts were made since a moment."""
    of_accounts = DECISIONS.c.account_id.in_(bindparam("accounts", expanding=True))
    made = select(DECISIONS.c.account_id, func.count()).where(of_accounts, DECISIONS.c.made_at >= bindparam("since"))
    return made.group_by(DECISIONS.c.account_id)


def _making_again(_: str) -> Executable:
    """Those of some decisions that are known count as made now."""
    known = DECISIONS.c.decision_id.in_(bindparam("ids", expanding=True))
    return update(DECISIONS).where(known).values(made_at=bindparam("now")).returning(DECISIONS.c.decision_id)


_MADE_SINCE = PerDialect(_made_since)
_MAKE_AGAIN = PerDialect(_making_again)

_read_owner = msgspec.json.Decoder(_Owner).decode


class DecisionStore(Database):
    """Keeps decisions and finds them again."""

    def save_decisions(self, decisions: Mapping[str, bytes], now: datetime) -> None:
        """Keeps JSON documents by decision id, one statement for every 500.

        Those known keep their document and count as made now, so that one in use is never forgotten as old.
        """
        rows = [_row(decision_id, decisions[decision_id], now) for decision_id in sorted(decisions)]
        with self.single() as connection:
            _save(connection, rows)

    def save_some_decisions(self, decisions: Mapping[str, bytes], now: datetime, most: int) -> set[str]:
        """The same, as far as of an account fewer than `most` were made on the day of `now` (UTC); gives the ids left out.

        Those known are kept. Several processes at once may keep a few more.
        """
        rows = [_row(decision_id, decisions[decision_id], now) for decision_id in sorted(decisions)]
        fitting: list[dict[str, Any]] = []
        beyond: list[dict[str, Any]] = []
        with self.single() as connection:
            room = _room(connection, {row["account_id"] for row in rows}, now, most)
            for row in rows:
                (fitting if room[row["account_id"]] > 0 else beyond).append(row)
                room[row["account_id"]] -= 1
            _save(connection, fitting)
            left_out = {row["decision_id"] for row in beyond}
            for part in chunks(sorted(left_out), CHUNK):
                again = connection.scalars(_MAKE_AGAIN[connection.dialect.name], {"ids": part, "now": now})
                left_out.difference_update(again)
        return left_out

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


def _save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    for part in chunks(rows, CHUNK):
        write_returning(connection, _SAVE[connection.dialect.name], part)


def _room(connection: Connection, accounts: Collection[str | None], now: datetime, most: int) -> dict[str | None, int]:
    """How many decisions more may be kept of each account today."""
    room = dict.fromkeys(accounts, most)
    statement, since = _MADE_SINCE[connection.dialect.name], midnight_of(now)
    for part in chunks(accounts, CHUNK):
        made = connection.execute(statement, {"accounts": part, "since": since})
        room |= {account: most - count for account, count in made}
    return room


def no_decision(decision_id: str) -> str:
    """The sentence for an id under which nothing is kept."""
    return (
        f"there is no decision {decision_id!r}: those that messages met are kept, until they are old; "
        "an explanation that was asked for is not"
    )


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
