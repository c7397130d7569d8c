"""A file of recipients, CSV or JSON Lines, read row by row in constant memory.

A row that cannot be sent to is refused with its line and reason; the rows around it go on. Reading may begin again
behind any row, by the position that was reached.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from core.campaigns.batch import Row
from core.contract.models import BatchRecipient, validated
from core.encoding import WHOLE_DOCUMENT, ContractError, decode_json
from core.errors import FieldError, RefusedError
from core.phone import InvalidRecipientError, normal_country, parse_recipient, settled_country

#: A longer line is refused, and never held in memory whole.
LINE_BYTES = 1_048_576
DELIMITERS = (",", ";", "\t", "|")
COLUMNS = ("to", "message_id", "body", "country", "custom_string")
#: Limits of the contract; what exceeds them is put to its model, which has the words.
BODY_CHARACTERS = 1600
ID_CHARACTERS = 64

_BOM = b"\xef\xbb\xbf"
_NOT_TEXT = "is not text in the file's encoding, which is UTF-8 unless --encoding names another"
_SHOWN_NUMBER = 32
_SHOWN_COLUMNS = 200
_DELIMITER_LINE = re.compile(r"sep=.\s*\Z", re.IGNORECASE)
#: What a spreadsheet makes of a long number.
_ROUNDED = re.compile(r"[+-]?[0-9][.,]?[0-9]*[eE]\+?[0-9]+\Z")


_Raw = TypeVar("_Raw")


class Format(StrEnum):
    """How recipients are written."""

    CSV = "csv"
    JSONL = "jsonl"


class Position(NamedTuple):
    """How far a file was read: bytes from its beginning, and lines."""

    offset: int = 0
    line: int = 0


START = Position()


class Recipient(Row, omit_defaults=True, gc=False):
    """A recipient as a batch carries it: without the fields that it leaves out."""


class ExtendedRecipient(Recipient):
    """A recipient with unknown fields, which the batch passes through."""

    extra: Mapping[str, Any] = {}


class Addressed(NamedTuple):
    """A row that can be sent to, `to` in E.164, and its country."""

    row: Recipient
    country: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot: the line on which it begins, the field to blame, and why. `to` is the number as given."""

    line: int
    field: str
    reason: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the campaign gives to all rows: the country of national numbers, and whether it has a body."""

    country: str | None = None
    has_body: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written. `width` and `places` (column -> place) are those of a CSV header; `start` lies behind it.

    `others` are the columns that the contract does not know, as the header writes them: their cells are passed through.
    """

    format: Format
    start: Position = START
    delimiter: str = ","
    width: int = 1
    places: tuple[tuple[str, int], ...] = (("to", 0),)
    others: tuple[tuple[str, int], ...] = ()

    @property
    def may_have_bodies(self) -> bool:
        """Whether rows may bring a body of their own."""
        return self.format is Format.JSONL or any(name == "body" for name, _ in self.places)


def format_of(name: str) -> Format:
    """The format that a file's name tells: JSON Lines for .jsonl, .ndjson and .json, else CSV."""
    return Format.JSONL if name.lower().endswith((".jsonl", ".ndjson", ".json")) else Format.CSV


def read_layout(stream: BinaryIO, file_format: Format) -> Layout:
    """Read the beginning of a file. Raises RefusedError where it is no such file; leaves a CSV file behind its header."""
    if file_format is Format.JSONL:
        _refuse_list(stream)
        return Layout(file_format)
    header = _Header(stream)
    text = header.read()
    while (layout := _read_header(text, header.end)) is None:
        # A name may hold line ends, where the file quotes it.
        more = header.next_line() if text.count('"') % 2 and header.end.offset < LINE_BYTES else ""
        if not more:
            raise RefusedError(f"the file has no column `to`: its first line is {text[:_SHOWN_COLUMNS]!r}")
        text += more
    return layout


def _refuse_list(stream: BinaryIO) -> None:
    """Every line of a JSON list would be refused by itself."""
    if stream.seekable():
        place = stream.tell()
        start = stream.read(LINE_BYTES).removeprefix(_BOM).lstrip()
        stream.seek(place)
        if start.startswith(b"["):
            raise RefusedError("the file is a JSON list: JSON Lines are objects, one a line, with nothing around them")


