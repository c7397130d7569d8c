"""Facts for decisions: the accounts, defaults, senders and registrations of many requests in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    cast,
    null,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from core.accounts.accounts import AccountStatus
from core.accounts.sender_rows import REGISTRATION_COLUMNS, SENDER_COLUMNS, registration_of, sender_of
from core.encoding import storable
from core.engine.decision import AccountProblem, DefaultSender, DefaultStatus, Facts, Request, SenderRef
from core.errors import ParkReason
from core.sender import Product, Registration, Sender, SenderType
from core.storage.database import Database
from core.storage.statements import AMONG, CHUNK, Among, AnyColumn, PerDialect, chunks, equals
from core.storage.tables import AccountRow, DefaultRow, RegistrationRow, SenderRow, StrategyRow


@dataclass(slots=True)
class _Account:
    ref: int
    account_id: str
    parent_ref: int | None
    may_borrow: bool
    suspended: bool
    spread: bool | None
    spread_defaults: set[tuple[str, str]] = field(default_factory=set)
    strategies: dict[tuple[str, str], list[tuple[int, SenderRef]]] = field(default_factory=dict)

    def add_strategy(
        self, country: str, product: str, spread: bool, position: int | None, sender_id: str | None, *named: Any
    ) -> None:
        """One strategy of a default; `position` None: the account has none."""
        if position is None:
            return
        sender_type, sender_country = named
        ref = SenderRef(sender_id, SenderType(sender_type), sender_country)
        self.strategies.setdefault((country, product), []).append((position, ref))
        if spread:
            self.spread_defaults.add((country, product))

    def default(self, request: Request) -> tuple[DefaultSender, ...]:
        found = self.strategies.get((request.country, request.product))
        if not found:
            return ()
        refs = tuple(ref for _, ref in sorted(found, key=lambda strategy: strategy[0]))
        spread = (request.country, request.product) in self.spread_defaults
        return (DefaultSender(self.account_id, request.country, Product(request.product), refs, spread),)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Who sends, and the account above it."""

    requester: _Account
    parent: _Account | None

    @property
    def lender(self) -> _Account | None:
        return self.parent if self.requester.may_borrow else None

    @property
    def spread(self) -> bool:
        """The requester's own switch, else that of the account above."""
        own = self.requester.spread
        return bool(self.parent and self.parent.spread) if own is None else own


class FactStore(Database):
    """Reads what decisions are made of."""

    def load_facts(self, requests: Sequence[Request]) -> dict[Request, Facts | AccountProblem]:
        """The facts of each request, or why it has none; one statement for every 500 requests."""
        with self.single() as connection:
            return read_facts(connection, requests)


def read_facts(
    connection: Connection, requests: Iterable[Request], *, suspended_too: bool = False
) -> dict[Request, Facts | AccountProblem]:
    """The same within a transaction, so that what it has written is seen; `suspended_too`: as if nobody were."""
    found: dict[Request, Facts | AccountProblem] = {}
    for part in chunks(requests, CHUNK):
        found.update(_facts_of(connection, part, suspended_too))
    return found


def _facts_of(
    connection: Connection, requests: Sequence[Request], suspended_too: bool
) -> dict[Request, Facts | AccountProblem]:
    rows = connection.execute(*_asked(requests, connection.dialect.name)).all()
    family = _Family((row[_ACCOUNT_PART] for row in rows if row[0] is None), suspended_too)
    inventory = _Inventory((row for row in rows if row[0] is not None), family.names)
    standings = {request: family.standing(request) for request in requests}
    return {
        request: standing if isinstance(standing, AccountProblem) else _facts(request, standing, inventory)
        for request, standing in standings.items()
    }


_Asked = tuple[CompoundSelect[*tuple[Any, ...]], Mapping[str, Any]]


def _asked(requests: Sequence[Request], dialect: str) -> _Asked:
    """The statement with its parameters."""
    if len(requests) == 1:
        request = requests[0]
        sender = request.subaccount_id or request.account_id
        if storable(request.account_id) and storable(sender):
            parameters = {"account_ids": request.account_id, "requesters": sender, "countries": request.country}
            return _facts_of_one(), parameters
    return _FACTS[dialect], _lists(requests)


