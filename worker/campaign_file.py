"""A file of recipients, CSV or JSON Lines, read row by row in constant memory.

A row that cannot be sent to is refused with its line and reason; the rows around it go on. Reading may begin again
behind any row, by the position that was reached.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from core.campaign import Row
from core.contracts import WHOLE_DOCUMENT, BatchRecipient, ContractError, decode_json, validated
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
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SHOWN_NUMBER = 32
_SHOWN_COLUMNS = 200
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
    """How a file is written. `width` and `places` (column -> place) are those of a CSV header; `start` lies behind it."""

    format: Format
    start: Position = START
    delimiter: str = ","
    width: int = 1
    places: tuple[tuple[str, int], ...] = (("to", 0),)
    ignored: tuple[str, ...] = ()

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
        return Layout(file_format)
    raw, size, lines = b"", 0, 0
    while not raw.strip():
        raw = stream.readline(LINE_BYTES)
        if not raw:
            raise RefusedError("the file is empty: its first line must name the columns, among them `to`")
        size, lines = size + len(raw), lines + 1
        raw = raw.removeprefix(_BOM)
    return _read_header(_header_text(raw), Position(size, lines))


def _header_text(raw: bytes) -> str:
    if raw.startswith(_UTF16):
        raise RefusedError("the file is UTF-16: save it as UTF-8")
    try:
        text = raw.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise RefusedError("the file is not UTF-8: save it as UTF-8") from None
    if "\r" in text:
        raise RefusedError("the lines end with a carriage return alone: save the file with other line ends")
    return text


def _read_header(text: str, start: Position) -> Layout:
    for delimiter in DELIMITERS:
        names = _names(text, delimiter)
        if "to" in names:
            break
    else:
        raise RefusedError(f"the file has no column `to`: its first line is {text[:_SHOWN_COLUMNS]!r}")
    twice = sorted({name for name in names if name in COLUMNS and names.count(name) > 1})
    if twice:
        raise RefusedError(f"the file has two columns `{twice[0]}`")
    places = tuple((name, place) for place, name in enumerate(names) if name in COLUMNS)
    ignored = tuple(name for name in names if name and name not in COLUMNS)
    return Layout(Format.CSV, start, delimiter, len(names), places, ignored)


def _names(text: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip().lower() for cell in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except (csv.Error, StopIteration):
        return []


class _UnreadableError(Exception):
    """A line that cannot be read as text; the next ones can."""


class _Lines:
    """The lines of a stream as text, with the position behind the latest one.

    Those of a CSV row that turns out to be broken can be put back, all but its first: a quotation mark that nobody
    closed must not swallow the rows that follow it.
    """

    def __init__(self, stream: BinaryIO, position: Position) -> None:
        self._readline = stream.readline
        self._stream = stream
        self.offset, self.line = position
        self._row: list[bytes] = []
        self._again: list[bytes] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        known = bool(self._again)
        raw = self._again.pop() if known else self._readline(LINE_BYTES)
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
            raise _UnreadableError("is not UTF-8") from None
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
        while not raw.endswith(b"\n") and (raw := self._readline(LINE_BYTES)):
            self.offset += len(raw)


class RecipientsReader:
    """Reads rows from a stream that stands at `position`."""

    def __init__(self, stream: BinaryIO, layout: Layout, hints: Hints, position: Position | None = None) -> None:
        self._layout, self._hints = layout, hints
        # A column that the file has not is read from an empty cell behind the others.
        self._places = tuple(dict(layout.places).get(name, -1) for name in COLUMNS)
        self._lines = _Lines(stream, layout.start if position is None else position)

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
            return _recipient_of_values({name: value for name, value in values if value})
        return Recipient(to, message_id or None, body or None, None, custom_string or None)


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
