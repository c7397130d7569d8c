"""The wide rule file: one line a country, the columns of `core/data/country_rules.csv`; every problem is named."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from core.countries import no_country
from core.errors import FieldError, quoted
from core.file_lines import Text, field_errors, place
from core.moments import parse_moment
from core.rules.fields import ALPHA_MAX, ALPHA_MIN
from core.sender import SenderType
from core.unknown_names import did_you_mean

#: Checked line of a file: column -> value, optional columns included.
Row = Mapping[str, str]

_CALLING_CODES = re.compile(r"([0-9]{1,7}(;[0-9]{1,7})*)?")
_COUNT = re.compile(r"[0-9]{1,4}")

#: A column that nobody knows but that is this much like a known one is a slip of the pen.
_ALIKE = 0.85


def _matching(pattern: re.Pattern[str], words: str) -> AfterValidator:
    def check(cell: str) -> str:
        if not pattern.fullmatch(cell):
            raise ValueError(f"{quoted(cell)} is not {words}")
        return cell

    return AfterValidator(check)


def _length(cell: str) -> str:
    if cell and not (_COUNT.fullmatch(cell) and ALPHA_MIN <= int(cell) <= ALPHA_MAX):
        raise ValueError(f"{quoted(cell)} is neither empty nor a number from {ALPHA_MIN} to {ALPHA_MAX}")
    return cell


def _moment(cell: str) -> str:
    if cell:
        parse_moment(cell)
    return cell


def _types(cell: str) -> str:
    for name in (part.strip() for part in cell.split(";") if part):
        if name not in {*SenderType}:
            raise ValueError(f"{quoted(name)} is not one of: {', '.join(SenderType)}")
    return cell


Status = Literal["allowed", "registration_required", "overwritten", "prohibited", "unknown"]
TypeStatus = Literal[Status, "not_applicable"]
Answer = Literal["yes", "no", "unknown"]
MaybeStatus = Literal["", Status]
MaybeTypeStatus = Literal["", TypeStatus]
MaybeGrade = Literal["", "altered", "blocked", "unknown"]
Count = Annotated[Text, _matching(_COUNT, "a whole number")]
MaybeMoment = Annotated[Text, AfterValidator(_moment)]


class _Cells(BaseModel):
    """The cells of a line that must be there; each is a text, and stays as it is written."""

    model_config = ConfigDict(extra="forbid")

    country: Text
    name: Annotated[Text, _matching(re.compile(r".+", re.DOTALL), "a name")]
    calling_code: Annotated[Text, _matching(_CALLING_CODES, "one calling code or several with ';' between them")]
    alphanumeric_majority: Status
    alphanumeric_local_traffic_registration: Answer
    long_code_international_overwritten: Answer
    two_way_long_code: Answer
    mms: Answer
    alpha_max_length: Annotated[Text, AfterValidator(_length)]
    alpha_charset_notes: Text
    generic_senders_blocked: Answer
    dlr: Literal["yes", "carrier_only", "no", "unknown"]
    confidence: Count
    sources_total: Count
    sources: Text
    as_of: Text
    notes: Text
    alphanumeric: Status
    long_code_domestic: Status
    long_code_international: Status
    short_code: TypeStatus
    toll_free: TypeStatus
    ten_dlc: TypeStatus
    shared_number: TypeStatus


class _MaybeCells(_Cells):
    """The cells of a line that may be there beside them."""

    alphanumeric_effective_from: MaybeMoment = ""
    alphanumeric_before: MaybeStatus = ""
    alphanumeric_unregistered: MaybeGrade = ""
    long_code_domestic_effective_from: MaybeMoment = ""
    long_code_domestic_before: MaybeStatus = ""
    long_code_domestic_unregistered: MaybeGrade = ""
    long_code_international_effective_from: MaybeMoment = ""
    long_code_international_before: MaybeStatus = ""
    long_code_international_unregistered: MaybeGrade = ""
    short_code_effective_from: MaybeMoment = ""
    short_code_before: MaybeTypeStatus = ""
    short_code_unregistered: MaybeGrade = ""
    toll_free_effective_from: MaybeMoment = ""
    toll_free_before: MaybeTypeStatus = ""
    toll_free_unregistered: MaybeGrade = ""
    ten_dlc_effective_from: MaybeMoment = ""
    ten_dlc_before: MaybeTypeStatus = ""
    ten_dlc_unregistered: MaybeGrade = ""
    shared_number_effective_from: MaybeMoment = ""
    shared_number_before: MaybeTypeStatus = ""
    shared_number_unregistered: MaybeGrade = ""
    type_preference: Annotated[Text, AfterValidator(_types)] = ""
    alpha_letters_only: Literal["", "yes", "no"] = ""


#: Columns that say what becomes of a sender type; each may carry a date in three optional columns beside it.
RULE_COLUMNS = (
    *("alphanumeric", "long_code_domestic", "long_code_international", "short_code"),
    *("toll_free", "ten_dlc", "shared_number"),
)

COLUMNS = tuple(_Cells.model_fields)
OPTIONAL_COLUMNS = tuple(name for name in _MaybeCells.model_fields if name not in COLUMNS)
_KNOWN = frozenset({*COLUMNS, *OPTIONAL_COLUMNS})


def dated_columns(column: str) -> tuple[str, str, str]:
    """The optional columns that give a rule column a date: since when, what held before, the grade unregistered."""
    return f"{column}_effective_from", f"{column}_before", f"{column}_unregistered"


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
    if not set(header.cells) & set(COLUMNS):
        problem = (
            header.problem
            or "is not the header of a rule file, which names country, alphanumeric and the other columns"
        )
        return Table((), (), (FieldError(place(header.number), problem),))
    body = tuple(lines)
    errors = [*_header_errors(header), *_body_errors(header.cells, body, countries)]
    if not body:
        errors.append(FieldError(place(header.number), "no country follows the header"))
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
        nearest = did_you_mean(column, _KNOWN, _ALIKE)
        if column not in _KNOWN and nearest:
            yield _error(header, column, f"is no column{nearest}")


def _body_errors(
    header: Sequence[str], body: Iterable[_Line], countries: Container[str] | None
) -> Iterator[FieldError]:
    first_lines: dict[str, int] = {}
    for line in body:
        if line.problem is not None:
            yield FieldError(place(line.number), line.problem)
        elif len(line.cells) != len(header):
            yield FieldError(place(line.number), f"has {len(line.cells)} cells, the header has {len(header)}")
        else:
            row = _row(header, line)
            yield from _cell_errors(line, row)
            yield from _country_errors(line, row.get("country"), countries, first_lines)


def _cell_errors(line: _Line, row: Row) -> Iterator[FieldError]:
    try:
        _MaybeCells.model_validate(row)
    except ValidationError as error:
        found = field_errors(error, line.number, _MaybeCells, "column")
        yield from (each for each in found if each.field.rpartition(" ")[2] in row)
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
        yield _error(line, "country", no_country(country))
    elif first_lines.setdefault(country, line.number) != line.number:
        yield _error(line, "country", f"{country} stands on line {first_lines[country]} already")


def _error(line: _Line, column: str, reason: str) -> FieldError:
    return FieldError(place(line.number, column, "column"), reason)
