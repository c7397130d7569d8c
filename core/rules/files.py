"""Rule files: the shipped one and a maintainer's own, read whole or refused whole with line and column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from core.engine.country_rules import REGION_HOMES, CountryProfile, CountryRule, RuleBook
from core.errors import FieldError, RefusedError
from core.rules.diff import RuleChange, diff_rules
from core.rules.documents import content_version
from core.rules.line_file import read_lines, written_lines
from core.rules.wide_columns import profile_of, rules_of
from core.rules.wide_file import RULE_COLUMNS, Row, Table, dated_columns, read_table

__all__ = [
    "RuleChange",
    "RulesFile",
    "diff_rules",
    "read_rules",
    "read_rules_file",
    "shipped_rules",
    "with_others",
    "written_lines",
]

#: A rule file is some 90 kB; what is a hundred times larger is something else.
MAX_FILE_BYTES = 16_777_216

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "country_rules.csv"

_BOM = "\ufeff"


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
    text = _decoded(_content(source)).removeprefix(_BOM)
    if text.lstrip().startswith("{"):
        lines = read_lines(text, _known_countries(), shipped_rules().profiles)
        return RulesFile(_book(lines.rules, lines.profiles.values(), lines.errors))
    table = read_table(text, _known_countries())
    return RulesFile(_book_of(table), table.ignored_columns)


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


@cache
def shipped_rules() -> RuleBook:
    """The rules that come with the product; read at the first call, then kept."""
    return _book_of(_shipped_table())


@cache
def _shipped_table() -> Table:
    return read_table(SHIPPED_FILE.read_text("utf-8"))


def _shipped_rows() -> dict[str, Row]:
    return {row["country"]: row for row in _shipped_table().rows}


def _known_countries() -> frozenset[str]:
    return frozenset(_shipped_rows()) | REGION_HOMES.keys()


def _book_of(table: Table) -> RuleBook:
    shipped = _shipped_rows()
    rows = [_completed(row, shipped.get(row["country"], {})) for row in table.rows]
    return _book([rule for row in rows for rule in rules_of(row)], map(profile_of, rows), table.errors)


def _book(rules: Sequence[CountryRule], profiles: Iterable[CountryProfile], errors: Sequence[FieldError]) -> RuleBook:
    if errors:
        first = f"{errors[0].field}: {errors[0].reason}"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise RefusedError(f"the rule file is refused, nothing was read: {first}{more}", errors)
    kept = tuple(profiles)
    return RuleBook.of(content_version(rules, kept), rules, kept)


def _completed(row: Row, shipped: Row) -> Row:
    """Fill in the optional columns that the file does not have; a shipped date only where the status is the shipped one."""
    filled = dict(row)
    filled.setdefault("type_preference", shipped.get("type_preference", ""))
    for column in RULE_COLUMNS:
        dated = dated_columns(column)
        if not row.keys() & set(dated) and row[column] == shipped.get(column):
            filled.update({name: shipped.get(name, "") for name in dated})
    return filled


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
