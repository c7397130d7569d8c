"""The first sheet of an Excel workbook (.xlsx), copied row by row to a file without a name; constant memory.

A workbook is a zip file of XML. Both are read as streams, and the texts that cells share lie in temporary files, so a
million rows cost no more memory than ten: no library at hand does that (docs/decisions/0012-workbooks.md).
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from posixpath import dirname, join, normpath
from typing import BinaryIO, NamedTuple, cast
from xml.parsers import expat

import msgspec

from core.encoding import encode_json
from core.errors import RefusedError
from worker.sending.lines import LINE_BYTES, TOO_LONG
from worker.sending.sheet_xml import BadRow, NumberFormats, SharedTexts, SheetReader, SheetRow, parsed_blocks

#: What a damaged workbook, or one that means harm, makes zipfile, zlib and expat raise, and the readers of sheet_xml.
_UNREADABLE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, expat.ExpatError, KeyError, ValueError, EOFError,
    NotImplementedError, OverflowError, RuntimeError,
)  # fmt: skip


class CopiedSheet(NamedTuple):
    """A file of a sheet's rows, one a line, at its beginning; the sheet's name, and how many the workbook has."""

    stream: BinaryIO
    name: str
    sheets: int


def copied_sheet(stream: BinaryIO) -> CopiedSheet:
    """Copy the rows of the first sheet that is shown. Raises RefusedError where the stream is no such workbook."""
    with _seekable(stream) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _copied(_Package(archive))
        except _UNREADABLE as error:
            words = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise RefusedError(f"the file cannot be read as an Excel workbook (.xlsx): {words}") from None


def read_row(line: str | bytes) -> SheetRow | BadRow:
    """A row as `copied_sheet` wrote it."""
    number, content = _decode(line)
    return BadRow(number, content) if isinstance(content, str) else SheetRow(number, content)


_decode = msgspec.json.Decoder(tuple[int, list[str] | str]).decode


@contextmanager
def _seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream, or a copy of it: a zip file is read from its end."""
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        yield cast("BinaryIO", copy)


def _copied(package: _Package) -> CopiedSheet:
    sheets = package.sheets()
    if not sheets:
        raise ValueError("it has no sheet")
    sheet = next((each for each in sheets if each.shown), sheets[0])
    with closing(SharedTexts()) as texts, ExitStack() as kept:
        copy = kept.enter_context(tempfile.TemporaryFile())
        formats = NumberFormats(since_1904=package.since_1904)
        package.read("/sharedStrings", texts)
        texts.filled()
        package.read("/styles", formats)
        rows = SheetReader(texts, formats)
        with package.opened(sheet.path) as document:
            for _ in parsed_blocks(document, rows):
                copy.writelines(map(_line, rows.taken()))
        copy.seek(0)
        kept.pop_all()
    return CopiedSheet(cast("BinaryIO", copy), sheet.name, len(sheets))


def _line(row: SheetRow | BadRow) -> bytes:
    line = encode_json(row) + b"\n"
    return line if len(line) <= LINE_BYTES else _line(BadRow(row.number, TOO_LONG))


class _SheetEntry(NamedTuple):
    name: str
    path: str
    shown: bool


_HEEDED = frozenset({"Relationship", "sheet", "workbookPr"})


class _Elements:
    """The attributes of the elements that say how a workbook is put together."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Mapping[str, str]]] = []

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """Keep it, its attributes without their prefixes."""
        if name in _HEEDED:
            self.found.append((name, {key.rpartition(":")[2]: value for key, value in attributes.items()}))

    def end(self, name: str) -> None:
        """Nothing is kept of it."""

    def text(self, data: str) -> None:
        """Nothing is kept of it."""


class _Package:
    """The parts of a workbook, found by the relations that it states."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        books = [path for kind, path in self._relations("").values() if kind.endswith("/officeDocument")]
        if not books:
            raise ValueError("it is a zip file of something else")
        self._book = books[0]
        if self._book.endswith(".bin"):
            raise ValueError("it is a binary one (.xlsb); save it as .xlsx")
        self._parts = self._relations(self._book)
        self._elements = self._attributes(self._book)

    @property
    def since_1904(self) -> bool:
        """Whether days count from 1904."""
        return any(
            name == "workbookPr" and attributes.get("date1904") in ("1", "true") for name, attributes in self._elements
        )

    def sheets(self) -> list[_SheetEntry]:
        """The sheets of cells, in the order of their tabs."""
        found = list[_SheetEntry]()
        for name, attributes in self._elements:
            kind, path = self._parts.get(attributes.get("id", ""), ("", ""))
            if name == "sheet" and kind.endswith("/worksheet"):
                found.append(_SheetEntry(attributes["name"], path, attributes.get("state", "visible") == "visible"))
        return found

    def read(self, kind: str, reader: SharedTexts | NumberFormats) -> None:
        """Hand the workbook's part of a kind to its reader, if there is one."""
        path = next((path for each, path in self._parts.values() if each.endswith(kind)), None)
        if path is not None:
            with self.opened(path) as document:
                for _ in parsed_blocks(document, reader):
                    pass

    def opened(self, path: str) -> BinaryIO:
        """A part's document. Raises KeyError where it is not there."""
        return cast("BinaryIO", self._archive.open(path))

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Of a part, or of the package: id -> (kind, path)."""
        folder, _, name = part.rpartition("/")
        relations = self._attributes(join(folder, "_rels", f"{name}.rels"))
        return {
            attributes["Id"]: (attributes["Type"], normpath(join("/", dirname(part), attributes["Target"])).lstrip("/"))
            for name, attributes in relations
            if name == "Relationship"
        }

    def _attributes(self, path: str) -> list[tuple[str, Mapping[str, str]]]:
        elements = _Elements()
        with self.opened(path) as document:
            for _ in parsed_blocks(document, elements):
                pass
        return elements.found