class _Header:
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
                raise RefusedError("the file is empty: its first line must name the columns, among them `to`")
        return text

    def next_line(self) -> str:
        """The next line; empty at the end of the file."""
        raw = self._stream.readline(LINE_BYTES)
        begins = self.end.line == 0
        self.end = Position(self.end.offset + len(raw), self.end.line + bool(raw))
        return _header_text(raw.removeprefix(_BOM) if begins else raw)


def _header_text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise RefusedError("the file is not UTF-8: name its encoding, such as --encoding cp1252") from None
    if "\r" in text.rstrip("\r\n"):
        raise RefusedError("the lines end with a carriage return alone: save the file with other line ends")
    return text


def _read_header(text: str, start: Position) -> Layout | None:
    """None: there is no column `to`, as far as the text goes."""
    for delimiter in DELIMITERS:
        names = _names(text, delimiter)
        if "to" in names:
            break
    else:
        return None
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise RefusedError(f"the file has two columns `{twice[0]}`")
    places = tuple((name, place) for place, name in enumerate(names) if name in COLUMNS)
    others = tuple((name, place) for place, name in enumerate(names) if name and name not in COLUMNS)
    return Layout(Format.CSV, start, delimiter, len(names), places, others)


def _names(text: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return []
    return [_name(cell) for cell in cells]


def _name(cell: str) -> str:
    """One of COLUMNS in whatever case, or a column's name as it is written, in one line."""
    name = " ".join(cell.split())
    return name.lower() if name.lower() in COLUMNS else name


class _UnreadableError(Exception):
    """A line that cannot be read as text; the next ones can."""


class _Lines:
    """The lines of a stream as text, with the position behind the latest one.

    Those of a CSV row that turns out to be broken can be put back, all but its first: a quotation mark that nobody
    closed must not swallow the rows that follow it.
    """

    def __init__(self, stream: BinaryIO, position: Position, end: int) -> None:
        self._readline, self._end = stream.readline, end
        self.offset, self.line = position
        self._row: list[bytes] = []
        self._again: list[bytes] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        known = bool(self._again)
        raw = self._again.pop() if known else self._readline(min(LINE_BYTES, self._end - self.offset))
        if not raw:
            raise StopIteration
        self.line += 1
        self.offset += len(raw)
        self._row.append(raw)
        if len(raw) == LINE_BYTES and not raw.endswith(b"\n"):
            if not known:
                self._skip_rest()
            raise _UnreadableError(f"is longer than {LINE_BYTES} bytes")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise _UnreadableError(_NOT_TEXT) from None
        return text.removeprefix("\ufeff") if self.line == 1 else text

    def begin_row(self) -> int:
        """The number of the line that comes next, with which a row begins."""
        self._row.clear()
        return self.line + 1

    def put_back(self) -> None:
        """Put back all lines of the row but the first."""
        rest = self._row[1:]
        self.line -= len(rest)
        self.offset -= sum(map(len, rest))
        self._again.extend(reversed(rest))

    def _skip_rest(self) -> None:
        raw = b""
        while not raw.endswith(b"\n") and (raw := self._readline(min(LINE_BYTES, self._end - self.offset))):
            self.offset += len(raw)


class RecipientsReader:
    """Reads rows from a stream that stands at `position`, up to byte `end` of it, for a file may grow meanwhile."""

    def __init__(
        self, stream: BinaryIO, layout: Layout, hints: Hints, position: Position | None = None, end: int | None = None
    ) -> None:
        self._layout, self._hints = layout, hints
        # A column that the file has not is read from an empty cell behind the others.
        self._places = tuple(dict(layout.places).get(name, -1) for name in COLUMNS)
        self._lines = _Lines(
            stream, layout.start if position is None else position, sys.maxsize if end is None else end
        )

    @property
    def offset(self) -> int:
        """Bytes up to the end of the latest row."""
        return self._lines.offset

    @property
    def position(self) -> Position:
        """Where the latest row ends."""
        return Position(self._lines.offset, self._lines.line)

    def rows(self) -> Iterator[Addressed | Refusal]:
        """Every row that is not blank."""
        return self._csv_rows() if self._layout.format is Format.CSV else self._json_rows()

    def _csv_rows(self) -> Iterator[Addressed | Refusal]:
        lines, read, address = self._lines, self._recipient_of_cells, self._address
        reader = csv.reader(lines, delimiter=self._layout.delimiter, strict=True)
        while True:
            line = lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _UnreadableError) as error:
                lines.put_back()
                yield Refusal(line, WHOLE_DOCUMENT, _broken_words(error))
                continue
            if any(cells):
                yield address(line, read, cells)

    def _json_rows(self) -> Iterator[Addressed | Refusal]:
        lines = self._lines
        while True:
            line = lines.begin_row()
            try:
                text = next(lines).strip()
            except StopIteration:
                return
            except _UnreadableError as error:
                yield Refusal(line, WHOLE_DOCUMENT, str(error))
                continue
            if text:
                yield self._address(line, _recipient_of_json, text)

    def _address(self, line: int, read: Callable[[_Raw], Recipient], raw: _Raw) -> Addressed | Refusal:
        try:
            row = read(raw)
        except ContractError as error:
            blamed = error.errors[0]
            return Refusal(line, blamed.field, blamed.reason, _given_number(raw, self._layout))
        if row.body is None and not self._hints.has_body:
            return Refusal(line, "body", "is missing, and the campaign has none", row.to)
        country = settled_country(row.to)
        if country is None:
            try:
                row.to, country = _located(row.to, row.country or self._hints.country)
            except InvalidRecipientError as error:
                return Refusal(line, "to", error.reason, row.to[:_SHOWN_NUMBER])
        return Addressed(row, country)

    def _recipient_of_cells(self, cells: list[str]) -> Recipient:
        """A text stays as it is, but a blank one counts for none; all else loses the blanks around it."""
        if len(cells) != self._layout.width:
            cells = _fitted(cells, self._layout.width)
        cells.append("")
        at_to, at_id, at_body, at_country, at_custom = self._places
        to, message_id, body = cells[at_to].strip(), cells[at_id].strip(), cells[at_body]
        country, custom_string = cells[at_country].strip(), cells[at_custom]
        body = "" if body.isspace() else body
        if not to:
            raise _refused("to", "is missing")
        if country or len(body) > BODY_CHARACTERS or len(message_id) > ID_CHARACTERS:
            values = zip(COLUMNS, (to, message_id, body, normal_country(country), custom_string), strict=True)
            row = _recipient_of_values({name: value for name, value in values if value})
        else:
            row = Recipient(to, message_id or None, body or None, None, custom_string or None)
        if self._layout.others:
            return _with_others(row, {name: cells[place] for name, place in self._layout.others if cells[place]})
        return row


