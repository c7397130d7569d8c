"""Default senders: the sender that an account has chosen for a country and a product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.accounts import Account, account_row
from core.country_rules import RuleBook
from core.database import Database, Write
from core.decision import Facts, Policy, Request
from core.default_pages import DefaultPage, PageRequest
from core.default_rows import (
    MANUAL,
    DefaultChange,
    StoredDefault,
    defaults_query,
    find_default,
    find_default_by_id,
    read_defaults,
    with_strategies,
    write_changes,
)
from core.default_strategies import (
    ENABLED,
    Judge,
    Strategy,
    form_errors,
    with_country,
)
from core.errors import ConflictError, FieldError, NotFoundError, RefusedError
from core.sender import Product
from core.store_facts import read_facts
from core.tables import DefaultHistoryRow, DefaultRow


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of a default; `before` None: created, `after` None: removed."""

    country: str
    product: Product
    changed_at: datetime
    changed_by: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whose default for what, and as it stood; `as_http`: strategies are written as the HTTP API asks."""

    account: Account
    country: str
    product: Product
    before: StoredDefault | None
    as_http: bool


class DefaultSenders:
    """The default senders of a database, judged by the rules and the policy that messages are judged by."""

    def __init__(self, database: Database, rules: Callable[[], RuleBook], policy: Policy) -> None:
        self._database, self._rules, self._policy = database, rules, policy

    def create(
        self, account_id: str, country: str, product: Product, strategies: Sequence[Strategy], by: str
    ) -> StoredDefault:
        """A new default, under the HTTP API's rules. Raises NotFoundError, RefusedError, ConflictError."""
        judge = self._judge()
        _refuse_unknown(country, judge.rules)
        _refuse(form_errors(strategies, judge.rules, as_http=True))
        with conflicts_told(), self._database.writing() as write:
            account = account_row(write.connection, account_id)
            if _find(write.connection, account, country, product) is not None:
                raise ConflictError(f"account {account_id!r} has a default for {country} and {product} already")
            return self._write(write, judge, _Wanted(account, country, product, None, True), strategies, by)

    def put(
        self, account_id: str, country: str, product: Product, strategies: Sequence[Strategy], by: str
    ) -> StoredDefault:
        """Creates or replaces a default; a sender's country is taken from the inventory where it is not given.

        Raises NotFoundError, RefusedError.
        """
        judge = self._judge()
        _refuse_unknown(country, judge.rules)
        _refuse(form_errors(strategies, judge.rules, as_http=False))
        with conflicts_told(), self._database.writing() as write:
            account = account_row(write.connection, account_id)
            before = _find(write.connection, account, country, product)
            return self._write(write, judge, _Wanted(account, country, product, before, False), strategies, by)

    def get(self, account_id: str, default_id: UUID) -> StoredDefault:
        """Raises NotFoundError, also for another account's default."""
        with self._database.single() as connection:
            return _by_id(connection, account_row(connection, account_id), default_id)

    def update(self, account_id: str, default_id: UUID, strategies: Sequence[Strategy], by: str) -> StoredDefault:
        """Replaces the strategies, under the HTTP API's rules. Raises NotFoundError, RefusedError."""
        judge = self._judge()
        _refuse(form_errors(strategies, judge.rules, as_http=True))
        with conflicts_told(), self._database.writing() as write:
            account = account_row(write.connection, account_id)
            before = _by_id(write.connection, account, default_id, lock=True)
            wanted = _Wanted(account, before.country, before.product, before, True)
            return self._write(write, judge, wanted, strategies, by)

    def delete(self, account_id: str, default_id: UUID, by: str) -> None:
        """Raises NotFoundError."""
        with self._database.writing() as write:
            stored = _by_id(write.connection, account_row(write.connection, account_id), default_id, lock=True)
            self._remove(write, stored, by)

    def unset(self, account_id: str, country: str, product: Product, by: str) -> None:
        """Raises NotFoundError where there is no such default."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            stored = _find(write.connection, account, country, product)
            if stored is None:
                raise NotFoundError(f"account {account_id!r} has no default for {country} and {product}")
            self._remove(write, stored, by)

    def page(self, account_id: str, wanted: PageRequest) -> DefaultPage:
        """One page of an account's own defaults. Raises NotFoundError."""
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            query = defaults_query(DefaultRow.account_ref == account.user_id, *wanted.behind())
            rows = connection.execute(query.order_by(*wanted.order()).limit(wanted.per_page + 1)).all()
            items = with_strategies(connection, rows[: wanted.per_page])
        more = len(rows) > wanted.per_page
        return DefaultPage(tuple(items), wanted.cursor_after(items[-1]) if more else None)

    def inherited(self, account_id: str) -> list[StoredDefault]:
        """The defaults of the account above that count for a sub-account, because it has none of its own there."""
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            if account.parent_user_id is None:
                return []
            refs = [account.user_id, account.parent_user_id]
            found = read_defaults(connection, DefaultRow.account_ref.in_(refs), DefaultRow.status == ENABLED)
        own = {each.key[1:] for each in found if each.account_id == account_id}
        parents = [each for each in found if each.account_id != account_id and each.key[1:] not in own]
        return sorted(parents, key=lambda each: each.key[1:])

    def history(self, account_id: str, *, limit: int = 100) -> list[HistoryEntry]:
        """The latest changes of an account's defaults, newest first. Raises NotFoundError."""
        columns = [column for column in DefaultHistoryRow.__table__.columns if column.name not in {"id", "account_ref"}]
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            query = select(*columns).where(DefaultHistoryRow.account_ref == account.user_id)
            newest = (DefaultHistoryRow.changed_at.desc(), DefaultHistoryRow.id.desc())
            rows = connection.execute(query.order_by(*newest).limit(limit)).mappings()
            return [HistoryEntry(**({**row} | {"product": Product(row["product"])})) for row in rows]

    def _write(
        self, write: Write, judge: Judge, wanted: _Wanted, strategies: Sequence[Strategy], by: str
    ) -> StoredDefault:
        country, product, account = wanted.country, wanted.product, wanted.account
        request = Request(account.account_id, None, country, product)
        facts = facts_for_defaults(write.connection, [request])[request]
        known = strategies if wanted.as_http else [with_country(strategy, facts) for strategy in strategies]
        _refuse(judge.errors(known, request, facts))
        change = DefaultChange((account.user_id, country, product), wanted.before, tuple(known))
        written = write_changes(write, [change], origin=MANUAL, by=by, now=judge.now)
        if wanted.before is not None and not written:
            return wanted.before
        return _written(wanted, written[change.key], change.strategies, judge.now)

    def _judge(self) -> Judge:
        return Judge(self._rules(), self._policy, self._database.clock())

    def _remove(self, write: Write, stored: StoredDefault, by: str) -> None:
        removal = DefaultChange(stored.key, stored, ())
        write_changes(write, [removal], origin=MANUAL, by=by, now=self._database.clock())


