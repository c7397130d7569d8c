"""Default senders: the sender that an account has chosen for a country and a product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.accounts.accounts import Account, AccountOrId, account_id_of, account_row, resolved_account
from core.accounts.facts import read_facts
from core.countries import country_error
from core.defaults.changes import DefaultChange, write_changes
from core.defaults.judge import ComplianceJudge, with_country
from core.defaults.pages import DefaultPage, PageRequest
from core.defaults.rows import (
    DefaultOrigin,
    StoredDefault,
    defaults_query,
    find_default,
    find_default_by_id,
    read_defaults,
    stored_defaults,
)
from core.defaults.strategies import MAX_STRATEGIES, STRATEGIES_FIELD, Strategy, form_errors, form_errors_by_place
from core.engine.country_rules import RuleBook
from core.engine.decision import DefaultStatus, Facts, Policy, Request
from core.errors import ConflictError, FieldError, NotFoundError, RefusedError
from core.sender import Product
from core.storage.database import Database, Write
from core.storage.tables import DEFAULT_HISTORY, DEFAULT_SENDERS


def _can_be_judged(strategy: Strategy, at: int, blamed: set[str]) -> bool:
    """Whether its sender can be looked up, though its note is too long, or its country was left out."""
    place = f"{STRATEGIES_FIELD}[{at}]"
    unknown_country = strategy.sender_country_code is not None and f"{place}.sender_country_code" in blamed
    return f"{place}.sender_id" not in blamed and not unknown_country


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of a default; `before` is None where it was created, `after` where it was removed."""

    country: str
    product: Product
    changed_at: datetime
    changed_by: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A default as it stands, or a new one without its strategies yet. `as_http` says whose rules of form hold."""

    stored: StoredDefault
    new: bool
    as_http: bool

    @property
    def request(self) -> Request:
        """What the engine is asked to judge the default's senders."""
        return Request(self.stored.account_id, None, self.stored.country, self.stored.product)


@dataclass(frozen=True, slots=True)
class Draft:
    """A default as far as a request for it can be read; its strategies by their places in the list."""

    country: str | None
    product: Product | None
    strategies: Mapping[int, Strategy]

    @property
    def as_kept(self) -> Draft:
        """With its numbers in E.164."""
        return replace(self, strategies={at: strategy.as_kept for at, strategy in self.strategies.items()})