def _lists(requests: Sequence[Request]) -> dict[str, list[str]]:
    named = {name for request in requests for name in (request.account_id, request.subaccount_id) if name}
    senders = {request.subaccount_id or request.account_id for request in requests}
    return {
        "account_ids": sorted(filter(storable, named)),
        "requesters": sorted(filter(storable, senders)),
        "countries": sorted({request.country for request in requests}),
    }


def _facts(request: Request, standing: _Standing, inventory: _Inventory) -> Facts:
    lender, parent = standing.lender, standing.parent
    owners = (standing.requester.ref, *([lender.ref] if lender else []), None)
    return Facts(
        senders=tuple(sender for owner in owners for sender in inventory.senders(owner, request.country)),
        borrowed_from=frozenset([lender.account_id] if lender else []),
        defaults=standing.requester.default(request) + (parent.default(request) if parent else ()),
        spread=standing.spread,
    )


class _Family:
    """The accounts that requests name, with their parents and defaults."""

    def __init__(self, rows: Iterable[Sequence[Any]], suspended_too: bool) -> None:
        self._by_ref: dict[int, _Account] = {}
        for ref, account_id, parent_ref, may_borrow, status, spread, *default in rows:
            suspended = status != AccountStatus.ACTIVE and not suspended_too
            account = _Account(ref, account_id, parent_ref, may_borrow, suspended, spread)
            self._by_ref.setdefault(ref, account).add_strategy(*default)
        self._by_id = {account.account_id: account for account in self._by_ref.values()}

    @property
    def names(self) -> dict[int | None, str | None]:
        """Account ids by number; the pool is nobody's."""
        return {None: None} | {ref: account.account_id for ref, account in self._by_ref.items()}

    def standing(self, request: Request) -> _Standing | AccountProblem:
        account = self._by_id.get(request.account_id)
        if account is None:
            return _unknown("account_id", request.account_id)
        if request.subaccount_id is None:
            return self._sound(account, "account_id")
        subaccount = self._by_id.get(request.subaccount_id)
        if subaccount is None or subaccount.parent_ref != account.ref:
            return _unknown("subaccount_id", request.subaccount_id)
        if account.suspended:
            return _suspended("account_id", account)
        return self._sound(subaccount, "subaccount_id")

    def _sound(self, requester: _Account, name: str) -> _Standing | AccountProblem:
        parent = None if requester.parent_ref is None else self._by_ref[requester.parent_ref]
        for account in (requester, parent):
            if account is not None and account.suspended:
                return _suspended(name, account)
        return _Standing(requester, parent)


def _unknown(name: str, account_id: str) -> AccountProblem:
    words = "account" if name == "account_id" else "sub-account of the account"
    return AccountProblem(ParkReason.UNKNOWN_ACCOUNT, name, f"there is no {words} {account_id!r}")


def _suspended(name: str, account: _Account) -> AccountProblem:
    return AccountProblem(ParkReason.ACCOUNT_SUSPENDED, name, f"account {account.account_id!r} is suspended")


class _Inventory:
    """Senders by owner; None is the pool."""

    def __init__(self, rows: Iterable[Sequence[Any]], names: Mapping[int | None, str | None]) -> None:
        self._held: defaultdict[int | None, dict[int, Sender]] = defaultdict(dict)
        self._registrations: dict[tuple[int, str], Registration] = {}
        self._seen: dict[tuple[int | None, str], tuple[Sender, ...]] = {}
        for row in rows:
            sender_ref, owner = row[:2]
            held = self._held[owner]
            if sender_ref not in held:
                held[sender_ref] = sender_of(row[_SENDER_PART], names[owner])
            if row[_REGISTERED_COUNTRY] is not None:
                self._registrations[sender_ref, row[_REGISTERED_COUNTRY]] = registration_of(row[_REGISTRATION_PART])

    def senders(self, owner: int | None, country: str) -> tuple[Sender, ...]:
        """Each with its registration there alone: facts do not depend on what else a batch asks for."""
        key = (owner, country)
        if key not in self._seen:
            self._seen[key] = tuple(self._seen_from(country, *each) for each in self._held[owner].items())
        return self._seen[key]

    def _seen_from(self, country: str, sender_ref: int, sender: Sender) -> Sender:
        registration = self._registrations.get((sender_ref, country))
        return sender if registration is None else replace(sender, registrations=(registration,))


