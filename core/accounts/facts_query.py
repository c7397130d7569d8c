"""The one statement that reads what decisions are made of, and where its parts stand in a row."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    cast,
    null,
    select,
    union,
    union_all,
)

from core.accounts.sender_rows import REGISTRATION_COLUMNS, SENDER_COLUMNS
from core.engine.decision import DefaultStatus
from core.storage.statements import AMONG, Among, PerDialect, equals
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS, REGISTRATIONS, SENDERS, STRATEGIES

_ACCOUNT_COLUMNS: tuple[ColumnElement[Any], ...] = (
    ACCOUNTS.c.user_id,
    ACCOUNTS.c.account_id,
    ACCOUNTS.c.parent_ref,
    ACCOUNTS.c.may_borrow,
    ACCOUNTS.c.status,
    ACCOUNTS.c.spread,
)
_DEFAULT_COLUMNS: tuple[ColumnElement[Any], ...] = (
    DEFAULT_SENDERS.c.country,
    DEFAULT_SENDERS.c.product,
    DEFAULT_SENDERS.c.spread,
    STRATEGIES.c.position,
    STRATEGIES.c.sender_id,
    STRATEGIES.c.sender_type,
    STRATEGIES.c.sender_country_code,
)
_HELD_COLUMNS: tuple[ColumnElement[Any], ...] = (
    SENDERS.c.id,
    SENDERS.c.account_ref,
    *SENDER_COLUMNS,
    *REGISTRATION_COLUMNS,
)

# Where the parts of a row stand. In the row of an account the first part is NULL, in that of a sender the last.
SENDER_PART = slice(2, 2 + len(SENDER_COLUMNS))
REGISTRATION_PART = slice(SENDER_PART.stop, len(_HELD_COLUMNS))
REGISTERED_COUNTRY = SENDER_PART.stop
ACCOUNT_PART = slice(len(_HELD_COLUMNS), None)


def _facts_query(among: Among) -> CompoundSelect[*tuple[Any, ...]]:
    """Accounts with their defaults, and the senders that they may use: one statement, and so one snapshot.

    Parents, and the pool, come by index scans of their own joined in a UNION; OR over a subquery would read the whole
    table.
    """
    asked = select(*_ACCOUNT_COLUMNS).where(among(ACCOUNTS.c.account_id, "account_ids")).cte("asked")
    own, borrowed = (
        select(ref).where(among(asked.c.account_id, "requesters"), *conditions)
        for ref, *conditions in ((asked.c.user_id,), (asked.c.parent_ref, asked.c.may_borrow))
    )
    owners = union(own, borrowed).cte("owners")
    registered = and_(REGISTRATIONS.c.sender_ref == SENDERS.c.id, among(REGISTRATIONS.c.country, "countries"))
    senders = select(*_HELD_COLUMNS, *map(_nothing, (*_ACCOUNT_COLUMNS, *_DEFAULT_COLUMNS)))
    return union_all(
        senders.join(owners, SENDERS.c.account_ref == owners.c.user_id).outerjoin(REGISTRATIONS, registered),
        senders.outerjoin(REGISTRATIONS, registered).where(SENDERS.c.account_ref.is_(None)),
        _family_query(among, asked),
    )


def _family_query(among: Among, asked: CTE) -> Select[*tuple[Any, ...]]:
    parents = select(*_ACCOUNT_COLUMNS).join(asked, ACCOUNTS.c.user_id == asked.c.parent_ref)
    family = union(select(asked), parents).subquery("family")
    default = and_(
        DEFAULT_SENDERS.c.account_ref == family.c.user_id,
        among(DEFAULT_SENDERS.c.country, "countries"),
        DEFAULT_SENDERS.c.status == DefaultStatus.ENABLED,
    )
    strategy = and_(STRATEGIES.c.default_ref == DEFAULT_SENDERS.c.id, STRATEGIES.c.status == DefaultStatus.ENABLED)
    return (
        select(*map(_nothing, _HELD_COLUMNS), *family.c, *_DEFAULT_COLUMNS)
        .select_from(family)
        .outerjoin(DEFAULT_SENDERS, default)
        .outerjoin(STRATEGIES, strategy)
    )


def _nothing(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """NULL with a type: PostgreSQL takes three untyped ones in a UNION for text."""
    return cast(null(), column.type)


def _one(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """For one request: each list has one value, but that of the accounts, which has the requester besides."""
    if parameter == "account_ids":
        return column.in_([bindparam(parameter), bindparam("requesters")])
    return equals(column, parameter)


FACTS = PerDialect(lambda dialect: _facts_query(AMONG[dialect]))


@cache
def facts_of_one() -> CompoundSelect[*tuple[Any, ...]]:
    """For either database."""
    return _facts_query(_one)
