"""Facts for decisions: the accounts, defaults, senders and registrations of many requests in two statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select, union

from core.accounts import AccountStatus
from core.database import Database
from core.decision import DefaultSender, Facts, Request, SenderRef
from core.default_strategies import ENABLED
from core.errors import ParkReason
from core.sender import Product, Registration, Sender, SenderType
from core.sender_rows import registration_of, sender_of
from core.statements import AMONG, CHUNK, Among, chunks, storable
from core.tables import AccountRow, DefaultRow, RegistrationRow, SenderRow, StrategyRow


@dataclass(frozen=True, slots=True)
class AccountProblem:
    """Why a request has no facts: UNKNOWN_ACCOUNT or ACCOUNT_SUSPENDED. `field` names the id that is to blame."""

    reason: ParkReason
    field: str
    detail: str


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
        """The facts of each request, or why it has none; two statements for every 500 requests."""
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
    countries = sorted({request.country for request in requests})
    family = _Family.read(connection, requests, countries, suspended_too)
    standings = {request: family.standing(request) for request in requests}
    sound = [standing for standing in standings.values() if isinstance(standing, _Standing)]
    inventory = _Inventory.read(connection, sound, countries) if sound else _Inventory()
    return {
        request: standing if isinstance(standing, AccountProblem) else _facts(request, standing, inventory)
        for request, standing in standings.items()
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

    def __init__(self, accounts: Iterable[_Account]) -> None:
        self._by_ref = {account.ref: account for account in accounts}
        self._by_id = {account.account_id: account for account in self._by_ref.values()}

    @classmethod
    def read(
        cls, connection: Connection, requests: Sequence[Request], countries: Sequence[str], suspended_too: bool
    ) -> _Family:
        ids = {name for request in requests for name in (request.account_id, request.subaccount_id) if name}
        known = sorted(filter(storable, ids))
        accounts: dict[int, _Account] = {}
        asked = {"account_ids": known, "countries": countries}
        for row in connection.execute(_FAMILY[connection.dialect.name], asked) if known else ():
            account = accounts.get(row.user_id)
            if account is None:
                suspended = row.status != AccountStatus.ACTIVE and not suspended_too
                account = _Account(row.user_id, row.account_id, row.parent_ref, row.may_borrow, suspended, row.spread)
                accounts[row.user_id] = account
            if row.position is not None:
                account.strategies.setdefault((row.country, row.product), []).append((row.position, _ref(row)))
                if row.default_spread:
                    account.spread_defaults.add((row.country, row.product))
        return cls(accounts.values())

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


def _ref(row: Row[*tuple[Any, ...]]) -> SenderRef:
    return SenderRef(row.sender_id, SenderType(row.sender_type), row.sender_country_code)


@dataclass(slots=True)
class _Held:
    sender: Sender
    registrations: dict[str, Registration]

    def seen_from(self, country: str) -> Sender:
        """The sender with its registration there alone: facts do not depend on what else a batch asks for."""
        registration = self.registrations.get(country)
        return self.sender if registration is None else replace(self.sender, registrations=(registration,))


class _Inventory:
    """Senders by owner; None is the pool."""

    def __init__(self) -> None:
        self._held: defaultdict[int | None, list[_Held]] = defaultdict(list)
        self._seen: dict[tuple[int | None, str], tuple[Sender, ...]] = {}

    @classmethod
    def read(cls, connection: Connection, standings: Iterable[_Standing], countries: Sequence[str]) -> _Inventory:
        owners: dict[int | None, str | None] = {None: None}
        for standing in standings:
            for account in (standing.requester, standing.lender):
                if account is not None:
                    owners[account.ref] = account.account_id
        inventory = cls()
        by_id: dict[int, _Held] = {}
        asked = {"owners": [ref for ref in owners if ref is not None], "countries": countries}
        for row in connection.execute(_SENDERS[connection.dialect.name], asked):
            held = by_id.get(row.id)
            if held is None:
                held = by_id[row.id] = _Held(sender_of(row, owners[row.account_ref]), {})
                inventory._held[row.account_ref].append(held)
            if row.registered_country is not None:
                held.registrations[row.registered_country] = registration_of(row)
        return inventory

    def senders(self, owner: int | None, country: str) -> tuple[Sender, ...]:
        key = (owner, country)
        if key not in self._seen:
            self._seen[key] = tuple(held.seen_from(country) for held in self._held[owner])
        return self._seen[key]


def _senders_query(among: Among) -> Select[*tuple[Any, ...]]:
    countries = among(RegistrationRow.country, "countries")
    owners = among(SenderRow.account_ref, "owners")
    return (
        select(
            *SenderRow.__table__.columns,
            RegistrationRow.country.label("registered_country"),
            RegistrationRow.status.label("registration_status"),
            RegistrationRow.valid_from,
            RegistrationRow.valid_until,
        )
        .outerjoin(RegistrationRow, and_(RegistrationRow.sender_ref == SenderRow.id, countries))
        .where(or_(owners, SenderRow.account_ref.is_(None)))
    )


def _family_query(among: Among) -> Select[*tuple[Any, ...]]:
    """Accounts and parents by two index scans joined in a UNION; OR over a subquery would read the whole table."""
    columns = (
        AccountRow.user_id,
        AccountRow.account_id,
        AccountRow.parent_ref,
        AccountRow.may_borrow,
        AccountRow.status,
        AccountRow.spread,
    )
    asked = select(*columns).where(among(AccountRow.account_id, "account_ids")).cte("asked")
    parents = select(*columns).join(asked, AccountRow.user_id == asked.c.parent_ref)
    family = union(select(asked), parents).subquery("family")
    default = and_(
        DefaultRow.account_ref == family.c.user_id,
        among(DefaultRow.country, "countries"),
        DefaultRow.status == ENABLED,
    )
    strategy = and_(StrategyRow.default_ref == DefaultRow.id, StrategyRow.status == ENABLED)
    return (
        select(
            family,
            DefaultRow.country,
            DefaultRow.product,
            DefaultRow.spread.label("default_spread"),
            StrategyRow.position,
            StrategyRow.sender_type,
            StrategyRow.sender_id,
            StrategyRow.sender_country_code,
        )
        .select_from(family)
        .outerjoin(DefaultRow, default)
        .outerjoin(StrategyRow, strategy)
    )


# Built once for each database: to build a statement takes longer than to run it.
_FAMILY = {dialect: _family_query(among) for dialect, among in AMONG.items()}
_SENDERS = {dialect: _senders_query(among) for dialect, among in AMONG.items()}
