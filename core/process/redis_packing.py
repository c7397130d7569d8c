"""How a Redis command of thousands of arguments is written: each argument is copied once.

hiredis reads replies faster than anything else, but packs such commands several times slower than this, and redis-py's
own packer copies a growing buffer for each argument. `python -m benchmarks.stages` shows the difference.
"""

from __future__ import annotations

#: Bytes handed to the socket at once.
CHUNK_BYTES = 65_536

#: What stands before an argument, by its length; to format a number takes longer than to look it up.
_BEFORE = [b"\r\n$%d\r\n" % length for length in range(4096)]


class BulkPacker:
    """A command packer for redis-py connections. Raises TypeError for an argument that Redis has no form for."""

    def pack(self, *args: bytes | str | float | memoryview) -> list[bytes]:
        """The command in RESP, in pieces of about CHUNK_BYTES; a name of two words (`CLIENT INFO`) is two arguments."""
        name, *rest = args
        words: list[bytes | str | int | float | memoryview] = [*_bytes(name).split(), *rest]
        chunks: list[bytes] = []
        parts, size, known = [b"*%d" % len(words)], 0, len(_BEFORE)
        for word in words:
            text = word if type(word) is bytes else _bytes(word)
            length = len(text)
            parts.append(_BEFORE[length] if length < known else b"\r\n$%d\r\n" % length)
            parts.append(text)
            size += length
            if size > CHUNK_BYTES:
                chunks.append(b"".join(parts))
                parts, size = [], 0
        parts.append(b"\r\n")
        chunks.append(b"".join(parts))
        return chunks


def _bytes(value: bytes | str | float | memoryview) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"Redis has no form for a {type(value).__name__}")
    return repr(value).encode()
