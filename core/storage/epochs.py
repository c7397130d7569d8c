"""Epochs in SQL: counters that tell a cache which of its decisions are out of date.

A decision depends on three scopes: the rules, the platform pool and its own account. A sub-account's decisions depend
on its own scope alone, because every change of an account counts for its sub-accounts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Select, bindparam, literal, or_, select

from core.encoding import storable
from core.storage.scopes import account_scope
from core.storage.statements import CHUNK, INSERT, Among, OneOrSeveral, PerDialect, chunks
from core.storage.tables import ACCOUNTS, EPOCHS


class EpochSink(Protocol):
    """Where new epochs are told after a commit; in production, Redis."""

    def publish(self, values: Mapping[str, int]) -> object:
        """Tell the new values. Two writers may publish out of order, so a lower value must never replace a higher.

        Raises EpochPublishError, and nothing else, when they could not be told.
        """


class NoSink:
    """Tells nobody: for programs without a cache."""

    def publish(self, values: Mapping[str, int]) -> None:
        """Does nothing."""


def _epochs() -> Select[*tuple[Any, ...]]:
    return select(EPOCHS.c.scope, EPOCHS.c.value)


def _raised(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=[EPOCHS.c.scope],
        set_={"value": EPOCHS.c.value + 1, "changed_at": insert.excluded.changed_at},
    ).returning(EPOCHS.c.scope, EPOCHS.c.value)


def _families(insert: Any, among: Among) -> Any:
    own, below = among(ACCOUNTS.c.user_id, "refs"), among(ACCOUNTS.c.parent_ref, "refs")
    scope = (literal(account_scope("")) + ACCOUNTS.c.account_id).label("scope")
    new = select(scope, literal(1), bindparam("now", type_=EPOCHS.c.changed_at.type)).where(or_(own, below))
    return _raised(insert.from_select([EPOCHS.c.scope, EPOCHS.c.value, EPOCHS.c.changed_at], new.order_by(scope)))


_INCREMENT = PerDialect(lambda dialect: _raised(INSERT[dialect](EPOCHS)))
_CURRENT = OneOrSeveral(lambda _, among: _epochs().where(among(EPOCHS.c.scope, "scopes")))
_FAMILIES = OneOrSeveral(lambda dialect, among: _families(INSERT[dialect](EPOCHS), among))


def increment_families(connection: Connection, account_refs: Iterable[int], now: datetime) -> dict[str, int]:
    """New values of the scopes of the accounts and of all their sub-accounts, as `increment` makes them.

    In one statement on PostgreSQL, however many they are, for only within a statement are they in order.
    """
    refs = sorted(set(account_refs))
    size = CHUNK if connection.dialect.name == "sqlite" else max(1, len(refs))
    values: dict[str, int] = {}
    for part in chunks(refs, size):
        rows = _FAMILIES.execute(connection, "refs", part, now=now)
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
        rows = _CURRENT.execute(connection, "scopes", part)
        values.update((row.scope, row.value) for row in rows)
    return values


def read_epochs_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """The epochs that changed at or after `moment`."""
    rows = connection.execute(_epochs().where(EPOCHS.c.changed_at >= moment))
    return {row.scope: row.value for row in rows}
