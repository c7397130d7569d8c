"""The XML of a workbook's sheet, shared texts and number formats (ECMA-376, part 1, 18.3 and 18.8), read as a stream."""

from __future__ import annotations

import os
import re
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import BinaryIO, NamedTuple, Protocol
from xml.parsers import expat

from worker.sending.lines import LINE_BYTES, TOO_LONG

BLOCK_BYTES = 65_536
#: A sheet has no more of them.
MOST_COLUMNS = 16_384
#: Whole numbers below it are exact in the file's floating point; Excel keeps fifteen digits.
EXACT = 10**15

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DIGITS = re.compile(r"-?[0-9]+\Z")
_ENDS = struct.Struct("<QQ")
_END = struct.Struct("<Q")
_REMEMBERED_TEXTS = 4_096
#: Formats of dates that every workbook knows by number.
_DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_NO_PART_OF_A_DATE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|General|Standard', re.IGNORECASE)
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a sheet's times have no zone


class _Handlers(Protocol):
    """What a reader does at the beginning and the end of an element, by its name without a prefix, and with text."""

    def begin(self, name: str, attributes: Mapping[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, data: str) -> None: ...


def parsed_blocks(stream: BinaryIO, handlers: _Handlers) -> Iterator[None]:
    """Hand a document to `handlers`, block by block. Raises ExpatError; ValueError where it has a document type."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, _: _set_handlers(parser, handlers, prefixed=":" in name)
    parser.CharacterDataHandler = handlers.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    while block := stream.read(BLOCK_BYTES):
        parser.Parse(block, False)
        yield
    parser.Parse(b"", True)
    yield


def _set_handlers(parser: expat.XMLParserType, handlers: _Handlers, *, prefixed: bool) -> None:
    """By the name of the root, which says nothing else: most documents have no prefixes to take off, and many elements."""
    if not prefixed:
        parser.StartElementHandler, parser.EndElementHandler = handlers.begin, handlers.end
        return
    parser.StartElementHandler = lambda name, attributes: handlers.begin(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: handlers.end(name.rpartition(":")[2])


def _refuse_document_type(*_: object) -> None:
    """A workbook has none, and entities that grow without end are declared there."""
    raise ValueError("its XML has a document type")


class SheetRow(NamedTuple):
    """A row of a sheet, its cells as texts, without the empty ones at its end."""

    number: int
    cells: list[str]


class BadRow(NamedTuple):
    """A row of a sheet that cannot be read, and why."""

    number: int
    reason: str


class SharedTexts:
    """The texts that cells share, in files without a name: there may be millions. Filled by `parsed_blocks`."""

    def __init__(self) -> None:
        self._texts = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._ends = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._ends.write(_END.pack(0))
        self._parts: list[str] = []
        self._size, self._takes, self._phonetic = 0, False, False
        self.text_at = lru_cache(_REMEMBERED_TEXTS)(self._text_at)

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 - they say nothing of a text
        """What stands over a text to say how it is pronounced (`rPh`) is no part of it."""
        self._phonetic = self._phonetic or name == "rPh"
        self._takes = name == "t" and not self._phonetic

    def end(self, name: str) -> None:
        """A text ends with its element `si`."""
        self._takes = False
        if name == "rPh":
            self._phonetic = False
        elif name == "si":
            raw = unescaped("".join(self._parts)).encode()
            self._size += self._texts.write(raw)
            self._ends.write(_END.pack(self._size))
            self._parts.clear()

    def text(self, data: str) -> None:
        """Part of a text."""
        if self._takes:
            self._parts.append(data)

    def filled(self) -> None:
        """All texts were written; they are read from now on."""
        self._texts.flush()
        self._ends.flush()

    def close(self) -> None:
        """Give the files up."""
        self._texts.close()
        self._ends.close()

    def _text_at(self, index: int) -> str:
        """Raises ValueError where there is no such text."""
        raw = os.pread(self._ends.fileno(), _ENDS.size, index * _END.size) if index >= 0 else b""
        if len(raw) < _ENDS.size:
            raise ValueError("a cell names a text that is not there")
        begin, end = _ENDS.unpack(raw)
        return os.pread(self._texts.fileno(), end - begin, begin).decode()


class NumberFormats:
    """Which of a workbook's cell styles show a number as a date. Filled by `parsed_blocks`."""

    def __init__(self, *, since_1904: bool) -> None:
        self._epoch = _EPOCH_1904 if since_1904 else _EPOCH
        self._date_formats = set(_DATE_FORMATS)
        self._dates: list[bool] = []
        self._in_cells = False

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """A format of the workbook's own, or a style of cells that uses one."""
        if name == "numFmt" and _shows_date(attributes.get("formatCode", "")):
            self._date_formats.add(int(attributes["numFmtId"]))
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            self._dates.append(int(attributes.get("numFmtId", "0")) in self._date_formats)

    def end(self, name: str) -> None:
        """Other kinds of styles follow those of cells."""
        self._in_cells = self._in_cells and name != "cellXfs"

    def text(self, data: str) -> None:
        """There is none."""

    def shown(self, raw: str, style: int) -> str:
        """A number as text: a date where its style says so, else whole numbers without a point. Raises ValueError."""
        if style < len(self._dates) and self._dates[style]:
            return self._date(raw)
        return number_text(raw)

    def _date(self, raw: str) -> str:
        try:
            moment = self._epoch + timedelta(seconds=round(float(raw) * 86_400))
        except (OverflowError, ValueError):
            return number_text(raw)
        return f"{moment:%Y-%m-%d}" if moment.time() == datetime.min.time() else moment.isoformat()


def _shows_date(code: str) -> bool:
    return any(letter in "dmyhs" for letter in _NO_PART_OF_A_DATE.sub("", code).lower())


def number_text(raw: str) -> str:
    """A cell's number as a person would write it: `4.915112345678E12` is `4915112345678`. Raises ValueError."""
    if _DIGITS.match(raw):
        return raw
    value = float(raw)
    if abs(value) < EXACT and value.is_integer():
        return str(int(value))
    short = f"{value:.15g}"
    return short if "." in short and "e" not in short else repr(value)


def unescaped(text: str) -> str:
    """`_x000D_` stands for a character that XML cannot hold."""
    return _ESCAPE.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)


