"""Puts JSON documents on a queue as any upstream service does, on either broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

_Item = TypeVar("_Item")

#: Documents, and bytes, that one trip to the broker carries at the most.
TRIP_DOCUMENTS = 1000
TRIP_BYTES = 8_388_608


class Producer(Protocol):
    """Enqueues documents. Every method may raise BROKER_ERRORS."""

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        """Enqueue `documents` in one trip; when it returns, the broker has them all."""

    def waiting(self, queue: str) -> int:
        """How many documents no worker has taken yet."""


def in_trips(items: Iterable[_Item], size_of: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """The items in lists that one trip can carry; the last item of a list may exceed its bytes."""
    trip: list[_Item] = []
    size = 0
    for item in items:
        trip.append(item)
        size += size_of(item)
        if len(trip) >= TRIP_DOCUMENTS or size >= TRIP_BYTES:
            yield trip
            trip, size = [], 0
    if trip:
        yield trip
