"""Rule files in JSON lines: `kind` country and rule, one object a line; this form can say all that a book holds."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from pydantic import ValidationError

from core.countries import no_country
from core.encoding import ContractError
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, RuleBook
from core.errors import FieldError
from core.file_lines import field_errors, line_object, place
from core.rules.documents import profile_as_dict, rule_as_dict
from core.rules.lines import LINES, CountryLine, RuleLine

_EVER = datetime.max.replace(tzinfo=UTC)
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Lines:
    """What a file of JSON lines holds; where `errors` is not empty, the rest is only part of it."""

    rules: list[CountryRule] = field(default_factory=list)
    profiles: dict[str, CountryProfile] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    rule_lines: list[int] = field(default_factory=list)

    def refuse(self, number: int, name: str, reason: str) -> None:
        """Note what is wrong with a field of a line."""
        self.errors.append(FieldError(place(number, name), reason))


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
        document = line_object(line.encode(), number, LINES)
    except ContractError as error:
        lines.errors.extend(error.errors)
        return
    kind = LINES[document["kind"]]
    try:
        _keep(lines, number, kind.model_validate(document), countries)
    except ValidationError as error:
        lines.errors.extend(field_errors(error, number, kind))


def _keep(lines: Lines, number: int, line: CountryLine | RuleLine, countries: Container[str]) -> None:
    if line.country not in countries:
        lines.refuse(number, "country", no_country(line.country))
    elif isinstance(line, RuleLine):
        lines.rules.append(line.rule())
        lines.rule_lines.append(number)
    elif line.country in lines.profiles:
        lines.refuse(number, "country", f"{line.country} has a line of kind country already")
    else:
        lines.profiles[line.country] = line.profile()


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
