"""How a file of recipients is written: its format, and which column means what."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import BinaryIO

from core.encoding import UTF8_MARK
from core.errors import RefusedError
from worker.sending.lines import LINE_BYTES, START, Position
from worker.sending.sheet_xml import SheetRow
from worker.sending.telephone_columns import TO, telephone_place
from worker.sending.workbook import read_row

DELIMITERS = (",", ";", "\t", "|")
COLUMNS = (TO, "message_id", "body", "country", "custom_string")

_SHOWN_COLUMNS = 200
_DELIMITER_LINE = re.compile(r"sep=.\s*\Z", re.IGNORECASE)
_NO_NAMES = "the file is empty: its first line must name the columns, among them `to`"


class Format(StrEnum):
    """How recipients are written."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"


_FORMATS = {Format.JSONL: (".jsonl", ".ndjson", ".json"), Format.XLSX: (".xlsx", ".xlsm")}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written. `width` and `places` (column -> place) are those of its header; `start` lies behind it.

    `others` are the columns that the contract does not know, as the header writes them: their cells are passed through.
    `column` is the name of the column, or of the JSON field, that is read as `to` and is called otherwise.
    """

    format: Format
    start: Position = START
    delimiter: str = ","
    width: int = 1
    places: tuple[tuple[str, int], ...] = ((TO, 0),)
    others: tuple[tuple[str, int], ...] = ()
    column: str | None = None

    @property
    def may_have_bodies(self) -> bool:
        """Whether rows may bring a body of their own."""
        return self.format is Format.JSONL or any(name == "body" for name, _ in self.places)


def format_of(name: str) -> Format:
    """The format that a file's name tells; CSV where it tells none."""
    return next((each for each, ends in _FORMATS.items() if name.lower().endswith(ends)), Format.CSV)


def read_layout(stream: BinaryIO, file_format: Format, column: str | None = None) -> Layout:
    """Read the beginning of a file, and leave the stream behind its header. Raises RefusedError where it is no such file.

    `column` names the one with the telephone numbers.
    """
    if file_format is Format.JSONL:
        _refuse_list(stream)
        return Layout(file_format, column=None if column == TO else column)
    return _sheet_layout(stream, column) if file_format is Format.XLSX else _csv_layout(stream, column)


def _refuse_list(stream: BinaryIO) -> None:
    """Every line of a JSON list would be refused by itself."""
    if stream.seekable():
        place = stream.tell()
        start = stream.read(LINE_BYTES).removeprefix(UTF8_MARK).lstrip()
        stream.seek(place)
        if start.startswith(b"["):
            raise RefusedError("the file is a JSON list: JSON Lines are objects, one a line, with nothing around them")


# ---- what a header says ----


def _header_layout(names: Sequence[str], found: Layout, wanted: str | None) -> Layout | None:
    """The layout of a file whose header has these names; None: none of them is that of the telephone numbers."""
    at = telephone_place(names, wanted)
    if at is None:
        return None
    meant = [name if name in COLUMNS and name != TO else "" for name in names]
    meant[at] = TO
    twice = sorted({name for name in meant if name and meant.count(name) > 1})
    if twice:
        raise RefusedError(f"the file has two columns `{twice[0]}`")
    return Layout(
        found.format,
        found.start,
        found.delimiter,
        len(names),
        tuple((name, place) for place, name in enumerate(meant) if name),
        _others(names, meant),
        None if names[at] == TO else names[at],
    )


def _others(names: Sequence[str], meant: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The columns that mean nothing, each under a name of its own; a `to` beside the column that was named is left out."""
    places = dict[str, int]()
    for place, name in enumerate(names):
        if name and not meant[place] and name != TO:
            places[name if name not in places else _numbered(name, {*places, *names})] = place
    return tuple(places.items())


def _numbered(name: str, used: Collection[str]) -> str:
    """The name with the first number that no column has: `Name 2` for the second `Name`."""
    return next(each for each in (f"{name} {number}" for number in count(2)) if each not in used)


def _name(cell: str) -> str:
    """One of COLUMNS in whatever case, or a column's name as it is written, in one line."""
    name = " ".join(cell.split())
    return name.lower() if name.lower() in COLUMNS else name


def _no_column(wanted: str | None, shown: str) -> RefusedError:
    named = "`to`; --column names the one with the telephone numbers" if wanted is None else f"`{wanted}`"
    return RefusedError(f"the file has no column {named}: its first line is {shown[:_SHOWN_COLUMNS]!r}")


# ---- the two ways to write one ----


def _sheet_layout(stream: BinaryIO, wanted: str | None) -> Layout:
    """The first row that has something in it is the header."""
    raw = stream.readline()
    if not raw:
        raise RefusedError(_NO_NAMES)
    row = read_row(raw)
    if not isinstance(row, SheetRow):
        raise RefusedError(f"the first row of the sheet {row.reason}")
    names = [_name(cell) for cell in row.cells]
    layout = _header_layout(names, Layout(Format.XLSX, Position(len(raw), row.number)), wanted)
    if layout is None:
        raise _no_column(wanted, ", ".join(names))
    return layout


def _csv_layout(stream: BinaryIO, wanted: str | None) -> Layout:
    header = _CsvHeader(stream)
    text = header.read()
    while (layout := _read_header(text, header.end, wanted)) is None:
        # A name may hold line ends, where the file quotes it.
        more = header.next_line() if text.count('"') % 2 and header.end.offset < LINE_BYTES else ""
        if not more:
            raise _no_column(wanted, text)
        text += more
    return layout


class _CsvHeader:
    """The first lines of a CSV file; `end` lies behind what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.end = START

    def read(self) -> str:
        """The first line that is neither blank nor a spreadsheet's word for its delimiter."""
        text = ""
        while not text.strip() or _DELIMITER_LINE.match(text):
            text = self.next_line()
            if not text:
                raise RefusedError(_NO_NAMES)
        return text

    def next_line(self) -> str:
        """The next line; empty at the end of the file."""
        raw = self._stream.readline(LINE_BYTES)
        begins = self.end.line == 0
        self.end = Position(self.end.offset + len(raw), self.end.line + bool(raw))
        return _header_text(raw.removeprefix(UTF8_MARK) if begins else raw)


def _header_text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise RefusedError("the file is not UTF-8: name its encoding, such as --encoding cp1252") from None
    if "\r" in text.rstrip("\r\n"):
        raise RefusedError("the lines end with a carriage return alone: save the file with other line ends")
    return text


def _read_header(text: str, end: Position, wanted: str | None) -> Layout | None:
    """None: no column has the telephone numbers, as far as the text goes. A column `to` comes before all others."""
    by_delimiter = {each: _names(text, each) for each in DELIMITERS}
    likely = sorted(DELIMITERS, key=lambda each: TO not in by_delimiter[each])
    for delimiter in likely:
        found = Layout(Format.CSV, end, delimiter)
        if (layout := _header_layout(by_delimiter[delimiter], found, wanted)) is not None:
            return layout
    return None


def _names(text: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return []
    return [_name(cell) for cell in cells]
