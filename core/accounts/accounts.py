"""Accounts and sub-accounts; an account is added with its first API key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.accounts.api_keys import key_values, new_key
from core.encoding import storable
from core.errors import ConflictError, FieldError, NotFoundError, RefusedError
from core.storage.database import Database
from core.storage.tables import ACCOUNTS, API_KEYS

ACCOUNT_ID_MAX_CHARACTERS = 64


class AccountStatus(StrEnum):
    """Whether an account may send."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


_STATUSES = {each.value: each for each in AccountStatus}


@dataclass(frozen=True, slots=True)
class Account:
    """An account or sub-account. `user_id` is its number in the HTTP API; `parent` and `parent_user_id` its account."""

    account_id: str
    user_id: int
    name: str | None
    parent: str | None
    parent_user_id: int | None
    may_borrow: bool
    status: AccountStatus
    created_at: datetime


#: An account, for whoever has it at hand, or its id, which is looked up.
AccountOrId = Account | str


def account_id_error(account_id: str) -> str | None:
    """What is wrong with the form of an account id, as a clause for people, or None."""
    if not 1 <= len(account_id) <= ACCOUNT_ID_MAX_CHARACTERS:
        return f"must have 1 to {ACCOUNT_ID_MAX_CHARACTERS} characters"
    return None if account_id.isprintable() else "must contain printable characters only"


class Accounts:
    """The accounts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str) -> Account:
        """Raises NotFoundError."""
        with self._database.single() as connection:
            return account_row(connection, account_id)

    def page(
        self, *, parent: AccountOrId | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Account]:
        """Accounts by id; `parent`, at hand or its id: its sub-accounts only; `after`: those behind this id."""
        query = accounts_query().order_by(ACCOUNTS.c.account_id).limit(limit)
        if after is not None:
            query = query.where(ACCOUNTS.c.account_id > after)
        with self._database.single() as connection:
            if parent is not None:
                query = query.where(ACCOUNTS.c.parent_ref == resolved_account(connection, parent).user_id)
            return [account_from_row(row) for row in connection.execute(query)]

    def sub_account_ids(self, account: AccountOrId) -> Iterator[str]:
        """The ids of all sub-accounts of an account, page by page."""
        after: str | None = None
        while page := self.page(parent=account, after=after):
            yield from (each.account_id for each in page)
            after = page[-1].account_id

    def add(
        self, account_id: str, *, name: str | None = None, parent: str | None = None, may_borrow: bool = True
    ) -> tuple[Account, str]:
        """Adds an account, or with `parent` a sub-account; also its API key, which is shown this once.

        Raises RefusedError, ConflictError where the id is taken.
        """
        if words := account_id_error(account_id):
            raise RefusedError(f"the account id {words}", [FieldError("account_id", words)])
        key = new_key()
        try:
            with self._database.writing() as write:
                values = {
                    "account_id": account_id,
                    "name": name,
                    "parent_ref": None if parent is None else _parent_ref(write.connection, parent),
                    "may_borrow": may_borrow,
                    "status": AccountStatus.ACTIVE.value,
                    "created_at": self._database.clock(),
                }
                write.connection.execute(insert(ACCOUNTS).values(values))
                account = account_row(write.connection, account_id)
                write.connection.execute(insert(API_KEYS).values(key_values(account.user_id, key, account.created_at)))
                write.touch_account(account.user_id)
        except IntegrityError:
            raise ConflictError(f"there is an account {account_id!r} already") from None
        return account, key

    def suspend(self, account_id: str) -> Account:
        """Stops an account and its sub-accounts from sending. Raises NotFoundError."""
        return self._change(account_id, status=AccountStatus.SUSPENDED.value)

    def resume(self, account_id: str) -> Account:
        """Lets an account send again. Raises NotFoundError."""
        return self._change(account_id, status=AccountStatus.ACTIVE.value)

    def set_may_borrow(self, account_id: str, may_borrow: bool) -> Account:
        """Whether a sub-account may use its account's senders. Raises NotFoundError."""
        return self._change(account_id, may_borrow=may_borrow)

    def _change(self, account_id: str, **values: Any) -> Account:
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            if any(getattr(account, name) != value for name, value in values.items()):
                change = update(ACCOUNTS).where(ACCOUNTS.c.user_id == account.user_id)
                write.connection.execute(change.values(**values))
                write.touch_account(account.user_id)
            return account_row(write.connection, account_id)


def account_row(connection: Connection, account_id: str) -> Account:
    """The account of an id, within a transaction. Raises NotFoundError."""
    row = connection.execute(_one(), {"account_id": account_id}).one_or_none() if storable(account_id) else None
    if row is None:
        raise NotFoundError(f"there is no account {account_id!r}")
    return account_from_row(row)


def resolved_account(connection: Connection, account: AccountOrId) -> Account:
    """The account itself, or the one of that id. Raises NotFoundError."""
    return account_row(connection, account) if isinstance(account, str) else account


def account_id_of(account: AccountOrId) -> str:
    """The id of an account that is given by it, or whole."""
    return account if isinstance(account, str) else account.account_id


def _parent_ref(connection: Connection, parent: str) -> int:
    try:
        account = account_row(connection, parent)
    except NotFoundError as error:
        raise RefusedError(str(error), [FieldError("parent", "does not exist")]) from None
    if account.parent is not None:
        words = "is a sub-account itself"
        raise RefusedError(f"account {parent!r} {words}", [FieldError("parent", words)])
    return account.user_id


def accounts_query() -> Select[*tuple[Any, ...]]:
    """Every account with the id and status of the account above it; a row is one for `account_from_row`."""
    parent = ACCOUNTS.alias()
    above = (parent.c.account_id.label("parent_id"), parent.c.status.label("parent_status"))
    return select(*ACCOUNTS.c, *above).outerjoin(parent, parent.c.user_id == ACCOUNTS.c.parent_ref)


# Built once, when it is first asked for: to build a statement takes longer than to run it.
@cache
def _one() -> Select[*tuple[Any, ...]]:
    return accounts_query().where(ACCOUNTS.c.account_id == bindparam("account_id"))


def account_from_row(row: Row[*tuple[Any, ...]]) -> Account:
    """The account of a row of `accounts_query`."""
    return Account(
        account_id=row.account_id,
        user_id=row.user_id,
        name=row.name,
        parent=row.parent_id,
        parent_user_id=row.parent_ref,
        may_borrow=row.may_borrow,
        # One of a newer version is none under which anybody sends here.
        status=_STATUSES.get(row.status, AccountStatus.SUSPENDED),
        created_at=row.created_at,
    )
