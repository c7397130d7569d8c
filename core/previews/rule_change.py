"""What-if: which accounts would feel other country rules, in their default senders and in their smart choices.

Both sides are judged at one moment by the same senders, so that what differs is the rules' doing alone. Accounts pass
in pages; nothing is kept of those that feel nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.accounts.accounts import AccountStatus
from core.accounts.facts import read_facts
from core.defaults.default_senders import facts_for_defaults
from core.defaults.judge import ComplianceJudge
from core.defaults.rows import StoredDefault, defaults_after
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import REGION_HOMES, CountryRule, RuleBook
from core.engine.decide import decide
from core.engine.decision import Decision, DefaultStatus, Facts, Policy, Request, Source
from core.rules.diff import RuleChange
from core.sender import Product, Sender, SenderType
from core.storage.database import Database
from core.storage.statements import CHUNK, any_of
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS

#: Accounts read at a time, at the most; fewer where many countries change.
_ACCOUNTS = 200

#: Accounts times countries read at a time.
_REQUESTS = 2000

#: No country's code: abroad from everywhere.
_ABROAD = "ZZ"

#: Sources of a default's sender; a change from one to another is the defaults' affair.
_NAMED = frozenset({Source.DEFAULT, Source.INHERITED_DEFAULT})


@dataclass(frozen=True, slots=True)
class DefaultEffect:
    """A default that is usable under one book and not under the other; texts say why not, None: it is usable."""

    default: StoredDefault
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SmartEffect:
    """A plain message of the account to the country that another sender, or none, would send, or another grade."""

    before: Decision
    after: Decision

    @property
    def account_id(self) -> str:
        """Whose message."""
        return self.before.request.account_id


def changed_countries(changes: Iterable[RuleChange]) -> tuple[str, ...]:
    """The countries whose decisions may differ, with the regions that read their rules."""
    found = {change.country for change in changes if change.what != "provenance"}
    return tuple(sorted(found | {region for region, home in REGION_HOMES.items() if home in found}))


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Two books with their local corrections, compared at `now` (aware UTC) for some countries."""

    database: Database
    before: RuleBook
    after: RuleBook
    policy: Policy
    now: datetime
    countries: Sequence[str]

    def defaults(self) -> Iterator[DefaultEffect]:
        """The enabled defaults that could no longer be used, or could again; in the order of their ids."""
        last: UUID | None = None
        while self.countries:
            with self.database.single() as connection:
                in_reach = (
                    DEFAULT_SENDERS.c.status == DefaultStatus.ENABLED,
                    any_of(connection, DEFAULT_SENDERS.c.country, self.countries),
                )
                stored = defaults_after(connection, last, CHUNK, *in_reach)
                requests = [Request(each.account_id, None, each.country, each.product) for each in stored]
                facts = facts_for_defaults(connection, requests)
            for each, request in zip(stored, requests, strict=True):
                before = self._problem(self.before, each, request, facts[request])
                after = self._problem(self.after, each, request, facts[request])
                if (before is None) != (after is None):
                    yield DefaultEffect(each, before, after)
            if len(stored) < CHUNK:
                return
            last = stored[-1].default_id

    def smart(self, product: Product = Product.SMS) -> Iterator[SmartEffect]:
        """The plain messages of active accounts that would be sent otherwise, by account and country.

        A default that stands is heeded, so that what is listed is what would happen.
        """
        contrast, last = Contrast(self.before, self.after, product, self.now), 0
        at_once = max(1, min(_ACCOUNTS, _REQUESTS // max(1, len(self.countries))))
        while self.countries:
            with self.database.single() as connection:
                accounts = _accounts_after(connection, last, at_once)
                requests = [
                    Request(row.account_id, None, country, product) for row in accounts for country in self.countries
                ]
                found = read_facts(connection, requests)
            for request, facts in found.items():
                if isinstance(facts, Facts) and contrast.felt_by(request.country, facts.senders):
                    yield from self._effect(request, facts)
            if len(accounts) < at_once:
                return
            last = accounts[-1].user_id

    def _effect(self, request: Request, facts: Facts) -> Iterator[SmartEffect]:
        before, after = (decide(request, facts, book, self.policy, self.now) for book in (self.before, self.after))
        named = before.source in _NAMED and after.source in _NAMED
        if not named and (before.sender, before.grade) != (after.sender, after.grade):
            yield SmartEffect(before, after)

    def _problem(self, book: RuleBook, default: StoredDefault, request: Request, facts: Facts) -> str | None:
        errors = ComplianceJudge(book, self.policy, self.now).errors(
            dict(enumerate(default.strategies)), request, facts
        )
        return "; ".join(f"{error.field} {error.reason}" for error in errors) or None


class Contrast:
    """Which sender types two books treat differently in a country; remembered, for many accounts hold the same types."""

    def __init__(self, before: RuleBook, after: RuleBook, product: Product, now: datetime) -> None:
        self._books, self._product, self._now = (before, after), product, now
        self._types: dict[str, frozenset[SenderType]] = {}

    def felt_by(self, country: str, senders: Iterable[Sender]) -> bool:
        """Whether a decision among the senders may differ: where no rule of theirs does, it is the same."""
        if country not in self._types:
            self._types[country] = frozenset(self._differing(country))
        types = self._types[country]
        return any(sender.sender_type in types for sender in senders)

    def _differing(self, country: str) -> Iterable[SenderType]:
        profiles = {_profile_effect(book.profile(country, self._now)) for book in self._books}
        if len(profiles) > 1 or len({book.knows(country) for book in self._books}) > 1:
            return SenderType
        return (
            kind for kind in SenderType if any(self._differs(country, kind, origin) for origin in _origins(country))
        )

    def _differs(self, country: str, sender_type: SenderType, origin: str | None) -> bool:
        rules = (book.rule_for(country, sender_type, origin, self._product, self._now) for book in self._books)
        return len(set(map(_rule_effect, rules))) > 1


def _origins(country: str) -> tuple[str | None, ...]:
    """A sender country for each origin that a rule can speak of."""
    return country, _ABROAD, None


#: What a profile says for people alone; the engine heeds all the rest, and so does whoever adds a field.
_FOR_PEOPLE = frozenset(
    {
        *("country", "name", "calling_codes", "alpha_charset_notes", "confidence", "sources", "as_of", "notes"),
        *("sources_total", "alpha_majority", "alpha_local_registration", "delivery_receipts", "promotional_window"),
        "facts",
    }
)
_HEEDED = tuple(field.name for field in fields(CountryProfile) if field.name not in _FOR_PEOPLE)


def _profile_effect(profile: CountryProfile) -> tuple[object, ...]:
    """All of a profile that the engine heeds."""
    return tuple(getattr(profile, name) for name in _HEEDED)


def _rule_effect(rule: CountryRule | None) -> tuple[object, ...]:
    return (
        () if rule is None else (rule.status, rule.unregistered, rule.certainty, frozenset(rule.only_sender_countries))
    )


def _accounts_after(connection: Connection, last: int, limit: int) -> Sequence[Row[int, str]]:
    query = select(ACCOUNTS.c.user_id, ACCOUNTS.c.account_id).where(
        ACCOUNTS.c.status == AccountStatus.ACTIVE.value, ACCOUNTS.c.user_id > last
    )
    return connection.execute(query.order_by(ACCOUNTS.c.user_id).limit(limit)).all()
