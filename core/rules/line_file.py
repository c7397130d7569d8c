"""Rule files in JSON lines: `kind` country and rule, one object a line; this form can say all that a book holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from core.engine.country_rules import CountryProfile, CountryRule, RuleBook
from core.errors import FieldError
from core.rules.documents import (
    PROFILE_FIELDS,
    RULE_FIELDS,
    profile_as_dict,
    profile_from_dict,
    rule_as_dict,
    rule_from_dict,
)

_Fields = Mapping[str, Callable[[Any], Any]]

#: Kind of line -> (fields it may have, fields it must have). An override is no part of a file: it survives files.
_KINDS: dict[str, tuple[_Fields, tuple[str, ...]]] = {
    "country": (PROFILE_FIELDS, ("country", "name")),
    "rule": (
        {name: parse for name, parse in RULE_FIELDS.items() if name != "override_reason"},
        ("country", "sender_type", "sender_country", "status"),
    ),
}

_EVER = datetime.max.replace(tzinfo=UTC)
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Lines:
    """What a file of JSON lines holds; where `errors` is not empty, the rest is only part of it."""

    rules: list[CountryRule] = field(default_factory=list)
    profiles: dict[str, CountryProfile] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    rule_lines: list[int] = field(default_factory=list)

    def refuse(self, number: int, name: str | None, reason: str) -> None:
        """Note what is wrong with a line, or with one field of it."""
        self.errors.append(FieldError(f"line {number}" if name is None else f"line {number}, field {name}", reason))


def read_lines(text: str, countries: Container[str], shipped: Mapping[str, CountryProfile]) -> Lines:
    """The rules and profiles of a file; a country that has rules but no line of its own takes its shipped profile."""
    lines = Lines()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            _take(lines, number, line, countries)
    _lend_profiles(lines, shipped)
    _refuse_overlaps(lines)
    return lines


def written_lines(book: RuleBook) -> Iterator[str]:
    """The book without its overrides as lines that `read_rules` takes, countries in alphabetical order."""
    for country in book.countries():
        yield json.dumps({"kind": "country", **profile_as_dict(book.profile(country))}, ensure_ascii=False)
        for rule in book.rules_of(country):
            if rule.override_reason is None:
                document = {"kind": "rule", **rule_as_dict(rule)}
                del document["override_reason"]
                yield json.dumps(document, ensure_ascii=False)


def _take(lines: Lines, number: int, line: str, countries: Container[str]) -> None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        lines.refuse(number, None, f"is not JSON: {error}")
        return
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind not in ("country", "rule"):
        lines.refuse(number, None, 'is not an object whose "kind" is "country" or "rule"')
        return
    before = len(lines.errors)
    _check(lines, number, document, *_KINDS[kind])
    if len(lines.errors) == before:
        _keep(lines, number, document, countries)


def _check(lines: Lines, number: int, document: Mapping[str, Any], fields: _Fields, required: tuple[str, ...]) -> None:
    for name in required:
        if name not in document:
            lines.refuse(number, name, "is missing")
    for name, value in document.items():
        if name != "kind" and name not in fields:
            lines.refuse(number, name, "is no field of this kind of line")
        elif name != "kind":
            try:
                fields[name](value)
            except ValueError as error:
                lines.refuse(number, name, str(error))


def _keep(lines: Lines, number: int, document: Mapping[str, Any], countries: Container[str]) -> None:
    if document["country"] not in countries:
        lines.refuse(number, "country", f"{document['country']!r} is not an ISO 3166-1 alpha-2 code")
    elif document["kind"] == "rule":
        lines.rules.append(rule_from_dict(document))
        lines.rule_lines.append(number)
    elif document["country"] in lines.profiles:
        lines.refuse(number, "country", f"{document['country']} has a line of kind country already")
    else:
        lines.profiles[document["country"]] = profile_from_dict(document)


def _lend_profiles(lines: Lines, shipped: Mapping[str, CountryProfile]) -> None:
    for country in {rule.country for rule in lines.rules} - lines.profiles.keys():
        if country in shipped:
            lines.profiles[country] = shipped[country]


def _refuse_overlaps(lines: Lines) -> None:
    timelines: dict[tuple[str, str, str], list[tuple[datetime, datetime, int]]] = {}
    for rule, number in zip(lines.rules, lines.rule_lines, strict=True):
        begin, end = rule.effective_from or _ALWAYS, rule.effective_until or _EVER
        if begin >= end:
            lines.refuse(number, "effective_until", "is not after effective_from")
        key = (rule.country, rule.sender_type, rule.sender_country)
        timelines.setdefault(key, []).append((begin, end, number))
    for timeline in timelines.values():
        for (_, end, first), (begin, _, second) in pairwise(sorted(timeline)):
            if begin < end:
                lines.refuse(second, "effective_from", f"the rule of line {first} is still in force then")
