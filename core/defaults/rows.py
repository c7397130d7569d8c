"""Default senders as rows: found, locked and read whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, cached_property
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    select,
)

from core.accounts.sender_rows import type_of
from core.defaults.strategies import Strategy
from core.encoding import storable
from core.sender import Product
from core.storage.statements import AMONG, JsonRows, PerDialect
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS, STRATEGIES


class DefaultOrigin(StrEnum):
    """Who chose a default: a person (or an inventory file), or assign-all."""

    MANUAL = "manual"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True)
class StoredDefault:
    """The default sender of an account, one country and one product.

    `user_id` is the number of the account, or of the account above it, where `subaccount_user_id` is its own.
    """

    default_id: UUID
    account_id: str
    user_id: int
    subaccount_user_id: int | None
    country: str
    product: Product
    strategies: tuple[Strategy, ...]
    status: str
    origin: str
    created_timestamp: datetime
    updated_timestamp: datetime

    @property
    def account_ref(self) -> int:
        """The number of the account that holds it."""
        return self.subaccount_user_id or self.user_id

    @property
    def key(self) -> DefaultKey:
        """What is unique about it."""
        return self.account_ref, self.country, self.product


#: Account number, country and product.
DefaultKey = tuple[int, str, Product]


_STRATEGY_COLUMNS = (
    STRATEGIES.c.position,
    STRATEGIES.c.sender_type,
    STRATEGIES.c.sender_id,
    STRATEGIES.c.sender_country_code,
    STRATEGIES.c.note,
    STRATEGIES.c.status,
)


# As much as can be is built once, when it is first asked for: to build a statement takes longer than to run it.
@cache
def _defaults() -> Select[*tuple[Any, ...]]:
    strategies = (
        select(JsonRows(*_STRATEGY_COLUMNS))
        .where(STRATEGIES.c.default_ref == DEFAULT_SENDERS.c.id)
        .correlate(DEFAULT_SENDERS)
        .scalar_subquery()
        .label("strategies")
    )
    columns = (*DEFAULT_SENDERS.c, ACCOUNTS.c.account_id, ACCOUNTS.c.parent_ref, strategies)
    return select(*columns).join(ACCOUNTS, ACCOUNTS.c.user_id == DEFAULT_SENDERS.c.account_ref)


def _locking(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Locks and reads in one statement; `unchanged` is false in the rows that it had to wait for and read too soon."""
    ids = select(DEFAULT_SENDERS.c.id, DEFAULT_SENDERS.c.updated_timestamp).join(
        ACCOUNTS, ACCOUNTS.c.user_id == DEFAULT_SENDERS.c.account_ref
    )
    locked = ids.where(*conditions).with_for_update(of=DEFAULT_SENDERS).cte("locked")
    unchanged = (locked.c.updated_timestamp == DEFAULT_SENDERS.c.updated_timestamp).label("unchanged")
    return _defaults().add_columns(unchanged).join(locked, locked.c.id == DEFAULT_SENDERS.c.id)


class _Search:
    """Finds defaults by conditions whose values come later; each of its statements is built when it is first asked for."""

    def __init__(self, *conditions: ColumnElement[bool]) -> None:
        self._conditions = conditions

    @cached_property
    def _reading(self) -> Select[*tuple[Any, ...]]:
        return _defaults().where(*self._conditions)

    @cached_property
    def _locking(self) -> Select[*tuple[Any, ...]]:
        return _locking(*self._conditions)

    def find(self, connection: Connection, values: Mapping[str, Any], *, lock: bool) -> list[StoredDefault]:
        """All that meet the conditions; `lock`: until the transaction ends nobody else changes them."""
        if lock:
            rows = connection.execute(self._locking, values).all()
            if all(row.unchanged for row in rows):
                return stored_defaults(rows)
        return stored_defaults(connection.execute(self._reading, values))


