"""Epochs in SQL: counters that tell a cache which of its decisions are out of date.

A decision depends on three scopes: the rules, the platform pool and its own account. A sub-account's decisions depend
on its own scope alone, because every change of an account counts for its sub-accounts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, literal, or_, select

from core.errors import SmartAssignError
from core.scopes import account_scope
from core.statements import AMONG, CHUNK, INSERT, Among, chunks, equals, storable
from core.tables import AccountRow, EpochRow


class EpochPublishError(SmartAssignError):
    """The epochs could not be published; the write itself is safe, and the comparison with SQL repairs the rest."""


class EpochSink(Protocol):
    """Where new epochs are told after a commit; in production, Redis."""

    def publish(self, values: Mapping[str, int]) -> None:
        """Tell the new values. Two writers may publish out of order, so a lower value must never replace a higher.

        Raises EpochPublishError, and nothing else, when they could not be told.
        """


class NoSink:
    """Tells nobody: for programs without a cache."""

    def publish(self, values: Mapping[str, int]) -> None:
        """Does nothing."""


def _raised(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=[EpochRow.scope],
        set_={"value": EpochRow.value + 1, "changed_at": insert.excluded.changed_at},
    ).returning(EpochRow.scope, EpochRow.value)


def _families(insert: Any, among: Among) -> Any:
    own, below = among(AccountRow.user_id, "refs"), among(AccountRow.parent_ref, "refs")
    scope = (literal(account_scope("")) + AccountRow.account_id).label("scope")
    new = select(scope, literal(1), bindparam("now", type_=EpochRow.changed_at.type)).where(or_(own, below))
    return _raised(insert.from_select([EpochRow.scope, EpochRow.value, EpochRow.changed_at], new.order_by(scope)))


# Built once for each database: every write asks them, and to build a statement takes longer than to run it.
_INCREMENT = {dialect: _raised(insert(EpochRow)) for dialect, insert in INSERT.items()}
_EPOCHS = select(EpochRow.scope, EpochRow.value)
_CURRENT = {dialect: _EPOCHS.where(among(EpochRow.scope, "scopes")) for dialect, among in AMONG.items()}
_CURRENT_OF_ONE = _EPOCHS.where(equals(EpochRow.scope, "scopes"))
_FAMILIES = {dialect: _families(INSERT[dialect](EpochRow), among) for dialect, among in AMONG.items()}
_FAMILY_OF_ONE = {dialect: _families(insert(EpochRow), equals) for dialect, insert in INSERT.items()}


def increment_families(connection: Connection, account_refs: Iterable[int], now: datetime) -> dict[str, int]:
    """New values of the scopes of the accounts and of all their sub-accounts, as `increment` makes them.

    In one statement on PostgreSQL, however many they are, for only within a statement are they in order.
    """
    refs, dialect = sorted(set(account_refs)), connection.dialect.name
    if len(refs) == 1:
        rows = connection.execute(_FAMILY_OF_ONE[dialect], {"refs": refs[0], "now": now})
        return {row.scope: row.value for row in rows}
    size = CHUNK if dialect == "sqlite" else max(1, len(refs))
    values: dict[str, int] = {}
    for part in chunks(refs, size):
        rows = connection.execute(_FAMILIES[dialect], {"refs": list(part), "now": now})
        values.update((row.scope, row.value) for row in rows)
    return values


def increment(connection: Connection, scopes: Iterable[str], now: datetime) -> dict[str, int]:
    """New values of the scopes, one higher than before; in sorted order, so that two writers cannot deadlock."""
    values: dict[str, int] = {}
    statement = _INCREMENT[connection.dialect.name]
    for part in chunks(sorted(set(scopes)), CHUNK):
        rows = connection.execute(statement, [{"scope": scope, "value": 1, "changed_at": now} for scope in part])
        values.update((row.scope, row.value) for row in rows)
    return values


def read_epochs(connection: Connection, scopes: Iterable[str]) -> dict[str, int]:
    """The value of every scope asked for; 0 where nothing was ever written."""
    values = dict.fromkeys(scopes, 0)
    for part in chunks(list(filter(storable, values)), CHUNK):
        if len(part) == 1:
            rows = connection.execute(_CURRENT_OF_ONE, {"scopes": part[0]})
        else:
            rows = connection.execute(_CURRENT[connection.dialect.name], {"scopes": list(part)})
        values.update((row.scope, row.value) for row in rows)
    return values


def read_epochs_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """The epochs that changed at or after `moment`."""
    rows = connection.execute(_EPOCHS.where(EpochRow.changed_at >= moment))
    return {row.scope: row.value for row in rows}
