"""What is to become of default senders, written a thousand at a time with their history and epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Connection,
    Update,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    update,
)

from core.defaults.rows import DefaultKey, StoredDefault
from core.defaults.strategies import Strategy
from core.engine.decision import DefaultStatus
from core.storage.database import Database, Write
from core.storage.statements import AMONG, CHUNK, INSERT, PerDialect, chunks
from core.storage.tables import DEFAULT_HISTORY, DEFAULT_SENDERS, STRATEGIES


@dataclass(frozen=True, slots=True)
class DefaultChange:
    """A default as it shall be; `before` is None where it is new. One without strategies is removed."""

    key: DefaultKey
    before: StoredDefault | None
    strategies: tuple[Strategy, ...]

    @property
    def default_id(self) -> UUID | None:
        """None: it is new, and has none yet."""
        return None if self.before is None else self.before.default_id

    @property
    def shorter(self) -> bool:
        """Whether some of its strategies go while it stays."""
        return self.before is not None and 0 < len(self.strategies) < len(self.before.strategies)

    @property
    def idle(self) -> bool:
        """Whether it is so already."""
        return self.before is not None and (self.before.strategies, self.before.status) == (
            self.strategies,
            DefaultStatus.ENABLED,
        )


def _put_strategies(dialect: str) -> Any:
    """In the place of those that were there; what is beyond is deleted for itself."""
    put = INSERT[dialect](STRATEGIES)
    names = ("sender_type", "sender_id", "sender_country_code", "note", "status")
    keys = ("default_ref", "position")
    return put.on_conflict_do_update(index_elements=keys, set_={name: put.excluded[name] for name in names})


def _refresh(dialect: str) -> Update:
    chosen = update(DEFAULT_SENDERS).where(AMONG[dialect](DEFAULT_SENDERS.c.id, "kept"))
    return chosen.values(updated_timestamp=bindparam("now"), origin=bindparam("by"), status=DefaultStatus.ENABLED)


_REFRESH = PerDialect(_refresh)
_REMOVE = PerDialect(lambda dialect: delete(DEFAULT_SENDERS).where(AMONG[dialect](DEFAULT_SENDERS.c.id, "gone")))
_CREATE, _REMEMBER = insert(DEFAULT_SENDERS), insert(DEFAULT_HISTORY)
_PUT_STRATEGIES = PerDialect(_put_strategies)


def write_changes(
    write: Write, changes: Iterable[DefaultChange], *, origin: str, by: str, now: datetime
) -> dict[DefaultKey, UUID]:
    """Writes the changes that are not idle, with history, and raises the epochs of their accounts.

    Returns the ids of what was written, by key.
    """
    written: dict[DefaultKey, UUID] = {}
    for part in chunks((change for change in changes if not change.idle), CHUNK):
        created = [change for change in part if change.before is None]
        ids = {change.key: change.default_id or uuid4() for change in part}
        written |= ids
        _update(write.connection, part, origin, now)
        if created:
            rows = [_created(change, ids[change.key], origin, now) for change in created]
            write.connection.execute(_CREATE, rows)
        if rows := [row for change in part for row in _strategy_rows(ids[change.key], change.strategies)]:
            write.connection.execute(_PUT_STRATEGIES[write.connection.dialect.name], rows)
        write.connection.execute(_REMEMBER, [_history(change, by, now) for change in part])
        for change in part:
            write.touch_account(change.key[0])
    return written


def _update(connection: Connection, changes: Sequence[DefaultChange], origin: str, now: datetime) -> None:
    kept = [change.default_id for change in changes if change.before is not None and change.strategies]
    gone = [change.default_id for change in changes if not change.strategies]
    if kept:
        connection.execute(_REFRESH[connection.dialect.name], {"kept": kept, "now": now, "by": origin})
    if gone:
        connection.execute(_REMOVE[connection.dialect.name], {"gone": gone})
    beyond = [
        and_(STRATEGIES.c.default_ref == change.default_id, STRATEGIES.c.position >= len(change.strategies))
        for change in changes
        if change.shorter
    ]
    if beyond:
        connection.execute(delete(STRATEGIES).where(or_(*beyond)))


def _created(change: DefaultChange, default_id: UUID, origin: str, now: datetime) -> dict[str, Any]:
    account_ref, country, product = change.key
    return {
        "id": default_id,
        "account_ref": account_ref,
        "country": country,
        "product": product.value,
        "status": DefaultStatus.ENABLED,
        "origin": origin,
        "created_timestamp": now,
        "updated_timestamp": now,
    }


def _strategy_rows(default_id: UUID, strategies: Sequence[Strategy]) -> Iterable[dict[str, Any]]:
    for position, strategy in enumerate(strategies):
        yield asdict(strategy) | {
            "default_ref": default_id,
            "position": position,
            "sender_id": strategy.sender_id or None,
            "sender_type": strategy.sender_type.value,
        }


def _history(change: DefaultChange, by: str, now: datetime) -> dict[str, Any]:
    account_ref, country, product = change.key
    return {
        "account_ref": account_ref,
        "country": country,
        "product": product.value,
        "changed_at": now,
        "changed_by": by,
        "before": None if change.before is None else _document(change.before.strategies),
        "after": _document(change.strategies) if change.strategies else None,
    }


def _document(strategies: Sequence[Strategy]) -> dict[str, Any]:
    return {"strategies": [asdict(strategy) for strategy in strategies]}


def forget_history(store: Database, changed_before: datetime) -> int:
    """Deletes what is known of changes of defaults before a moment; how many changes there were."""
    with store.single() as connection:
        return connection.execute(delete(DEFAULT_HISTORY).where(DEFAULT_HISTORY.c.changed_at < changed_before)).rowcount
