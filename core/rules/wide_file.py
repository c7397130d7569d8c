"""The wide rule file: one line a country, the columns of `core/data/country_rules.csv`; every problem is named."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from core.errors import FieldError
from core.moments import parse_moment
from core.rules.documents import ALPHA_MAX, ALPHA_MIN, UNPRINTABLE
from core.sender import SenderType

#: Checked line of a file: column -> value, optional columns included.
Row = Mapping[str, str]
_Check = Callable[[str], None]

_STATUSES = ("allowed", "registration_required", "overwritten", "prohibited", "unknown")
_TYPE_STATUSES = (*_STATUSES, "not_applicable")
_ANSWERS = ("yes", "no", "unknown")
_CALLING_CODES = re.compile(r"([0-9]{1,7}(;[0-9]{1,7})*)?")
_COUNT = re.compile(r"[0-9]{1,4}")

#: A column that nobody knows but that is this much like a known one is a slip of the pen.
_ALIKE = 0.85


def _one_of(*values: str) -> _Check:
    def check(cell: str) -> None:
        if cell not in values:
            raise ValueError(f"{cell!r} is not one of: {', '.join(value or '(empty)' for value in values)}")

    return check


def _matching(pattern: re.Pattern[str], words: str) -> _Check:
    def check(cell: str) -> None:
        if not pattern.fullmatch(cell):
            raise ValueError(f"{cell!r} is not {words}")

    return check


def _length(cell: str) -> None:
    if cell and not (_COUNT.fullmatch(cell) and ALPHA_MIN <= int(cell) <= ALPHA_MAX):
        raise ValueError(f"{cell!r} is neither empty nor a number from {ALPHA_MIN} to {ALPHA_MAX}")


def _moment(cell: str) -> None:
    if cell:
        parse_moment(cell)


def _types(cell: str) -> None:
    for name in filter(None, cell.split(";")):
        _one_of(*SenderType)(name.strip())


def _any_text(cell: str) -> None:
    """Free text; what cannot be printed is refused in every column."""


#: Columns that say what becomes of a sender type; each may carry a date in three optional columns beside it.
RULE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "alphanumeric": _STATUSES,
    "long_code_domestic": _STATUSES,
    "long_code_international": _STATUSES,
    "short_code": _TYPE_STATUSES,
    "toll_free": _TYPE_STATUSES,
    "ten_dlc": _TYPE_STATUSES,
    "shared_number": _TYPE_STATUSES,
}

COLUMNS: dict[str, _Check] = {
    "country": _any_text,
    "name": _matching(re.compile(r".+", re.DOTALL), "a name"),
    "calling_code": _matching(_CALLING_CODES, "one calling code or several with ';' between them"),
    "alphanumeric_majority": _one_of(*_STATUSES),
    "alphanumeric_local_traffic_registration": _one_of(*_ANSWERS),
    "long_code_international_overwritten": _one_of(*_ANSWERS),
    "two_way_long_code": _one_of(*_ANSWERS),
    "mms": _one_of(*_ANSWERS),
    "alpha_max_length": _length,
    "alpha_charset_notes": _any_text,
    "generic_senders_blocked": _one_of(*_ANSWERS),
    "dlr": _one_of("yes", "carrier_only", "no", "unknown"),
    "confidence": _matching(_COUNT, "a whole number"),
    "sources_total": _matching(_COUNT, "a whole number"),
    "sources": _any_text,
    "as_of": _any_text,
    "notes": _any_text,
} | {column: _one_of(*statuses) for column, statuses in RULE_COLUMNS.items()}


def dated_columns(column: str) -> tuple[str, str, str]:
    """The optional columns that give a rule column a date: since when, what held before, the grade unregistered."""
    return f"{column}_effective_from", f"{column}_before", f"{column}_unregistered"


def _optional_columns() -> Iterator[tuple[str, _Check]]:
    for column, statuses in RULE_COLUMNS.items():
        since, before, unregistered = dated_columns(column)
        yield since, _moment
        yield before, _one_of("", *statuses)
        yield unregistered, _one_of("", "altered", "blocked", "unknown")
    yield "type_preference", _types
    yield "alpha_letters_only", _one_of("", "yes", "no")


OPTIONAL_COLUMNS: dict[str, _Check] = dict(_optional_columns())
_KNOWN = COLUMNS | OPTIONAL_COLUMNS


@dataclass(frozen=True, slots=True)
class Table:
    """What a wide file holds: its good lines, the columns that nobody knows, and what is wrong with the rest."""

    rows: tuple[Row, ...]
    ignored_columns: tuple[str, ...]
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: Sequence[str]
    problem: str | None = None


def read_table(text: str, countries: Container[str] | None = None) -> Table:
    """The lines of a wide file, all problems in `errors`; `countries` are those that may be named, None: any."""
    lines = _lines(text)
    header = next(lines, _Line(1, (), "the file is empty"))
    if not set(header.cells) & COLUMNS.keys():
        problem = (
            header.problem
            or "is not the header of a rule file, which names country, alphanumeric and the other columns"
        )
        return Table((), (), (FieldError(f"line {header.number}", problem),))
    body = tuple(lines)
    errors = [*_header_errors(header), *_body_errors(header.cells, body, countries)]
    if not body:
        errors.append(FieldError(f"line {header.number}", "no country follows the header"))
    ignored = tuple(column for column in header.cells if column not in _KNOWN)
    return Table(() if errors else tuple(_row(header.cells, line) for line in body), ignored, tuple(errors))


def _lines(text: str) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 1
    try:
        for cells in reader:
            if cells:
                yield _Line(number, [cell.strip() for cell in cells])
            number = reader.line_num + 1
    except csv.Error as error:
        yield _Line(number, (), f"cannot be read as CSV: {error}")


def _row(header: Sequence[str], line: _Line) -> Row:
    return {column: cell for column, cell in zip(header, line.cells, strict=True) if column in _KNOWN}


def _header_errors(header: _Line) -> Iterator[FieldError]:
    for column in COLUMNS:
        if column not in header.cells:
            yield _error(header, column, "is missing")
    for column in sorted({column for column in header.cells if header.cells.count(column) > 1}):
        yield _error(header, column, "stands twice")
    for column in header.cells:
        alike = get_close_matches(column, _KNOWN, n=1, cutoff=_ALIKE)
        if column not in _KNOWN and alike:
            yield _error(header, column, f"is no column; did you mean {alike[0]}?")


def _body_errors(
    header: Sequence[str], body: Iterable[_Line], countries: Container[str] | None
) -> Iterator[FieldError]:
    first_lines: dict[str, int] = {}
    for line in body:
        if line.problem is not None:
            yield FieldError(f"line {line.number}", line.problem)
        elif len(line.cells) != len(header):
            yield FieldError(f"line {line.number}", f"has {len(line.cells)} cells, the header has {len(header)}")
        else:
            row = _row(header, line)
            yield from _cell_errors(line, row)
            yield from _country_errors(line, row.get("country"), countries, first_lines)


def _cell_errors(line: _Line, row: Row) -> Iterator[FieldError]:
    for column, cell in row.items():
        try:
            _printable(cell)
            _KNOWN[column](cell)
        except ValueError as error:
            yield _error(line, column, str(error))
    for column in RULE_COLUMNS:
        since, before, _ = dated_columns(column)
        if bool(row.get(since)) != bool(row.get(before)):
            empty, given = (before, since) if row.get(since) else (since, before)
            yield _error(line, empty, f"needs a value, because {given} has one")


def _country_errors(
    line: _Line, country: str | None, countries: Container[str] | None, first_lines: dict[str, int]
) -> Iterator[FieldError]:
    if country is None:
        return
    if countries is not None and country not in countries:
        yield _error(line, "country", f"{country!r} is not an ISO 3166-1 alpha-2 code in capitals")
    elif first_lines.setdefault(country, line.number) != line.number:
        yield _error(line, "country", f"{country} stands on line {first_lines[country]} already")


def _printable(cell: str) -> None:
    if UNPRINTABLE.search(cell):
        raise ValueError("contains a character that cannot be printed")


def _error(line: _Line, column: str, reason: str) -> FieldError:
    return FieldError(f"line {line.number}, column {column}", reason)
