"""Facts for decisions: the accounts, defaults, destinations, senders and registrations of many requests in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy import (
    CompoundSelect,
    Connection,
)

from core.accounts.accounts import AccountStatus
from core.accounts.facts_query import (
    ACCOUNT_PART,
    FACTS,
    REGISTERED_COUNTRY,
    REGISTRATION_PART,
    REST,
    SENDER_PART,
    facts_of_one,
)
from core.accounts.sender_rows import registration_of, sender_of, type_of
from core.encoding import storable
from core.engine.decision import AccountProblem, DefaultSender, Facts, Request, SenderRef
from core.engine.destinations import DestinationMode, DestinationSetting
from core.errors import ParkReason
from core.sender import Evidence, Product, Registration, Sender, sender_name
from core.storage.database import Database
from core.storage.statements import CHUNK, chunks


@dataclass(slots=True)
class _Account:
    ref: int
    account_id: str
    parent_ref: int | None
    may_borrow: bool
    suspended: bool
    spread: bool | None
    area_codes: bool | None
    spread_defaults: set[tuple[str, str]] = field(default_factory=set)
    strategies: dict[tuple[str, str], list[tuple[int, SenderRef]]] = field(default_factory=dict)
    destinations: dict[str, DestinationMode] = field(default_factory=dict)

    def add_strategy(
        self, country: str, product: str, spread: bool, position: int | None, sender_id: str | None, *named: Any
    ) -> None:
        """One strategy of a default; `position` is None where the account has none."""
        if position is None:
            return
        sender_type, sender_country = named
        known_type = type_of(sender_type)
        if known_type is None:
            return
        ref = SenderRef(sender_id, known_type, sender_country)
        self.strategies.setdefault((country, product), []).append((position, ref))
        if spread:
            self.spread_defaults.add((country, product))

    def destinations_for(self, country: str) -> Iterator[DestinationSetting]:
        """What is set for the country, then what is set for the rest."""
        for key, named in ((country, country), (REST, None)):
            if key in self.destinations:
                yield DestinationSetting(self.account_id, named, self.destinations[key])

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

    @property
    def area_codes(self) -> bool:
        """The same for the sender that is nearest by area code."""
        own = self.requester.area_codes
        return bool(self.parent and self.parent.area_codes) if own is None else own


class EvidenceSource(Protocol):
    """What the receipts say of senders: published in Redis, or a double."""

    def find(
        self, wanted: Collection[tuple[str | None, str]]
    ) -> Mapping[tuple[str | None, str], Mapping[str, Evidence]] | None:
        """What is known of the senders of each owner (None: the pool) in each country, by `sender_name`.

        What nothing is known of is left out. None: it cannot be read at present.
        """


class FactStore(Database):
    """Reads what decisions are made of."""

    #: Where what the receipts say is read; None: nowhere, and a decision goes by the inventory alone.
    evidence: EvidenceSource | None = None

    def load_facts(self, requests: Sequence[Request]) -> dict[Request, Facts | AccountProblem]:
        """The facts of each request, or why it has none; one statement for every 500 requests."""
        with self.single() as connection:
            found = read_facts(connection, requests)
        return found if self.evidence is None else _with_evidence(found, self.evidence)


def _with_evidence(
    found: dict[Request, Facts | AccountProblem], evidence: EvidenceSource
) -> dict[Request, Facts | AccountProblem]:
    """The facts with what the receipts say of their senders, in one trip for all of them."""
    places = {
        request: {(sender.account_id, request.country) for sender in facts.senders}
        for request, facts in found.items()
        if isinstance(facts, Facts)
    }
    wanted = {place for each in places.values() for place in each}
    known = evidence.find(wanted) if wanted else {}
    for request, mine in places.items():
        facts = found[request]
        assert isinstance(facts, Facts)
        if known is None:
            found[request] = replace(facts, evidence_away=True)
        elif not mine.isdisjoint(known):
            senders = tuple(
                _measured(sender, known.get((sender.account_id, request.country))) for sender in facts.senders
            )
            found[request] = replace(facts, senders=senders)
    return found


def _measured(sender: Sender, known: Mapping[str, Evidence] | None) -> Sender:
    evidence = known.get(sender_name(sender.sender_type, sender.sender_id)) if known else None
    return sender if evidence is None else replace(sender, evidence=evidence)


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
    family = _Family((row[ACCOUNT_PART] for row in rows if row[0] is None), suspended_too)
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
            return facts_of_one(), parameters
    return FACTS[dialect], _lists(requests)


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
        area_codes=standing.area_codes,
        destinations=tuple(
            setting
            for account in (standing.requester, parent)
            if account is not None
            for setting in account.destinations_for(request.country)
        ),
    )


class _Family:
    """The accounts that requests name, with their parents and defaults."""

    def __init__(self, rows: Iterable[Sequence[Any]], suspended_too: bool) -> None:
        self._by_ref: dict[int, _Account] = {}
        for ref, account_id, parent_ref, may_borrow, status, spread, area_codes, *default, country, mode in rows:
            suspended = status != AccountStatus.ACTIVE and not suspended_too
            account = _Account(ref, account_id, parent_ref, may_borrow, suspended, spread, area_codes)
            known = self._by_ref.setdefault(ref, account)
            if mode is None:
                known.add_strategy(*default)
            else:
                known.destinations[country] = DestinationMode(mode)
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
        self._held: defaultdict[int | None, dict[int, Sender | None]] = defaultdict(dict)
        self._registrations: dict[tuple[int, str], Registration] = {}
        self._seen: dict[tuple[int | None, str], tuple[Sender, ...]] = {}
        for row in rows:
            sender_ref, owner = row[:2]
            held = self._held[owner]
            if sender_ref not in held:
                held[sender_ref] = sender_of(row[SENDER_PART], names[owner])
            if row[REGISTERED_COUNTRY] is None:
                continue
            registration = registration_of(row[REGISTRATION_PART])
            if registration is not None:
                self._registrations[sender_ref, row[REGISTERED_COUNTRY]] = registration

    def senders(self, owner: int | None, country: str) -> tuple[Sender, ...]:
        """Each with its registration there alone: facts do not depend on what else a batch asks for."""
        key = (owner, country)
        if key not in self._seen:
            self._seen[key] = tuple(
                self._seen_from(country, ref, sender)
                for ref, sender in self._held[owner].items()
                if sender is not None  # of a newer version
            )
        return self._seen[key]

    def _seen_from(self, country: str, sender_ref: int, sender: Sender) -> Sender:
        registration = self._registrations.get((sender_ref, country))
        return sender if registration is None else replace(sender, registrations=(registration,))
