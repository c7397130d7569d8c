"""Reading a queue of kombu messages from its oldest end: looking without taking, or taking what was shown.

`drain` yields pieces; a piece is gone from the queue when the caller asks for the next, and back on it when the
caller closes the generator before that.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

Pieces = Generator[list[bytes], None, None]

PIECE = 1000


class Tail(Protocol):
    """The oldest end of a queue. May raise BROKER_ERRORS."""

    def peek(self, count: int | None) -> Pieces:
        """The documents that wait, oldest first, left where they are."""

    def drain(self, count: int | None) -> Pieces:
        """The documents that wait, oldest first, taken piece by piece."""


def pieces(count: int | None) -> Iterator[tuple[int, int]]:
    """Where each piece of `count` documents begins, and how many it may hold; None: there is no end to it."""
    start = 0
    while count is None or start < count:
        wanted = PIECE if count is None else min(PIECE, count - start)
        yield start, wanted
        start += wanted
