"""Senders and registrations of an inventory file, written a thousand at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from core.accounts.sender_rows import identity_of, registration_values, sender_values
from core.accounts.senders import spelled_otherwise, spelling_error
from core.engine.country_rules import RuleBook
from core.inventory.documents import SenderDocument
from core.inventory.lines import Kind, RegistrationLine, SenderLine
from core.inventory.result import ImportResult
from core.storage.database import Write
from core.storage.statements import any_of, insert_into
from core.storage.tables import ACCOUNTS, REGISTRATIONS, SENDERS

#: Field of a line -> column, where the two are named differently.
_COLUMNS = {"sender_country_code": "country"}

#: What a line may change of a sender, and of a registration: all but what says which one it is.
_SENDER_FIELDS = tuple(
    name for name in SenderDocument.model_fields if name not in {"kind", "account_id", "sender_type"}
)
_REGISTRATION_FIELDS = ("status", "valid_from", "valid_until")

_Rows = Mapping[Any, Row[*tuple[Any, ...]]]


def account_refs(connection: Connection, account_ids: Iterable[str | None]) -> dict[str | None, int | None]:
    """The numbers of the accounts that exist; None, the platform pool, always does."""
    wanted = {account_id for account_id in account_ids if account_id is not None}
    here = any_of(connection, ACCOUNTS.c.account_id, wanted)
    query = select(ACCOUNTS.c.account_id, ACCOUNTS.c.user_id).where(here)
    return {None: None} | {row.account_id: row.user_id for row in connection.execute(query)}


def write_senders(write: Write, lines: Sequence[SenderLine], result: ImportResult) -> None:
    """Inserts and updates senders."""
    refs = account_refs(write.connection, (line.account_id for line in lines))
    rows = [
        (line, sender_values(line.sender, refs[line.account_id])) for line in lines if _has_owner(line, refs, result)
    ]
    known = _read_senders(write.connection, [values["identity"] for _, values in rows])
    created, updated = [], []
    for line, values in rows:
        row = known.get(values["identity"])
        if row is None:
            created.append(values)
        elif changes := _changes(line.given, _SENDER_FIELDS, row, values):
            updated.append({"row_id": row.id} | {name: getattr(row, name) for name in values} | changes)
    if created:
        write.connection.execute(insert(SENDERS), created)
    if updated:
        write.connection.execute(update(SENDERS).where(SENDERS.c.id == bindparam("row_id")), updated)
    _touch(write, (values["account_ref"] for values in (*created, *updated)))
    result.count(Kind.SENDER, created=len(created), updated=len(updated), total=len(rows))


def write_registrations(
    write: Write, lines: Sequence[RegistrationLine], result: ImportResult, rules: RuleBook, now: datetime
) -> None:
    """Inserts and updates registrations of senders that exist; `rules` say where the case of a name counts."""
    matched = _registered(write.connection, lines, result, rules, now)
    owners = {sender.id: sender.account_ref for _, sender in matched}
    rows = [(line, registration_values(line.registration, sender.id)) for line, sender in matched]
    known = _read_registrations(write.connection, [values for _, values in rows])
    created, updated = [], []
    for line, values in rows:
        row = known.get((values["sender_ref"], values["country"]))
        if row is None:
            created.append(values)
        elif changes := _changes(line.given, _REGISTRATION_FIELDS, row, values):
            updated.append({name: getattr(row, name) for name in values} | changes)
    _upsert_registrations(write.connection, created + updated)
    _touch(write, (owners[values["sender_ref"]] for values in (*created, *updated)))
    result.count(Kind.REGISTRATION, created=len(created), updated=len(updated), total=len(rows))


def _registered(
    connection: Connection, lines: Sequence[RegistrationLine], result: ImportResult, rules: RuleBook, now: datetime
) -> list[tuple[RegistrationLine, Row[*tuple[Any, ...]]]]:
    """The lines with the senders that they register; what is wrong with the others is noted."""
    refs = account_refs(connection, (line.account_id for line in lines))
    named = [
        (line, identity_of(refs[line.account_id], line.sender_type, line.sender_id))
        for line in lines
        if _has_owner(line, refs, result)
    ]
    senders, matched = _read_senders(connection, [identity for _, identity in named]), []
    for line, identity in named:
        sender = senders.get(identity) or _spelled_otherwise(connection, refs[line.account_id], line)
        if sender is None:
            result.refuse(line, "sender_id", f"there is no such {line.sender_type} in this inventory")
            continue
        country = line.registration.country
        first = result.registered.setdefault((sender.id, country), line.line)
        words = spelling_error(sender.sender_id, line.sender_id, country, lambda: rules, now)
        if words or first != line.line:
            result.refuse(line, "sender_id", words or f"is the sender that line {first} registers there")
        else:
            matched.append((line, sender))
    return matched


def _spelled_otherwise(
    connection: Connection, account_ref: int | None, line: RegistrationLine
) -> Row[*tuple[Any, ...]] | None:
    found = spelled_otherwise(connection, account_ref, [line.sender_type], line.sender_id)
    if len(found) != 1:
        return None
    return connection.execute(select(*SENDERS.c).where(SENDERS.c.id == found[0].id)).one()


def _touch(write: Write, owners: Iterable[int | None]) -> None:
    for owner in owners:
        write.touch_account(owner)


def _has_owner(
    line: SenderLine | RegistrationLine, refs: Mapping[str | None, int | None], result: ImportResult
) -> bool:
    if line.account_id in refs:
        return True
    result.refuse(line, "account_id", f"there is no account {line.account_id!r}")
    return False


def _changes(
    given: frozenset[str], fields: Sequence[str], row: Row[*tuple[Any, ...]], values: Mapping[str, Any]
) -> dict[str, Any]:
    columns = [_COLUMNS.get(name, name) for name in fields if name in given]
    return {column: values[column] for column in columns if values[column] != getattr(row, column)}


def _read_senders(connection: Connection, identities: Sequence[str]) -> _Rows:
    query = select(*SENDERS.c).where(any_of(connection, SENDERS.c.identity, identities))
    return {row.identity: row for row in connection.execute(query)}


def _read_registrations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> _Rows:
    """All that the senders have in the countries named: somewhat more than asked for, by one index."""
    senders, countries = {row["sender_ref"] for row in rows}, {row["country"] for row in rows}
    query = select(*REGISTRATIONS.c).where(
        any_of(connection, REGISTRATIONS.c.sender_ref, senders), any_of(connection, REGISTRATIONS.c.country, countries)
    )
    return {(row.sender_ref, row.country): row for row in connection.execute(query)}


def _upsert_registrations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    statement = insert_into(connection, REGISTRATIONS)
    new = {name: statement.excluded[name] for name in _REGISTRATION_FIELDS}
    keys = ("sender_ref", "country")
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)
