"""Compressed task messages: unpacked here, with a limit, so that a few bytes cannot become all of a worker's memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

#: As many bytes as the largest campaign batch that is read by default.
MAX_UNPACKED = 67_108_864


#: More than this, unpacked, is read only by who has the turn to do so.
LARGE_UNPACKED = 8_388_608


def _nothing() -> None:
    return


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


# kombu's names of the methods that Python itself brings.
_METHODS: Mapping[str, Callable[[], _Decompressor]] = {
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lzma.LZMADecompressor,
}


def _unread(decompressor: _Decompressor) -> bytes:
    """What zlib has not read of its input, and wants to be given again; the others keep it themselves."""
    return getattr(decompressor, "unconsumed_tail", b"")


def unpacked(
    body: bytes, method: object, limit: int = MAX_UNPACKED, before_large: Callable[[], None] = _nothing
) -> bytes:
    """`body` as it was before kombu compressed it. Raises ValueError, which never quotes it.

    `before_large` is called before more than LARGE_UNPACKED bytes come of it.
    """
    if not method:
        return body
    if not isinstance(method, str) or method not in _METHODS:
        raise ValueError("its compression is not one of: " + ", ".join(sorted(_METHODS)))
    decompressor = _METHODS[method]()
    try:
        plain = decompressor.decompress(body, min(limit, LARGE_UNPACKED))
        if not decompressor.eof and limit > LARGE_UNPACKED:
            before_large()
            rest = decompressor.decompress(_unread(decompressor), limit - len(plain))
            plain += rest
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        raise ValueError("it cannot be decompressed") from None
    if not decompressor.eof:
        raise ValueError(f"decompressed it is cut short, or longer than {limit} bytes")
    return plain
