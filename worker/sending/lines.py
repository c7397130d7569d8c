"""The lines of a file of any size, one by one: a line that cannot be read is told, and the next ones are read."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from core.encoding import TEXT_MARK

#: A longer line is refused, and never held in memory whole.
LINE_BYTES = 1_048_576
TOO_LONG = f"is longer than {LINE_BYTES} bytes"

_NOT_TEXT = "is not text in the file's encoding, which is UTF-8 unless --encoding names another"


class Position(NamedTuple):
    """How far a file was read: bytes from its beginning, and lines."""

    offset: int = 0
    line: int = 0


START = Position()


class UnreadableError(Exception):
    """A line that cannot be read as text; the next ones can."""


class Lines:
    """The lines of a stream as text, up to byte `end` of it, with the position behind the latest one.

    Those of a CSV row that turns out to be broken can be put back, all but its first: a quotation mark that nobody
    closed must not swallow the rows that follow it.
    """

    def __init__(self, stream: BinaryIO, position: Position, end: int) -> None:
        self._readline, self._end = stream.readline, end
        self.offset, self.line = position
        self._row: list[bytes] = []
        self._again: list[bytes] = []

    def __iter__(self) -> Lines:
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
            raise UnreadableError(TOO_LONG)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise UnreadableError(_NOT_TEXT) from None
        return text.removeprefix(TEXT_MARK) if self.line == 1 else text

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
