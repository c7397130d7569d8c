"""A file of message documents, one JSON object a line, read as a stream of lines that fit the contract or do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from core.contract.decode import decode_message
from core.encoding import UTF8_MARK, WHOLE_DOCUMENT, ContractError
from core.errors import FieldError

_CRLF_BYTES = 2
_SKIP_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank: its number from 1, its bytes in the file, and what of it breaks the contract."""

    number: int
    size: int
    document: bytes
    errors: tuple[FieldError, ...] = ()


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[Line]:
    """The lines of `stream`; one longer than `max_bytes` is refused, and never held in memory whole."""
    number = 0
    while raw := stream.readline(max_bytes + _CRLF_BYTES):
        number += 1
        size = len(raw) + _skip_rest(stream, raw)
        document = (raw.removeprefix(UTF8_MARK) if number == 1 else raw).strip()
        if size > max_bytes + _CRLF_BYTES or len(document) > max_bytes:
            yield Line(number, size, b"", (FieldError(WHOLE_DOCUMENT, f"has more than {max_bytes} bytes"),))
        elif document:
            yield Line(number, size, document, contract_errors(document))


def _skip_rest(stream: BinaryIO, raw: bytes) -> int:
    """Read on to the end of a line that `raw` begins; the bytes skipped."""
    skipped = 0
    while not raw.endswith(b"\n") and (raw := stream.readline(_SKIP_BYTES)):
        skipped += len(raw)
    return skipped


def contract_errors(document: bytes) -> tuple[FieldError, ...]:
    """Every field of a message document that breaks the contract; empty: it may be enqueued."""
    try:
        decode_message(document)
    except ContractError as error:
        return error.errors
    return ()