class DefaultSenders:
    """The default senders of a database, judged by the rules and the policy that messages are judged by."""

    def __init__(self, database: Database, rules: Callable[[], RuleBook], policy: Policy) -> None:
        self._database, self._rules, self._policy = database, rules, policy

    def create(
        self, account: AccountOrId, country: str, product: Product, strategies: Sequence[Strategy], by: str
    ) -> StoredDefault:
        """A new default, under the HTTP API's rules; `account`: at hand, or its id.

        Raises NotFoundError, RefusedError, ConflictError. That there is one already, the database tells when it is
        written; it is asked beforehand only where the strategies are refused.
        """
        judge, strategies = self._judge(), [strategy.as_kept for strategy in strategies]
        malformed = form_errors(strategies, judge.rules, as_http=True)
        if malformed or not judge.rules.knows(country):
            _refuse(self.problems(account, Draft(country, product, dict(enumerate(strategies)))) or malformed)
        words = f"account {account_id_of(account)!r} has a default for {country} and {product} already"
        with as_conflict_error(words), self._database.writing() as write:
            frame = _frame(resolved_account(write.connection, account), country, product, judge.now)
            try:
                return self._write(write, judge, _Wanted(frame, True, True), strategies, by)
            except RefusedError:
                if find_default(write.connection, frame.account_id, country, product) is not None:
                    raise ConflictError(words) from None
                raise

    def put(
        self, account_id: str, country: str, product: Product, strategies: Sequence[Strategy], by: str
    ) -> StoredDefault:
        """Creates or replaces a default; a sender's country is taken from the inventory where it is not given.

        Raises NotFoundError, RefusedError.
        """
        judge, strategies = self._judge(), [strategy.as_kept for strategy in strategies]
        # First of all: a text that is no country may not even be fit for a statement.
        _refuse(_unknown_country(country, judge.rules))
        _refuse(form_errors(strategies, judge.rules, as_http=False))
        with as_conflict_error(), self._database.writing() as write:
            before = find_default(write.connection, account_id, country, product)
            if before is not None:
                return self._write(write, judge, _Wanted(before, False, False), strategies, by)
            frame = _frame(account_row(write.connection, account_id), country, product, judge.now)
            return self._write(write, judge, _Wanted(frame, True, False), strategies, by)

    def update(
        self,
        account_id: str,
        default_id: UUID,
        strategies: Sequence[Strategy],
        by: str,
        *,
        country: str | None = None,
        product: Product | None = None,
    ) -> StoredDefault:
        """Replaces the strategies, under the HTTP API's rules. Raises NotFoundError, RefusedError.

        Country and product cannot be changed: where they are given, they must be those of the default.
        """
        judge, strategies = self._judge(), [strategy.as_kept for strategy in strategies]
        malformed = form_errors(strategies, judge.rules, as_http=True)
        with as_conflict_error(), self._database.writing() as write:
            before = _by_id(write.connection, account_id, default_id, lock=True)
            if malformed or _moved(before, country, product):
                draft = Draft(country, product, dict(enumerate(strategies)))
                _refuse(self._problems(write.connection, judge, before, draft) or malformed)
            return self._write(write, judge, _Wanted(before, False, True), strategies, by)

    def problems(self, account: AccountOrId, draft: Draft, default_id: UUID | None = None) -> list[FieldError]:
        """All that is wrong with a default, as far as it can be told together; nothing is written.

        `default_id`: of the one that would be changed. Raises NotFoundError.
        """
        judge, draft = self._judge(), draft.as_kept
        unknown = [] if draft.country is None else _unknown_country(draft.country, judge.rules)
        with self._database.single() as connection:
            if default_id is not None:
                stored = _by_id(connection, account_id_of(account), default_id)
                return self._problems(connection, judge, stored, draft)
            if unknown or draft.country is None or draft.product is None:
                malformed = form_errors_by_place(draft.strategies, judge.rules, as_http=True)
                return [*unknown, *malformed]
            frame = _frame(resolved_account(connection, account), draft.country, draft.product, judge.now)
            return self._problems(connection, judge, frame, draft)

    def _problems(
        self, connection: Connection, judge: ComplianceJudge, stored: StoredDefault, draft: Draft
    ) -> list[FieldError]:
        """A strategy whose sender cannot be read is judged no further; the others are. Of too many none is judged."""
        if len(draft.strategies) > MAX_STRATEGIES:
            return form_errors([*draft.strategies.values()], judge.rules, as_http=True)
        errors = form_errors_by_place(draft.strategies, judge.rules, as_http=True)
        blamed = {error.field for error in errors}
        fit = {at: each for at, each in draft.strategies.items() if _can_be_judged(each, at, blamed)}
        request = _Wanted(stored, False, True).request
        errors += judge.errors(fit, request, facts_for_defaults(connection, [request])[request])
        return [*_moved(stored, draft.country, draft.product), *sorted(errors, key=lambda error: error.field)]

    def delete(self, account_id: str, default_id: UUID, by: str) -> None:
        """Raises NotFoundError."""
        with self._database.writing() as write:
            self._remove(write, _by_id(write.connection, account_id, default_id, lock=True), by)

    def unset(self, account_id: str, country: str, product: Product, by: str) -> None:
        """Raises NotFoundError where there is no such default."""
        with self._database.writing() as write:
            stored = find_default(write.connection, account_id, country, product)
            if stored is None:
                account_row(write.connection, account_id)
                raise NotFoundError(f"account {account_id!r} has no default for {country} and {product}")
            self._remove(write, stored, by)

    def page(self, account_id: str, wanted: PageRequest) -> DefaultPage:
        """One page of an account's own defaults. Raises NotFoundError."""
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            query = defaults_query(DEFAULT_SENDERS.c.account_ref == account.user_id, *wanted.behind())
            rows = connection.execute(query.order_by(*wanted.order()).limit(wanted.per_page + 1))
            return wanted.page_of(stored_defaults(rows))

    def inherited(self, account_id: str) -> list[StoredDefault]:
        """The defaults of the account above that count for a sub-account, because it has none of its own there."""
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            if account.parent_user_id is None:
                return []
            refs = [account.user_id, account.parent_user_id]
            found = read_defaults(
                connection, DEFAULT_SENDERS.c.account_ref.in_(refs), DEFAULT_SENDERS.c.status == DefaultStatus.ENABLED
            )
        own = {each.key[1:] for each in found if each.account_id == account_id}
        parents = [each for each in found if each.account_id != account_id and each.key[1:] not in own]
        return sorted(parents, key=lambda each: each.key[1:])

    def history(self, account: AccountOrId, *, limit: int = 100) -> list[HistoryEntry]:
        """The latest changes of the defaults of an account, at hand or by its id, newest first. Raises NotFoundError."""
        columns = [column for column in DEFAULT_HISTORY.c if column.name not in {"id", "account_ref"}]
        with self._database.single() as connection:
            holder = resolved_account(connection, account)
            query = select(*columns).where(DEFAULT_HISTORY.c.account_ref == holder.user_id)
            newest = (DEFAULT_HISTORY.c.changed_at.desc(), DEFAULT_HISTORY.c.id.desc())
            rows = connection.execute(query.order_by(*newest).limit(limit)).mappings()
            return [HistoryEntry(**({**row} | {"product": Product(row["product"])})) for row in rows]

    def _write(
        self, write: Write, judge: ComplianceJudge, wanted: _Wanted, strategies: Sequence[Strategy], by: str
    ) -> StoredDefault:
        stored, request = wanted.stored, wanted.request
        facts = facts_for_defaults(write.connection, [request])[request]
        known = strategies if wanted.as_http else [with_country(strategy, facts) for strategy in strategies]
        _refuse(form_errors(known, judge.rules, as_http=wanted.as_http))
        _refuse(judge.errors(dict(enumerate(known)), request, facts))
        change = DefaultChange(stored.key, None if wanted.new else stored, tuple(known))
        written = write_changes(write, [change], origin=DefaultOrigin.MANUAL, by=by, now=judge.now)
        return _written(stored, written[change.key], change.strategies, judge.now) if written else stored

    def _judge(self) -> ComplianceJudge:
        return ComplianceJudge(self._rules(), self._policy, self._database.clock())

    def _remove(self, write: Write, stored: StoredDefault, by: str) -> None:
        removal = DefaultChange(stored.key, stored, ())
        write_changes(write, [removal], origin=DefaultOrigin.MANUAL, by=by, now=self._database.clock())


