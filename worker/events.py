"""Events: told on the events queue, which is bounded and drops the oldest. They are no record of anything."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Protocol

import redis

from worker.amqp import ConfirmedPublisher, Outgoing
from worker.envelope import Sealer
from worker.settings import Settings


class EventSink(Protocol):
    """Where events go."""

    def send(self, events: Sequence[bytes]) -> None:
        """Send JSON documents, or raise what the broker raises; then some may have been sent."""


class RedisEvents:
    """Events as kombu messages on a Redis list."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._queue, self._longest = client, settings.events_queue, settings.events_max_length
        self._sealer = Sealer(settings.events_queue)

    def send(self, events: Sequence[bytes]) -> None:
        """All of them, or none. Raises redis.RedisError."""
        if not events:
            return
        sealed = self._sealer.seal(events, [uuid.uuid4().hex for _ in events])
        with self._client.pipeline(transaction=True) as pipe:
            pipe.lpush(self._queue, *sealed)
            pipe.ltrim(self._queue, 0, self._longest - 1)
            pipe.execute()


class AmqpEvents:
    """Events on a RabbitMQ queue, whose own length limit drops the oldest."""

    def __init__(self, publisher: ConfirmedPublisher, settings: Settings) -> None:
        self._publisher, self._queue = publisher, settings.events_queue

    def send(self, events: Sequence[bytes]) -> None:
        """Send and wait for the confirms. Raises one of PUBLISH_ERRORS."""
        self._publisher.publish([Outgoing(self._queue, event, uuid.uuid4().hex) for event in events])
