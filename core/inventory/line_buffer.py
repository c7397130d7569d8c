"""Checked lines of one kind, waiting on disk."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Generic, Self, TypeVar

import msgspec

_T = TypeVar("_T")

_LENGTH = struct.Struct("<I")


class LineBuffer(Generic[_T]):
    """Takes values, then gives them back in their order; the file is gone when the block ends."""

    def __init__(self, form: type[_T]) -> None:
        self._decode = msgspec.msgpack.Decoder(form).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._file: IO[bytes] = TemporaryFile(prefix="smart-assign-")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def add(self, value: _T) -> None:
        """Puts one away."""
        encoded = self._encode(value)
        self._file.write(_LENGTH.pack(len(encoded)) + encoded)

    def __iter__(self) -> Iterator[_T]:
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(head)
            yield self._decode(self._file.read(length))
