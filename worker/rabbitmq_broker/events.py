"""Events on a RabbitMQ queue."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import redis

from worker.envelopes.kombu_messages import decode_kombu_message
from worker.handoff.keys import Keys
from worker.rabbitmq_broker.outgoing import Outgoing, Publisher
from worker.settings import Settings


class RabbitEvents:
    """Events on a RabbitMQ queue, whose own length limit drops the oldest."""

    def __init__(self, publisher: Publisher, settings: Settings) -> None:
        self._publisher, self._queue = publisher, settings.events_queue

    def send(self, events: Sequence[bytes]) -> None:
        """Send and wait for the confirms. Raises one of PUBLISH_ERRORS."""
        self._publisher.publish([Outgoing(self._queue, event, uuid.uuid4().hex) for event in events])


#: A flush that has not come to its end by then is taken for dead.
FLUSH_S = 30


class EventOutbox:
    """Events that a Redis script wrote together with what they tell of, on their way to RabbitMQ.

    Each is sent once, and once more with the same `message_id` where a flush died between the confirm and its note.
    """

    def __init__(self, client: redis.Redis, publisher: Publisher, settings: Settings) -> None:
        self._client, self._publisher, self._queue = client, publisher, settings.events_queue
        self._outbox = Keys(settings.key_prefix).event_outbox
        self._lock = f"{self._outbox}:flushing"

    def flush(self) -> int:
        """Send what waits, unless another process does so at present; how many. Raises as the brokers do."""
        if not self._client.llen(self._outbox) or not self._client.set(self._lock, 1, nx=True, ex=FLUSH_S):
            return 0
        try:
            waiting: list[bytes] = self._client.lrange(self._outbox, 0, -1)  # type: ignore[assignment]
            self._publisher.publish([_outgoing(self._queue, each) for each in reversed(waiting)])
            # Those that came meanwhile are at the other end.
            self._client.ltrim(self._outbox, 0, -len(waiting) - 1)
            return len(waiting)
        finally:
            self._client.delete(self._lock)


def _outgoing(queue: str, envelope: bytes) -> Outgoing:
    kept = decode_kombu_message(envelope)
    return Outgoing(queue, kept.body_bytes(), str(kept.properties.delivery_tag))
