"""The API keys of accounts: added, rotated, revoked, and who it is that shows one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, update

from core.accounts.accounts import Account, AccountStatus, account_from_row, account_row, accounts_query
from core.accounts.api_keys import NOBODY, ApiKey, KeyHash, key_values, new_key
from core.encoding import storable
from core.errors import FieldError, NotFoundError, RefusedError, StoreUnavailableError
from core.storage.database import Database
from core.storage.tables import ACCOUNTS, API_KEYS

NAME_MAX_CHARACTERS = 100
#: The last use of a key is written down at most so often, so that an account that asks a thousand times a second
#: costs one write an hour.
LAST_USE_GRAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Visitor:
    """An account that has shown its key; `suspended`: it, or the account above it, may not send."""

    account: Account
    suspended: bool


class ApiKeys:
    """The API keys of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, account_id: str) -> list[ApiKey]:
        """The keys of an account, the oldest first. Raises NotFoundError."""
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            rows = connection.execute(_LIST, {"account_ref": account.user_id})
            return [ApiKey(*row) for row in rows]

    def add(self, account_id: str, *, name: str | None = None, expires_at: datetime | None = None) -> str:
        """A further API key, shown this once; `expires_at`: the moment from which it is refused.

        Raises NotFoundError, and RefusedError for a name that is too long or a moment that has passed.
        """
        now = self._database.clock()
        _refuse_unfit(name, expires_at, now)
        key = new_key()
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            values = key_values(account.user_id, key, now) | {"name": name, "expires_at": expires_at}
            write.connection.execute(insert(API_KEYS).values(values))
        return key

    def rotate(self, account_id: str, key_id: int, overlap: timedelta) -> str:
        """A key in the place of another, of the same name; the other stays good for `overlap` at the most.

        Raises NotFoundError where the account has no such key in use.
        """
        now, key = self._database.clock(), new_key()
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            old = write.connection.execute(_IN_USE, {"account_ref": account.user_id, "key_id": key_id}).one_or_none()
            if old is None or _has_expired(old, now):
                raise NotFoundError(_no_such_key(account_id, key_id))
            ends = min(now + overlap, old.expires_at or now + overlap)
            write.connection.execute(update(API_KEYS).where(API_KEYS.c.id == key_id).values(expires_at=ends))
            write.connection.execute(
                insert(API_KEYS).values(key_values(account.user_id, key, now) | {"name": old.name})
            )
        return key

    def revoke(self, account_id: str, key_id: int) -> None:
        """Raises NotFoundError where the account has no such key in use."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            in_use = (API_KEYS.c.account_ref == account.user_id) & API_KEYS.c.revoked_at.is_(None)
            change = update(API_KEYS).where(in_use, API_KEYS.c.id == key_id).values(revoked_at=self._database.clock())
            if write.connection.execute(change).rowcount == 0:
                raise NotFoundError(_no_such_key(account_id, key_id))

    def authenticate(self, user_name: str, key: str) -> Visitor | None:
        """Whoever has the id `user_name`, where the key is one of its own and in date; a suspended one too."""
        now = self._database.clock()
        with self._database.single() as connection:
            rows = connection.execute(_keys(), {"user_name": user_name}).all() if storable(user_name) else []
        fitting = _fitting([row for row in rows if not _has_expired(row, now)], key)
        if fitting is None:
            return None
        self._note_use(fitting, now)
        inactive = {fitting.status, fitting.parent_status} - {AccountStatus.ACTIVE, None}
        return Visitor(account_from_row(fitting), bool(inactive))

    def _note_use(self, row: Row[*tuple[Any, ...]], now: datetime) -> None:
        if row.last_used_at is not None and now - row.last_used_at < LAST_USE_GRAIN:
            return
        try:
            with self._database.writing() as write:
                write.connection.execute(_USED, {"key_id": row.key_id, "now": now})
        except StoreUnavailableError:
            # A database that only answers questions still lets people in.
            return


def _fitting(rows: Sequence[Row[*tuple[Any, ...]]], key: str) -> Row[*tuple[Any, ...]] | None:
    """The row whose key it is; all of them are compared, and one where there is none."""
    if not rows:
        NOBODY.fits(key)
        return None
    fits = [KeyHash(row.prefix, row.salt, row.digest).fits(key) for row in rows]
    return next((row for row, is_it in zip(rows, fits, strict=True) if is_it), None)


def _has_expired(row: Row[*tuple[Any, ...]], now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now


def _no_such_key(account_id: str, key_id: int) -> str:
    return f"account {account_id!r} has no key {key_id} in use"


def _refuse_unfit(name: str | None, expires_at: datetime | None, now: datetime) -> None:
    errors = []
    if name is not None and not (1 <= len(name) <= NAME_MAX_CHARACTERS and name.isprintable()):
        errors.append(FieldError("name", f"must have 1 to {NAME_MAX_CHARACTERS} printable characters"))
    if expires_at is not None and expires_at <= now:
        errors.append(FieldError("expires_at", "has passed"))
    if errors:
        raise RefusedError("; ".join(f"{error.field} {error.reason}" for error in errors), errors)


@cache
def _keys() -> Select[*tuple[Any, ...]]:
    kept = (API_KEYS.c.prefix, API_KEYS.c.salt, API_KEYS.c.digest, API_KEYS.c.expires_at, API_KEYS.c.last_used_at)
    joined = accounts_query().join(API_KEYS, API_KEYS.c.account_ref == ACCOUNTS.c.user_id)
    query = joined.add_columns(API_KEYS.c.id.label("key_id"), *kept)
    return query.where(ACCOUNTS.c.account_id == bindparam("user_name"), API_KEYS.c.revoked_at.is_(None))


_LISTED = (
    API_KEYS.c.id,
    API_KEYS.c.prefix,
    API_KEYS.c.created_at,
    API_KEYS.c.revoked_at,
    API_KEYS.c.name,
    API_KEYS.c.expires_at,
    API_KEYS.c.last_used_at,
)
_LIST = select(*_LISTED).where(API_KEYS.c.account_ref == bindparam("account_ref")).order_by(API_KEYS.c.id)
_IN_USE = select(API_KEYS.c.name, API_KEYS.c.expires_at).where(
    API_KEYS.c.account_ref == bindparam("account_ref"),
    API_KEYS.c.id == bindparam("key_id"),
    API_KEYS.c.revoked_at.is_(None),
)
_USED = update(API_KEYS).where(API_KEYS.c.id == bindparam("key_id")).values(last_used_at=bindparam("now"))
