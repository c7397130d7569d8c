"""Rule files: the shipped one and a maintainer's own, read whole or refused whole with line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from core.encoding import TEXT_MARK
from core.engine.country_profile import CountryProfile, ProfileFact
from core.engine.country_rules import REGION_HOMES, CountryRule, RuleBook
from core.errors import FieldError, RefusedError
from core.rules.diff import RuleChange, diff_rules
from core.rules.documents import content_version
from core.rules.facts_file import Fact, read_facts
from core.rules.line_file import read_lines, written_lines
from core.rules.shipped import FACTS_FILE, SHIPPED_FILE, shipped_rules
from core.rules.timelines import phases_of, with_facts
from core.rules.wide_columns import Timelines, profile_of, rules_of
from core.rules.wide_file import RULE_COLUMNS, Row, Table, dated_columns, read_table

__all__ = [
    "FACTS_FILE",
    "SHIPPED_FILE",
    "RuleChange",
    "RulesFile",
    "diff_rules",
    "read_rules",
    "read_rules_file",
    "read_shipped_rules",
    "shipped_rules",
    "written_lines",
]

#: A rule file is some 90 kB; what is a hundred times larger is something else.
MAX_FILE_BYTES = 16_777_216

#: Fields of a profile that the table of countries has a column for; a fact on another is on no line of it.
_PROFILE_COLUMNS = {
    "two_way_long_code": "two_way_long_code",
    "alpha_max_length": "alpha_max_length",
    "alpha_letters_only": "alpha_letters_only",
    "alpha_charset_notes": "alpha_charset_notes",
    "generic_senders_blocked": "generic_senders_blocked",
    "alpha_local_registration": "alphanumeric_local_traffic_registration",
}
_REPLACED = "long_code_international_overwritten"


@dataclass(frozen=True, slots=True)
class RulesFile:
    """A rule file as read: the book, and the columns of a wide file that nobody knows and nothing reads."""

    book: RuleBook
    ignored_columns: tuple[str, ...] = ()


def read_rules(source: str | Path | IO[str] | IO[bytes]) -> RuleBook:
    """The book that a file holds, wide CSV or JSON lines; RefusedError names the line and column of every problem."""
    return read_rules_file(source).book


def read_rules_file(source: str | Path | IO[str] | IO[bytes]) -> RulesFile:
    """The same with what was left unread; RefusedError where anything is wrong or the file cannot be opened."""
    text = _decoded(_content(source)).removeprefix(TEXT_MARK)
    if text.lstrip().startswith("{"):
        lines = read_lines(text, _known_countries(), shipped_rules().profiles)
        return RulesFile(_book(lines.rules, lines.profiles.values(), lines.errors))
    table = read_table(text, _known_countries())
    return RulesFile(_book_of(table), table.ignored_columns)


def read_shipped_rules() -> RuleBook:
    """The rules that come with the product, read anew: `shipped_rules` keeps them."""
    return _book_of(_shipped_table())


@dataclass(frozen=True, slots=True)
class _Shipped:
    """A line of the shipped table, what holds when in its columns, and the dated facts on the profile."""

    row: Row
    timelines: Timelines
    facts: tuple[ProfileFact, ...]


@cache
def _shipped_table() -> Table:
    return read_table(SHIPPED_FILE.read_text("utf-8"))


@cache
def shipped_facts() -> tuple[Fact, ...]:
    """The dated facts that come with the product; RefusedError where the file is spoilt."""
    facts, errors = read_facts(FACTS_FILE.read_text("utf-8"))
    _refuse("the file of facts", errors)
    return facts


@cache
def _shipped() -> Mapping[str, _Shipped]:
    held: dict[str, list[Fact]] = {}
    for fact in shipped_facts():
        held.setdefault(fact.country, []).append(fact)
    return {row["country"]: _merged(row, held.get(row["country"], ())) for row in _shipped_table().rows}


def _merged(row: Row, facts: Sequence[Fact]) -> _Shipped:
    by_column: dict[str | None, list[Fact]] = {}
    for fact in facts:
        by_column.setdefault(fact.column, []).append(fact)
    timelines = {column: with_facts(row[column], by_column.get(column, ())) for column in RULE_COLUMNS}
    return _Shipped(row, timelines, tuple(fact.of_profile() for fact in by_column.get(None, ())))


def _known_countries() -> frozenset[str]:
    return frozenset(_shipped()) | REGION_HOMES.keys()


def _book_of(table: Table) -> RuleBook:
    rules: list[CountryRule] = []
    profiles: list[CountryProfile] = []
    for row in table.rows:
        shipped = _shipped().get(row["country"])
        rules += rules_of(row, _timelines(row, shipped))
        profiles.append(profile_of(_with_preference(row, shipped), _profile_facts(row, shipped)))
    return _book(rules, profiles, table.errors)


def _timelines(row: Row, shipped: _Shipped | None) -> Timelines:
    """The cells of the file, or the product's dates where the file has none and says the product's status."""
    return {
        column: phases_of(row, column)
        if shipped is None or row.keys() & set(dated_columns(column)) or not _same(row, shipped.row, column)
        else shipped.timelines[column]
        for column in RULE_COLUMNS
    }


def _same(row: Row, shipped: Row, column: str) -> bool:
    replaced = (_REPLACED,) if column == "long_code_international" else ()
    return all(row[each] == shipped[each] for each in (column, *replaced))


def _profile_facts(row: Row, shipped: _Shipped | None) -> tuple[ProfileFact, ...]:
    """The product's facts, without those on a column of which the file says something else."""
    if shipped is None:
        return ()
    columns = ((fact, _PROFILE_COLUMNS.get(fact.field, "")) for fact in shipped.facts)
    return tuple(fact for fact, column in columns if row.get(column, "") in ("", shipped.row.get(column, "")))


def _with_preference(row: Row, shipped: _Shipped | None) -> Row:
    return {"type_preference": shipped.row.get("type_preference", ""), **row} if shipped else row


def _book(rules: Sequence[CountryRule], profiles: Iterable[CountryProfile], errors: Sequence[FieldError]) -> RuleBook:
    _refuse("the rule file", errors)
    kept = tuple(profiles)
    return RuleBook.of(content_version(rules, kept), rules, kept)


def _refuse(what: str, errors: Sequence[FieldError]) -> None:
    if errors:
        first = f"{errors[0].field}: {errors[0].reason}"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise RefusedError(f"{what} is refused, nothing was read: {first}{more}", errors)


def _content(source: str | Path | IO[str] | IO[bytes]) -> bytes | str:
    try:
        content = Path(source).read_bytes() if isinstance(source, (str, Path)) else source.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RefusedError(f"the rule file cannot be read: {error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise RefusedError(f"the rule file is larger than {MAX_FILE_BYTES} bytes")
    return content


def _decoded(content: bytes | str) -> str:
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = FieldError(f"line {line}", f"byte 0x{content[error.start]:02x} is not UTF-8")
        raise RefusedError(
            f"the rule file is refused, nothing was read: {wrong.field}: {wrong.reason}", [wrong]
        ) from error