class SheetReader:
    """The rows of a sheet that are not blank. Filled by `parsed_blocks`; `taken` gives what has come."""

    def __init__(self, texts: SharedTexts, formats: NumberFormats) -> None:
        self._texts, self._formats = texts, formats
        self._rows: list[SheetRow | BadRow] = []
        self._number = self._column = self._style = self._size = 0
        self._type = ""
        self._cells: list[str] = []
        self._parts: list[str] = []
        self._takes = self._phonetic = False

    def taken(self) -> list[SheetRow | BadRow]:
        """The rows that ended since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """A row, a cell, or the value of one: `v`, or `t` within `is`."""
        if name == "c":
            self._column = _column(attributes["r"]) if "r" in attributes else self._column + 1
            self._type, self._style = attributes.get("t", "n"), int(attributes.get("s", "0"))
        elif name in ("v", "t"):
            self._takes = not self._phonetic
        elif name == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._column = self._size = 0
            self._cells = []
        elif name == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        """A cell has its value once it has ended."""
        if name in ("v", "t"):
            self._takes = False
        elif name == "c":
            if self._parts:
                self._add_cell()
        elif name == "row":
            self._add_row()
        elif name == "rPh":
            self._phonetic = False

    def text(self, data: str) -> None:
        """Part of a value; what makes a row too long is not kept."""
        if self._takes:
            self._size += len(data)
            if self._size <= LINE_BYTES:
                self._parts.append(data)

    def _add_cell(self) -> None:
        if not 0 < self._column <= MOST_COLUMNS:
            raise ValueError(f"it has more than {MOST_COLUMNS:,} columns")
        value = _READERS.get(self._type, _as_it_is)(self, "".join(self._parts))
        self._parts.clear()
        self._size += len(value)
        if value:
            self._cells += [""] * (self._column - 1 - len(self._cells))
            self._cells[self._column - 1 :] = [value]

    def _add_row(self) -> None:
        if self._size > LINE_BYTES:
            self._rows.append(BadRow(self._number, TOO_LONG))
        elif self._cells:
            self._rows.append(SheetRow(self._number, self._cells))

    def shared(self, raw: str) -> str:
        """A text that several cells may have."""
        return self._texts.text_at(int(raw))

    def number(self, raw: str) -> str:
        """A number, or a date."""
        return self._formats.shown(raw.strip(), self._style)

    def truth(self, raw: str) -> str:
        """As a spreadsheet shows it."""
        return "FALSE" if raw.strip() == "0" else "TRUE"


def _as_it_is(_: SheetReader, raw: str) -> str:
    return unescaped(raw)


_READERS: Mapping[str, Callable[[SheetReader, str], str]] = {
    "s": SheetReader.shared,
    "n": SheetReader.number,
    "b": SheetReader.truth,
}


@lru_cache(MOST_COLUMNS)
def _column_of_letters(letters: str) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return column


def _column(place: str) -> int:
    """The column of a cell's name: 1 for `A7`."""
    return _column_of_letters(place.rstrip("0123456789").upper()) if len(place) < 16 else 0