# ---- one row ----


def _recipient_of_json(text: str) -> Recipient:
    try:
        row = _decode(text)
    except (ValueError, RecursionError):
        return _recipient_of_values(decode_json(text.encode()))
    return row if row.country != "UK" else _recipient_of_values(decode_json(text.encode()))


_decode = msgspec.json.Decoder(Recipient).decode


def _recipient_of_values(values: object) -> Recipient:
    """By the contract's model, which names the field to blame. Raises ContractError."""
    model = validated(BatchRecipient, values)
    fields = {name: getattr(model, name) for name in COLUMNS}
    return ExtendedRecipient(**fields, extra=model.model_extra) if model.model_extra else Recipient(**fields)


def _with_others(row: Recipient, others: Mapping[str, str]) -> Recipient:
    if not others:
        return row
    return ExtendedRecipient(row.to, row.message_id, row.body, row.country, row.custom_string, others)


def _fitted(cells: list[str], width: int) -> list[str]:
    """The cells of a row, as many as the header has; empty ones may be missing or too many at its end."""
    if any(cells[width:]):
        raise _refused(WHOLE_DOCUMENT, f"has {len(cells)} cells where the header names {width} columns")
    return [*cells[:width], *[""] * (width - len(cells))]


def _located(to: str, country: str | None) -> tuple[str, str]:
    if _ROUNDED.match(to):
        raise InvalidRecipientError("was rounded by a spreadsheet: format the column as text")
    recipient = parse_recipient(to, country)
    return recipient.e164, recipient.country


def _given_number(raw: object, layout: Layout) -> str:
    """The number of a refused row as far as it can be told."""
    if not isinstance(raw, list):
        return ""
    place = dict(layout.places)["to"]
    return str(raw[place])[:_SHOWN_NUMBER] if place < len(raw) else ""


def _refused(field: str, reason: str) -> ContractError:
    return ContractError([FieldError(field, reason)])


def _broken_words(error: Exception) -> str:
    return str(error) if isinstance(error, _UnreadableError) else f"is not CSV: {error}"