_HELD = ACCOUNTS.c.account_id == bindparam("account_id")
_BY_ID = _Search(_HELD, DEFAULT_SENDERS.c.id == bindparam("id"))
_BY_KEY = _Search(
    _HELD, DEFAULT_SENDERS.c.country == bindparam("country"), DEFAULT_SENDERS.c.product == bindparam("product")
)


def _by_keys(dialect: str) -> _Search:
    among = AMONG[dialect]
    return _Search(
        among(DEFAULT_SENDERS.c.account_ref, "account_refs"),
        among(DEFAULT_SENDERS.c.country, "countries"),
        among(DEFAULT_SENDERS.c.product, "products"),
    )


_BY_KEYS = PerDialect(_by_keys)


def defaults_query(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Rows for `stored_defaults`."""
    return _defaults().where(*conditions)


def read_defaults(connection: Connection, *conditions: ColumnElement[bool]) -> list[StoredDefault]:
    """All that meet the conditions."""
    return stored_defaults(connection.execute(defaults_query(*conditions)))


def defaults_after(
    connection: Connection, after: UUID | None, limit: int, *conditions: ColumnElement[bool]
) -> list[StoredDefault]:
    """The next defaults by id behind `after` that meet the conditions: pages of any number, each found by the key."""
    behind = () if after is None else (DEFAULT_SENDERS.c.id > after,)
    query = defaults_query(*conditions, *behind).order_by(DEFAULT_SENDERS.c.id).limit(limit)
    return stored_defaults(connection.execute(query))


def find_defaults(connection: Connection, keys: Collection[DefaultKey], *, lock: bool) -> list[StoredDefault]:
    """The defaults of these keys, and maybe some that have each part of theirs from another.

    `lock`: until the transaction ends nobody else changes them.
    """
    values = {
        "account_refs": sorted({account_ref for account_ref, _, _ in keys}),
        "countries": sorted({country for _, country, _ in keys}),
        "products": sorted({product.value for _, _, product in keys}),
    }
    return _BY_KEYS[connection.dialect.name].find(connection, values, lock=lock)


def find_default(connection: Connection, account_id: str, country: str, product: Product) -> StoredDefault | None:
    """The default of an account, country and product, locked until the transaction ends."""
    values = {"account_id": account_id, "country": country, "product": product.value}
    return _only(_BY_KEY.find(connection, values, lock=True)) if storable(account_id) else None


def find_default_by_id(
    connection: Connection, account_id: str, default_id: UUID, *, lock: bool = False
) -> StoredDefault | None:
    """A default of an account by its id; `lock`: until the transaction ends it stays so."""
    values = {"account_id": account_id, "id": default_id}
    return _only(_BY_ID.find(connection, values, lock=lock)) if storable(account_id) else None


def _only(found: Sequence[StoredDefault]) -> StoredDefault | None:
    return found[0] if found else None


def stored_defaults(rows: Iterable[Row[*tuple[Any, ...]]]) -> list[StoredDefault]:
    """The defaults of rows of `defaults_query`, in their order."""
    return [_stored(row) for row in rows]


def _strategies(rows: Iterable[Sequence[Any]]) -> Iterator[Strategy]:
    for _, sender_type, *rest in sorted(rows, key=itemgetter(0)):
        known_type = type_of(sender_type)
        if known_type is not None:
            yield Strategy(known_type, *rest)


def _stored(row: Row[*tuple[Any, ...]]) -> StoredDefault:
    return StoredDefault(
        default_id=row.id,
        account_id=row.account_id,
        user_id=row.account_ref if row.parent_ref is None else row.parent_ref,
        subaccount_user_id=None if row.parent_ref is None else row.account_ref,
        country=row.country,
        product=Product(row.product),
        strategies=tuple(_strategies(row.strategies or ())),
        status=row.status,
        origin=row.origin,
        created_timestamp=row.created_timestamp,
        updated_timestamp=row.updated_timestamp,
    )
