"""Puts JSON documents on a queue as any upstream service does, on either broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import redis

from worker.rabbitmq_broker.publisher import ConfirmedPublisher, Outgoing

_Item = TypeVar("_Item")

#: Documents, and bytes, that one trip to the broker carries at the most.
TRIP_DOCUMENTS = 1000
TRIP_BYTES = 8_388_608


class Producer(Protocol):
    """Enqueues documents."""

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        """Enqueue `documents` in one trip; when it returns, the broker has them all. Raises a broker's error."""

    def waiting(self, queue: str) -> int:
        """How many documents no worker has taken yet. Raises a broker's error."""

    def close(self) -> None:
        """Let go of the connection."""


class RedisProducer:
    """Bare documents on a Redis list, the oldest at its right end. May raise redis.RedisError."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        """One LPUSH."""
        if documents:
            self._client.lpush(queue, *documents)

    def waiting(self, queue: str) -> int:
        """The length of the list."""
        return int(self._client.llen(queue))

    def close(self) -> None:
        """The client belongs to who made it."""


class AmqpProducer:
    """Persistent messages on a RabbitMQ queue, each trip confirmed. May raise PUBLISH_ERRORS; then none of it counts."""

    def __init__(self, publisher: ConfirmedPublisher) -> None:
        self._publisher = publisher

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        """One batch with one wait for its confirms."""
        self._publisher.publish([Outgoing(queue, document) for document in documents])

    def waiting(self, queue: str) -> int:
        """What is ready on the queue; deliveries that a worker holds are not."""
        return self._publisher.waiting(queue)

    def close(self) -> None:
        """Close the connection to the broker."""
        self._publisher.close()


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