@contextmanager
def conflicts_told() -> Iterator[None]:
    """Turns the refusal of a second default for one account, country and product into ConflictError."""
    try:
        yield
    except IntegrityError:
        raise ConflictError("somebody else has set this default at the same moment") from None


def _written(wanted: _Wanted, default_id: UUID, strategies: Sequence[Strategy], now: datetime) -> StoredDefault:
    """What the database holds now, without asking it again."""
    account, before = wanted.account, wanted.before
    return StoredDefault(
        default_id=default_id,
        account_id=account.account_id,
        user_id=account.user_id if account.parent_user_id is None else account.parent_user_id,
        subaccount_user_id=None if account.parent_user_id is None else account.user_id,
        country=wanted.country,
        product=wanted.product,
        strategies=tuple(replace(strategy, sender_id=strategy.sender_id or None) for strategy in strategies),
        status=ENABLED,
        origin=MANUAL,
        created_timestamp=now if before is None else before.created_timestamp,
        updated_timestamp=now,
    )


def _refuse_unknown(country: str, rules: RuleBook) -> None:
    """First of all: a text that is no country may not even be fit for a statement."""
    _refuse([] if rules.knows(country) else [FieldError("country_code", "must be an ISO 3166-1 alpha-2 code")])


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise RefusedError("the default sender is refused", errors)


def facts_for_defaults(connection: Connection, requests: Sequence[Request]) -> dict[Request, Facts]:
    """The facts by which defaults of accounts that exist are judged, suspended accounts included."""
    found = read_facts(connection, requests, suspended_too=True)
    return {request: facts for request, facts in found.items() if isinstance(facts, Facts)}


def _find(connection: Connection, account: Account, country: str, product: Product) -> StoredDefault | None:
    return find_default(connection, (account.user_id, country, product))


def _by_id(connection: Connection, account: Account, default_id: UUID, *, lock: bool = False) -> StoredDefault:
    found = find_default_by_id(connection, account.user_id, default_id, lock=lock)
    if found is None:
        raise NotFoundError(f"account {account.account_id!r} has no default sender {default_id}")
    return found
