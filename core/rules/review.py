"""What of the rules should be looked at: what nobody has looked at for long, what changes soon, what rests on one source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.engine.country_rules import CountryRule, RuleBook
from core.rules.diff import described_fact, described_rule
from core.sender import SenderType

#: Rules that were looked at longer ago than this are stale.
LOOK_EVERY = timedelta(days=365)

#: Changes are told so long beforehand.
HORIZON = timedelta(days=90)

_PERIOD = re.compile(r"\b([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?\b")


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """The rules of a country that the same sources speak of. `looked_at` is the latest day on which one did."""

    country: str
    sender_types: tuple[SenderType, ...]
    sources: tuple[str, ...]
    looked_at: date | None


@dataclass(frozen=True, slots=True)
class ComingChange:
    """What begins at a moment; `what` is a sender type with its origin, or a field of the profile."""

    at: datetime
    country: str
    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a maintainer should look at; local corrections are left out."""

    stale: tuple[RuleGroup, ...]
    coming: tuple[ComingChange, ...]
    single_source: tuple[RuleGroup, ...]


def review(book: RuleBook, now: datetime, horizon: timedelta = HORIZON) -> Review:
    """What to look at on the day of `now` (aware UTC), and what changes within `horizon` after it."""
    groups = tuple(group for country in book.countries() for group in _groups(_current(book, country, now), now.date()))
    coming = (change for country in book.countries() for change in _coming(book, country, now, now + horizon))
    return Review(
        stale=tuple(
            group for group in groups if group.looked_at is None or group.looked_at < (now - LOOK_EVERY).date()
        ),
        coming=tuple(sorted(coming, key=lambda change: (change.at, change.country, change.what))),
        single_source=tuple(group for group in groups if len(group.sources) == 1),
    )


def looked_at(as_of: str) -> date | None:
    """The latest day that an `as_of` may mean (`aws:2026` is the end of that year); None: it names none."""
    return max(filter(None, (_last_day(*match.groups()) for match in _PERIOD.finditer(as_of))), default=None)


def _last_day(year: str, month: str | None, day: str | None) -> date | None:
    try:
        if day is not None:
            return date(int(year), int(month or 1), int(day))
        first_after = date(int(year) + 1, 1, 1) if month in (None, "12") else date(int(year), int(month or 0) + 1, 1)
    except ValueError:
        return None
    return first_after - timedelta(days=1)


def _current(book: RuleBook, country: str, now: datetime) -> Iterator[CountryRule]:
    for rule in book.rules_of(country):
        if rule.override_reason is None and (rule.effective_until is None or rule.effective_until > now):
            yield rule


def _groups(rules: Iterable[CountryRule], today: date) -> Iterator[RuleGroup]:
    groups: dict[tuple[str, tuple[str, ...], date | None], dict[SenderType, None]] = {}
    for rule in rules:
        day = looked_at(rule.as_of)
        key = (rule.country, rule.sources, None if day is None else min(day, today))
        groups.setdefault(key, {})[rule.sender_type] = None
    for (country, sources, day), types in groups.items():
        yield RuleGroup(country, tuple(types), sources, day)


def _coming(book: RuleBook, country: str, now: datetime, end: datetime) -> Iterator[ComingChange]:
    for rule in _current(book, country, now):
        if _between(now, rule.effective_from, end):
            yield ComingChange(_utc(rule.effective_from), country, _subject(rule), described_rule(rule))
        if _between(now, rule.effective_until, end) and not _followed(book, rule):
            yield ComingChange(_utc(rule.effective_until), country, _subject(rule), f"ends: {described_rule(rule)}")
    for fact in book.profile(country).facts:
        if _between(now, fact.effective_from, end):
            yield ComingChange(_utc(fact.effective_from), country, fact.field, described_fact(fact))
        if _between(now, fact.effective_until, end):
            yield ComingChange(_utc(fact.effective_until), country, fact.field, f"ends: {described_fact(fact)}")


def _subject(rule: CountryRule) -> str:
    return f"{rule.sender_type} {rule.sender_country}"


def _followed(book: RuleBook, rule: CountryRule) -> bool:
    return any(
        (other.sender_type, other.sender_country, other.effective_from)
        == (rule.sender_type, rule.sender_country, rule.effective_until)
        for other in book.rules_of(rule.country)
    )


def _between(now: datetime, moment: datetime | None, end: datetime) -> bool:
    return moment is not None and now < moment <= end


def _utc(moment: datetime | None) -> datetime:
    assert moment is not None
    return moment.astimezone(UTC)