@contextmanager
def as_conflict_error(words: str = "somebody else has set this default at the same moment") -> Iterator[None]:
    """Turns the refusal of a second default for one account, country and product into ConflictError."""
    try:
        yield
    except IntegrityError:
        raise ConflictError(words) from None


def _frame(account: Account, country: str, product: Product, now: datetime) -> StoredDefault:
    """A default that is not there yet: it has no id and no strategies."""
    return StoredDefault(
        default_id=UUID(int=0),
        account_id=account.account_id,
        user_id=account.user_id if account.parent_user_id is None else account.parent_user_id,
        subaccount_user_id=None if account.parent_user_id is None else account.user_id,
        country=country,
        product=product,
        strategies=(),
        status=DefaultStatus.ENABLED,
        origin=DefaultOrigin.MANUAL,
        created_timestamp=now,
        updated_timestamp=now,
    )


def _written(stored: StoredDefault, default_id: UUID, strategies: Sequence[Strategy], now: datetime) -> StoredDefault:
    """What the database holds now, without asking it again."""
    held = tuple(replace(strategy, sender_id=strategy.sender_id or None) for strategy in strategies)
    fresh = replace(stored, default_id=default_id, strategies=held, updated_timestamp=now)
    return replace(fresh, status=DefaultStatus.ENABLED, origin=DefaultOrigin.MANUAL)


def _unknown_country(country: str, rules: RuleBook) -> list[FieldError]:
    words = country_error(country, rules)
    return [FieldError("country_code", words)] if words else []


def _moved(stored: StoredDefault, country: str | None, product: Product | None) -> list[FieldError]:
    """What a change gives that is another country or product than the default's."""
    given = {"country_code": (country, stored.country), "product_type": (product, stored.product)}
    return [
        FieldError(name, f"cannot be changed: this default sender is for {held}; set another one")
        for name, (wanted, held) in given.items()
        if wanted is not None and wanted != held
    ]


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise RefusedError("the default sender is refused", errors)


def facts_for_defaults(connection: Connection, requests: Sequence[Request]) -> dict[Request, Facts]:
    """The facts by which defaults of accounts that exist are judged, suspended accounts included."""
    found = read_facts(connection, requests, suspended_too=True)
    return {request: facts for request, facts in found.items() if isinstance(facts, Facts)}


def _by_id(connection: Connection, account_id: str, default_id: UUID, *, lock: bool = False) -> StoredDefault:
    found = find_default_by_id(connection, account_id, default_id, lock=lock)
    if found is None:
        account_row(connection, account_id)
        raise NotFoundError(f"account {account_id!r} has no default sender {default_id}")
    return found
