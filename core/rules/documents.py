"""Rules, profiles and whole books as JSON values and back: for storage, for `rules show` and for rule files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from core.engine.country_rules import CountryProfile, CountryRule, Grade, RuleBook, RuleStatus, SenderOrigin
from core.moments import parse_moment
from core.sender import SenderType

_Parse = Callable[[Any], Any]

_COUNT_MAX = 1_000_000

#: A name has at least 3 and at most 11 characters anywhere; a country may allow fewer than 11.
ALPHA_MIN, ALPHA_MAX = 3, 11

_COUNTRY = re.compile(r"[A-Z]{2}")
_FULL_DATE = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b")

#: Control characters and lone surrogates, which neither a terminal nor a database takes.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

#: Enumerations are texts and tuples lists to it, so that only moments need a hand.
_COMPACT = json.JSONEncoder(separators=(",", ":"), default=datetime.isoformat)


def rule_as_dict(rule: CountryRule) -> dict[str, Any]:
    """The rule as JSON values in a fixed order; moments are RFC 3339 in UTC."""
    return {name: _plain(getattr(rule, name)) for name in RULE_FIELDS}


def rule_from_dict(document: Mapping[str, Any]) -> CountryRule:
    """The inverse of `rule_as_dict`; missing optional fields take their defaults. Raises ValueError or TypeError."""
    return CountryRule(**{name: parse(document[name]) for name, parse in RULE_FIELDS.items() if name in document})


def profile_as_dict(profile: CountryProfile) -> dict[str, Any]:
    """The profile as JSON values in a fixed order."""
    return {name: _plain(getattr(profile, name)) for name in PROFILE_FIELDS}


def profile_from_dict(document: Mapping[str, Any]) -> CountryProfile:
    """The inverse of `profile_as_dict`; missing optional fields take their defaults. Raises ValueError or TypeError."""
    return CountryProfile(**{name: parse(document[name]) for name, parse in PROFILE_FIELDS.items() if name in document})


def content_version(rules: Iterable[CountryRule], profiles: Iterable[CountryProfile]) -> str:
    """The newest full date that the data's `as_of` names and a digest of it all: equal content, equal version."""
    told = tuple(profiles)
    dates = [date for profile in told for date in _FULL_DATE.findall(profile.as_of)]
    lines = [_line(profile, PROFILE_FIELDS) for profile in told] + [_line(rule, RULE_FIELDS) for rule in rules]
    digest = sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return f"{max(dates, default='undated')}-{digest[:6]}"


def _line(item: CountryRule | CountryProfile, fields: Iterable[str]) -> str:
    return _COMPACT.encode([getattr(item, name) for name in fields])


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
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - a bad value of a document, not a bug
    if UNPRINTABLE.search(value):
        raise ValueError(f"{value!r} contains a character that cannot be printed")
    return value


def _country(value: Any) -> str:
    if not _COUNTRY.fullmatch(_text(value)):
        raise ValueError(f"{value!r} is not an ISO 3166-1 alpha-2 code in capitals")
    return str(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _COUNT_MAX:
        raise ValueError(f"{value!r} is not a whole number from 0 to {_COUNT_MAX}")
    return value


def _alpha_length(value: Any) -> int:
    if not ALPHA_MIN <= _count(value) <= ALPHA_MAX:
        raise ValueError(f"{value!r} is not a whole number from {ALPHA_MIN} to {ALPHA_MAX}")
    return int(value)


def _moment(value: Any) -> datetime:
    return parse_moment(_text(value))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004 - a bad value, not a bug
    return value


def _choice(kind: type[StrEnum]) -> _Parse:
    def parse(value: Any) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"{value!r} is not one of: {', '.join(kind)}") from None

    return parse


def _optional(parse: _Parse) -> _Parse:
    return lambda value: None if value is None else parse(value)


def _each(parse: _Parse) -> _Parse:
    def parse_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{value!r} is not a list")  # noqa: TRY004 - a bad value, not a bug
        return tuple(parse(item) for item in value)

    return parse_all


#: Field of a rule -> what reads its JSON value, ValueError saying what is wrong; the order is that of the output.
RULE_FIELDS: Mapping[str, _Parse] = {
    "country": _country,
    "sender_type": _choice(SenderType),
    "sender_country": _choice(SenderOrigin),
    "status": _choice(RuleStatus),
    "effective_from": _optional(_moment),
    "effective_until": _optional(_moment),
    "only_sender_countries": _each(_country),
    "unregistered": _choice(Grade),
    "sources": _each(_text),
    "as_of": _text,
    "confidence": _count,
    "sources_total": _count,
    "notes": _text,
    "override_reason": _optional(_text),
}

#: The same for a profile.
PROFILE_FIELDS: Mapping[str, _Parse] = {
    "country": _country,
    "name": _text,
    "calling_codes": _each(_text),
    "two_way_long_code": _optional(_flag),
    "mms": _optional(_flag),
    "alpha_max_length": _alpha_length,
    "alpha_letters_only": _flag,
    "alpha_charset_notes": _text,
    "generic_senders_blocked": _optional(_flag),
    "type_preference": _each(_choice(SenderType)),
    "alpha_majority": _text,
    "alpha_local_registration": _optional(_flag),
    "delivery_receipts": _text,
    "alpha_case_sensitive": _optional(_flag),
    "confidence": _count,
    "sources_total": _count,
    "sources": _each(_text),
    "as_of": _text,
    "notes": _text,
}
