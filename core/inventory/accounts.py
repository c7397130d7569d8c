"""Accounts of an inventory file, written a thousand at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from core.accounts.api_keys import KeyHash, key_values
from core.inventory.lines import AccountLine, Kind
from core.inventory.result import ImportResult
from core.storage.database import Write
from core.storage.statements import any_of
from core.storage.tables import ACCOUNTS, API_KEYS

#: Columns that decisions depend on; a new name changes none.
_TELLING = ("parent_ref", "may_borrow", "status")

_AccountRows = dict[str, Row[*tuple[Any, ...]]]


def write_accounts(write: Write, lines: Sequence[AccountLine], result: ImportResult, now: datetime) -> None:
    """Inserts and updates accounts, and adds the API keys that are new."""
    known = _read(write.connection, {line.account_id for line in lines})
    parents = _Parents(write.connection, lines, known)
    created, updated = [], []
    for line in lines:
        if words := parents.problem(line):
            result.refuse(line, "parent", words)
            continue
        row, values = known.get(line.account_id), _values(line, parents.ref(line))
        if row is None:
            created.append(values | {"created_at": now})
        elif changes := _changes(line, row, values):
            updated.append({"row_id": row.user_id} | _columns(row) | changes)
            if changes.keys() & set(_TELLING):
                write.touch_account(row.user_id)
    refs = {account_id: row.user_id for account_id, row in known.items()} | _insert(write, created)
    _update(write.connection, updated)
    rekeyed = _write_keys(write.connection, [line for line in lines if line.account_id in refs], refs, now)
    _count(result, lines, created, {row["account_id"] for row in updated} | rekeyed)


class _Parents:
    """The accounts that lines name as parents."""

    def __init__(self, connection: Connection, lines: Sequence[AccountLine], known: _AccountRows) -> None:
        named = {line.parent for line in lines if line.parent is not None}
        self._rows = _read(connection, named) if named else {}
        self._becoming = {line.account_id for line in lines if line.parent is not None}
        moved = [known[each].user_id for each in self._becoming if each in known and known[each].parent_ref is None]
        query = select(ACCOUNTS.c.parent_ref).where(any_of(connection, ACCOUNTS.c.parent_ref, moved)).distinct()
        refs = set(connection.scalars(query)) if moved else set()
        self._with_children = {account_id for account_id, row in known.items() if row.user_id in refs}

    def ref(self, line: AccountLine) -> int | None:
        return None if line.parent is None else int(self._rows[line.parent].user_id)

    def problem(self, line: AccountLine) -> str | None:
        if line.parent is None:
            return None
        row = self._rows.get(line.parent)
        if line.parent == line.account_id:
            return "is the account itself"
        if row is None:
            return f"there is no account {line.parent!r}"
        if row.parent_ref is not None or line.parent in self._becoming:
            return f"account {line.parent!r} is a sub-account itself"
        if line.account_id in self._with_children:
            return f"account {line.account_id!r} has sub-accounts of its own"
        return None


def _read(connection: Connection, account_ids: set[str]) -> _AccountRows:
    query = select(*ACCOUNTS.c).where(any_of(connection, ACCOUNTS.c.account_id, account_ids))
    return {row.account_id: row for row in connection.execute(query)}


def _values(line: AccountLine, parent_ref: int | None) -> dict[str, Any]:
    return {
        "account_id": line.account_id,
        "name": line.name,
        "parent_ref": parent_ref,
        "may_borrow": line.may_borrow,
        "status": line.status.value,
    }


def _changes(line: AccountLine, row: Row[*tuple[Any, ...]], values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"name": "name", "parent": "parent_ref", "may_borrow": "may_borrow", "status": "status"}
    columns = [column for name, column in fields.items() if name in line.given]
    return {column: values[column] for column in columns if values[column] != getattr(row, column)}


def _columns(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    names = ("account_id", "name", "parent_ref", "may_borrow", "status")
    return {name: getattr(row, name) for name in names}


def _insert(write: Write, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    if not rows:
        return {}
    write.connection.execute(insert(ACCOUNTS), rows)
    added = _read(write.connection, {row["account_id"] for row in rows})
    refs = {account_id: row.user_id for account_id, row in added.items()}
    for ref in refs.values():
        write.touch_account(ref)
    return refs


def _update(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.user_id == bindparam("row_id")), rows)


def _write_keys(
    connection: Connection, lines: Sequence[AccountLine], refs: Mapping[str, int], now: datetime
) -> set[str]:
    """Adds the keys that no account has had before, revoked ones included; the accounts that got one."""
    keyed = {refs[line.account_id]: line for line in lines if line.api_key is not None}
    if not keyed:
        return set()
    hashes: defaultdict[int, list[KeyHash]] = defaultdict(list)
    columns = (API_KEYS.c.account_ref, API_KEYS.c.prefix, API_KEYS.c.salt, API_KEYS.c.digest)
    for row in connection.execute(select(*columns).where(any_of(connection, API_KEYS.c.account_ref, keyed))):
        hashes[row.account_ref].append(KeyHash(row.prefix, row.salt, row.digest))
    fresh = {
        ref: line for ref, line in keyed.items() if line.api_key and not any(h.fits(line.api_key) for h in hashes[ref])
    }
    if fresh:
        rows = [key_values(ref, line.api_key, now) for ref, line in fresh.items() if line.api_key]
        connection.execute(insert(API_KEYS), rows)
    return {line.account_id for line in fresh.values()}


def _count(
    result: ImportResult, lines: Sequence[AccountLine], created: Sequence[dict[str, Any]], updated: set[str]
) -> None:
    new = {row["account_id"] for row in created}
    result.count(Kind.ACCOUNT, created=len(new), updated=len(updated - new), total=len(lines))