# -- the statement --------------------------------------------------------------------

_ACCOUNT_COLUMNS = (
    AccountRow.user_id,
    AccountRow.account_id,
    AccountRow.parent_ref,
    AccountRow.may_borrow,
    AccountRow.status,
    AccountRow.spread,
)
_DEFAULT_COLUMNS = (
    DefaultRow.country,
    DefaultRow.product,
    DefaultRow.spread,
    StrategyRow.position,
    StrategyRow.sender_id,
    StrategyRow.sender_type,
    StrategyRow.sender_country_code,
)
_HELD_COLUMNS = (SenderRow.id, SenderRow.account_ref, *SENDER_COLUMNS, *REGISTRATION_COLUMNS)

# Where the parts of a row stand. In the row of an account the first part is NULL, in that of a sender the last.
_SENDER_PART = slice(2, 2 + len(SENDER_COLUMNS))
_REGISTRATION_PART = slice(_SENDER_PART.stop, len(_HELD_COLUMNS))
_REGISTERED_COUNTRY = _SENDER_PART.stop
_ACCOUNT_PART = slice(len(_HELD_COLUMNS), None)


def _facts_query(among: Among) -> CompoundSelect[*tuple[Any, ...]]:
    """Accounts with their defaults, and the senders that they may use: one statement, and so one snapshot.

    Parents, and the pool, come by index scans of their own joined in a UNION; OR over a subquery would read the whole
    table.
    """
    asked = select(*_ACCOUNT_COLUMNS).where(among(AccountRow.account_id, "account_ids")).cte("asked")
    own, borrowed = (
        select(ref).where(among(asked.c.account_id, "requesters"), *conditions)
        for ref, *conditions in ((asked.c.user_id,), (asked.c.parent_ref, asked.c.may_borrow))
    )
    owners = union(own, borrowed).cte("owners")
    registered = and_(RegistrationRow.sender_ref == SenderRow.id, among(RegistrationRow.country, "countries"))
    senders = select(*_HELD_COLUMNS, *map(_nothing, (*_ACCOUNT_COLUMNS, *_DEFAULT_COLUMNS)))
    return union_all(
        senders.join(owners, SenderRow.account_ref == owners.c.user_id).outerjoin(RegistrationRow, registered),
        senders.outerjoin(RegistrationRow, registered).where(SenderRow.account_ref.is_(None)),
        _family_query(among, asked),
    )


def _family_query(among: Among, asked: CTE) -> Select[*tuple[Any, ...]]:
    parents = select(*_ACCOUNT_COLUMNS).join(asked, AccountRow.user_id == asked.c.parent_ref)
    family = union(select(asked), parents).subquery("family")
    default = and_(
        DefaultRow.account_ref == family.c.user_id,
        among(DefaultRow.country, "countries"),
        DefaultRow.status == DefaultStatus.ENABLED,
    )
    strategy = and_(StrategyRow.default_ref == DefaultRow.id, StrategyRow.status == DefaultStatus.ENABLED)
    return (
        select(*map(_nothing, _HELD_COLUMNS), *family.c, *_DEFAULT_COLUMNS)
        .select_from(family)
        .outerjoin(DefaultRow, default)
        .outerjoin(StrategyRow, strategy)
    )


def _nothing(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """NULL with a type: PostgreSQL takes three untyped ones in a UNION for text."""
    return cast(null(), column.type)


def _one(column: AnyColumn, parameter: str) -> ColumnElement[bool]:
    """For one request: each list has one value, but that of the accounts, which has the requester besides."""
    if parameter == "account_ids":
        return column.in_([bindparam(parameter), bindparam("requesters")])
    return equals(column, parameter)


_FACTS = PerDialect(lambda dialect: _facts_query(AMONG[dialect]))


@cache
def _facts_of_one() -> CompoundSelect[*tuple[Any, ...]]:
    """For either database."""
    return _facts_query(_one)
