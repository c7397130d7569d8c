"""Files that are not UTF-8: copied as UTF-8 to a file without a name, so that all else reads one encoding only."""

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
_LONGEST_MARK = 4
_UNREADABLE = "smart_assign_unreadable"


def _unreadable(error: UnicodeError) -> tuple[str, int]:
    """What cannot be decoded becomes a byte that is not UTF-8, so that its row is refused, and no other."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_UNREADABLE, _unreadable)


def as_utf8(stream: BinaryIO, encoding: str | None) -> BinaryIO:
    """The stream itself where it is UTF-8, else a copy. Raises RefusedError for an encoding that Python does not know.

    Without a named encoding, a byte order mark of UTF-16 or UTF-32 decides.
    """
    name = _marked(stream) if encoding is None else _known(encoding)
    return stream if name in (None, "utf-8") else _copied(stream, name)


def _marked(stream: BinaryIO) -> str | None:
    if stream.seekable():
        place = stream.tell()
        start = stream.read(_LONGEST_MARK)
        stream.seek(place)
    else:
        # A pipe may give fewer bytes than a mark has; then it is read as UTF-8, and refused with a sentence.
        start = stream.peek(_LONGEST_MARK) if hasattr(stream, "peek") else b""
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


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
