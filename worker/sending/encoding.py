"""Files that are not UTF-8: copied as UTF-8 to a file without a name, so that all else reads one encoding only.

What is no text at all is refused with a sentence that names it.
"""

from __future__ import annotations

import codecs
import tempfile
from typing import BinaryIO

from core.errors import RefusedError

BLOCK_BYTES = 1_048_576
#: The marks with which a spreadsheet's "Unicode text" begins; the longer one first, since it begins with the shorter.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT_BYTES = 4_096
#: What files begin with that are no text, and what to do with them.
_FOREIGN = (
    (
        b"\xd0\xcf\x11\xe0",
        "an Excel workbook of the old form (.xls), or one with a password: save it as .xlsx without one",
    ),
    (b"\x1f\x8b", "compressed by gzip: unpack it"),
    (b"BZh", "compressed by bzip2: unpack it"),
    (b"\xfd7zXZ", "compressed by xz: unpack it"),
    (b"%PDF", "a PDF: save the table as CSV or .xlsx"),
    (b"SQLite format 3\0", "an SQLite database: save the table as CSV"),
    (b"PAR1", "a Parquet file: save it as CSV"),
    (b"<html", "HTML under another name: open it in a spreadsheet, and save it as .xlsx or CSV"),
    (b"<!doctype html", "HTML under another name: open it in a spreadsheet, and save it as .xlsx or CSV"),
    (b"<table", "HTML under another name: open it in a spreadsheet, and save it as .xlsx or CSV"),
    (b"<?xml", "XML: save the table as CSV or .xlsx"),
)
_ZIP = b"PK\x03\x04"
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument."
_WORKBOOK_PARTS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/")
_UNREADABLE = "smart_assign_unreadable"


def _unreadable(error: UnicodeError) -> tuple[str, int]:
    """What cannot be decoded becomes a byte that is not UTF-8, so that its row is refused, and no other."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_UNREADABLE, _unreadable)


def refuse_foreign(stream: BinaryIO, *, as_workbook: bool) -> None:
    """Raises RefusedError, which names what it is, for what is neither text nor, `as_workbook`, an Excel workbook."""
    start = _start(stream)
    kind = _foreign_kind(start)
    if kind is None and start.startswith(_ZIP) and not as_workbook:
        kind = "an Excel workbook (.xlsx) under another name: give --format xlsx"
    elif kind is None and as_workbook and not start.startswith(_ZIP):
        kind = "no Excel workbook, whatever its name says: give --format csv where it is text"
    if kind is not None:
        raise RefusedError(f"the file is {kind}")


def _foreign_kind(start: bytes) -> str | None:
    if start.startswith(_ZIP):
        if _OPEN_DOCUMENT in start:
            return "an OpenDocument spreadsheet: save it as .xlsx or CSV"
        return None if any(part in start for part in _WORKBOOK_PARTS) else "a zip file: unpack it"
    begins = start.lstrip().lower()
    return next((kind for mark, kind in _FOREIGN if start.startswith(mark) or begins.startswith(mark)), None)


def as_utf8(stream: BinaryIO, encoding: str | None) -> BinaryIO:
    """The stream itself where it is UTF-8, else a copy. Raises RefusedError for an encoding that Python does not know.

    Without a named encoding, a byte order mark of UTF-16 or UTF-32 decides; where it is missing, it is refused.
    """
    name = _marked(_start(stream)) if encoding is None else _known(encoding)
    return stream if name in (None, "utf-8") else _copied(stream, name)


def _start(stream: BinaryIO) -> bytes:
    """The first bytes, which stay unread. A pipe may give fewer than a mark has, and is then read as UTF-8."""
    if not stream.seekable():
        return bytes(stream.peek(_LOOKED_AT_BYTES)) if hasattr(stream, "peek") else b""
    place = stream.tell()
    start = stream.read(_LOOKED_AT_BYTES)
    stream.seek(place)
    return start


def _marked(start: bytes) -> str | None:
    name = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if name is None and (unmarked := _unmarked(start)):
        raise RefusedError(f"the file looks like UTF-16 without its mark: give --encoding {unmarked}")
    return name


def _unmarked(start: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of what is mostly ASCII is zero, and no text has a zero byte."""
    if b"\0" not in start:
        return None
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 4 < len(start) or min(even, odd) * 4 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _known(encoding: str) -> str:
    try:
        "to".encode(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, UnicodeError, ValueError):
        raise RefusedError(f"no encoding {encoding!r}; some are utf-8, cp1252, latin-1, utf-16, gb18030") from None


def _copied(stream: BinaryIO, encoding: str) -> BinaryIO:
    decoder = codecs.getincrementaldecoder(encoding)(_UNREADABLE)
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - read until the program ends, and gone with it
    while block := stream.read(BLOCK_BYTES):
        copy.write(decoder.decode(block).encode("utf-8", "surrogateescape"))
    copy.write(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
    copy.seek(0)
    return copy
