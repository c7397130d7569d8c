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
    or_,
    select,
    union,
    union_all,
)

from core.accounts.sender_rows import REGISTRATION_COLUMNS, SENDER_COLUMNS
from core.engine.decision import DefaultStatus
from core.storage.statements import AMONG, Among, PerDialect, equals
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS, DESTINATIONS, REGISTRATIONS, SENDERS, STRATEGIES

_ACCOUNT_COLUMNS: tuple[ColumnElement[Any], ...] = (
    ACCOUNTS.c.user_id,
    ACCOUNTS.c.account_id,
    ACCOUNTS.c.parent_ref,
    ACCOUNTS.c.may_borrow,
    ACCOUNTS.c.status,
    ACCOUNTS.c.spread,
    ACCOUNTS.c.area_codes,
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
_DESTINATION_COLUMNS: tuple[ColumnElement[Any], ...] = (DESTINATIONS.c.country, DESTINATIONS.c.mode)

# Where the parts of a row stand. In the rows of an account the first part is NULL, in that of a sender the last. An
# account has a row for each strategy of its defaults, or one without, and one for each of its destinations.
SENDER_PART = slice(2, 2 + len(SENDER_COLUMNS))
REGISTRATION_PART = slice(SENDER_PART.stop, len(_HELD_COLUMNS))
REGISTERED_COUNTRY = SENDER_PART.stop
ACCOUNT_PART = slice(len(_HELD_COLUMNS), None)

#: The country of the destinations that speak of the rest of the world.
REST = ""


def _facts_query(among: Among) -> CompoundSelect[*tuple[Any, ...]]:
    """Accounts with their defaults and destinations, and the senders that they may use: one statement, one snapshot.

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
    of_accounts = (*_ACCOUNT_COLUMNS, *_DEFAULT_COLUMNS, *_DESTINATION_COLUMNS)
    senders = select(*_HELD_COLUMNS, *map(_nothing, of_accounts))
    parents = select(*_ACCOUNT_COLUMNS).join(asked, ACCOUNTS.c.user_id == asked.c.parent_ref)
    family = union(select(asked), parents).cte("family")
    return union_all(
        senders.join(owners, SENDERS.c.account_ref == owners.c.user_id).outerjoin(REGISTRATIONS, registered),
        senders.outerjoin(REGISTRATIONS, registered).where(SENDERS.c.account_ref.is_(None)),
        _defaults_query(among, family),
        _destinations_query(among, family),
    )


def _defaults_query(among: Among, family: CTE) -> Select[*tuple[Any, ...]]:
    default = and_(
        DEFAULT_SENDERS.c.account_ref == family.c.user_id,
        among(DEFAULT_SENDERS.c.country, "countries"),
        DEFAULT_SENDERS.c.status == DefaultStatus.ENABLED,
    )
    strategy = and_(STRATEGIES.c.default_ref == DEFAULT_SENDERS.c.id, STRATEGIES.c.status == DefaultStatus.ENABLED)
    return (
        select(*map(_nothing, _HELD_COLUMNS), *family.c, *_DEFAULT_COLUMNS, *map(_nothing, _DESTINATION_COLUMNS))
        .select_from(family)
        .outerjoin(DEFAULT_SENDERS, default)
        .outerjoin(STRATEGIES, strategy)
    )


def _destinations_query(among: Among, family: CTE) -> Select[*tuple[Any, ...]]:
    named = or_(DESTINATIONS.c.country == REST, among(DESTINATIONS.c.country, "countries"))
    return (
        select(*map(_nothing, _HELD_COLUMNS), *family.c, *map(_nothing, _DEFAULT_COLUMNS), *_DESTINATION_COLUMNS)
        .select_from(family)
        .join(DESTINATIONS, and_(DESTINATIONS.c.account_ref == family.c.user_id, named))
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
