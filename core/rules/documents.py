"""Rules, profiles and whole books as JSON values and back: for storage, for `rules show` and for rule files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar, get_type_hints

import msgspec

from core.engine.country_profile import CONTENT_FIELDS, CountryProfile, ProfileFact
from core.engine.country_rules import CountryRule, RuleBook

_FULL_DATE = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b")

_DATE_LENGTH = len("2026-01-31")

#: Fields of a rule in the order of the output.
RULE_FIELDS = (
    *("country", "sender_type", "sender_country", "status", "effective_from", "effective_until"),
    *("only_sender_countries", "unregistered", "sources", "as_of", "confidence", "sources_total", "notes"),
    *("override_reason", "certainty", *CONTENT_FIELDS.values()),
)

#: The same for a profile; what every country has stands before what few have.
PROFILE_FIELDS = (
    *("country", "name", "calling_codes", "two_way_long_code", "mms", "alpha_max_length", "alpha_letters_only"),
    *("alpha_charset_notes", "generic_senders_blocked", "type_preference", "alpha_majority"),
    *("alpha_local_registration", "delivery_receipts", "confidence", "sources_total", "sources", "as_of", "notes"),
    *("alpha_case_sensitive", "alpha_min_length", "alpha_characters", "alpha_not_first", "alpha_needs_letter"),
    *("generic_words", "promotional_affix", "promotional_allowed", "promotional_window", "url_allowed"),
    *("shortener_allowed", "phone_allowed", "facts"),
)

#: And of a fact with dates.
FACT_FIELDS = tuple(field.name for field in fields(ProfileFact))

_PROFILE_TYPES = get_type_hints(CountryProfile)

#: Enumerations are texts and tuples lists to it, so that only moments need a hand.
_COMPACT = json.JSONEncoder(separators=(",", ":"), default=datetime.isoformat)

T = TypeVar("T")


def rule_as_dict(rule: CountryRule) -> dict[str, Any]:
    """The rule as JSON values in a fixed order; moments are RFC 3339 in UTC."""
    return {name: _plain(getattr(rule, name)) for name in RULE_FIELDS}


def rule_from_dict(document: Mapping[str, Any]) -> CountryRule:
    """The inverse of `rule_as_dict`; missing optional fields take their defaults. Raises ValueError."""
    return _read(document, CountryRule)


def profile_as_dict(profile: CountryProfile) -> dict[str, Any]:
    """The profile as JSON values in a fixed order."""
    return {name: _plain(getattr(profile, name)) for name in PROFILE_FIELDS}


def profile_from_dict(document: Mapping[str, Any]) -> CountryProfile:
    """The inverse of `profile_as_dict`; missing optional fields take their defaults. Raises ValueError."""
    profile = _read(document, CountryProfile)
    return replace(profile, facts=tuple(map(_typed, profile.facts))) if profile.facts else profile


def _read(document: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _typed(fact: ProfileFact) -> ProfileFact:
    """JSON knows fewer types than the field that the fact speaks of."""
    return replace(fact, value=msgspec.convert(fact.value, _PROFILE_TYPES[fact.field]))


def content_version(rules: Iterable[CountryRule], profiles: Iterable[CountryProfile]) -> str:
    """The newest full date that an `as_of` of the data names and a digest of it all: equal content, equal version."""
    held, of_countries = tuple(rules), tuple(profiles)
    facts = [fact for profile in of_countries for fact in profile.facts]
    said = {each.as_of for each in held} | {each.as_of for each in of_countries} | {each.as_of for each in facts}
    dates = {date for as_of in said for date in _FULL_DATE.findall(as_of)}
    lines = [_COMPACT.encode([*profile_as_dict(profile).values()]) for profile in of_countries]
    lines += [_COMPACT.encode([getattr(rule, name) for name in RULE_FIELDS]) for rule in held]
    digest = sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return f"{max(dates, default='undated')}-{digest[:6]}"


def with_others(book: RuleBook, held: RuleBook) -> RuleBook:
    """The book with the countries of `held` that it leaves out, under a version of its own; overrides stay apart."""
    others = held.with_overrides(())
    rules = {**others.rules, **book.with_overrides(()).rules}
    profiles = {
        **{code: profile for code, profile in others.profiles.items() if code not in book.rules},
        **book.profiles,
    }
    flat = [rule for country in sorted(rules) for rule in rules[country]]
    return RuleBook(content_version(flat, profiles.values()), rules, profiles)


def version_date(version: str) -> str:
    """The date at the head of a version, as it is written; one that is undated is later than all that have one."""
    return version[:_DATE_LENGTH]


def book_as_dict(book: RuleBook) -> dict[str, Any]:
    """The whole book as JSON values, countries in alphabetical order."""
    return {
        "version": book.version,
        "profiles": [profile_as_dict(book.profiles[country]) for country in sorted(book.profiles)],
        "rules": [rule_as_dict(rule) for country in book.countries() for rule in book.rules[country]],
    }


def book_from_dict(document: Mapping[str, Any]) -> RuleBook:
    """The inverse of `book_as_dict`, under the version that the document names."""
    profiles = (profile_from_dict(profile) for profile in document["profiles"])
    return RuleBook.of(document["version"], (rule_from_dict(rule) for rule in document["rules"]), profiles)


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ProfileFact):
        return {name: _plain(getattr(value, name)) for name in FACT_FIELDS}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
