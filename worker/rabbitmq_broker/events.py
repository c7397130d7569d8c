"""Events on a RabbitMQ queue."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import redis

from worker.handoff.event_outbox import WaitingEvent
from worker.handoff.keys import Keys
from worker.rabbitmq_broker.outgoing import Outgoing, Publisher
from worker.settings import Settings


class RabbitEvents:
    """Events on a RabbitMQ queue, whose own length limit drops the oldest; those in the outbox wait in Redis."""

    def __init__(self, publisher: Publisher, client: redis.Redis, settings: Settings) -> None:
        self._publisher, self._client, self._queue = publisher, client, settings.events_queue
        self._outbox = Keys(settings.key_prefix).event_outbox

    def send(self, events: Sequence[bytes]) -> None:
        """Send and wait for the confirms. Raises one of PUBLISH_ERRORS."""
        self._publisher.publish([Outgoing(self._queue, event, uuid.uuid4().hex) for event in events])

    def send_waiting(self, events: Sequence[WaitingEvent]) -> None:
        """Each once, and once more with the same `message_id` where a worker dies between the confirm and its note."""
        outgoing = [Outgoing(self._queue, event.document, event.id) for event in events]
        self._publisher.publish(outgoing, lambda taken: self._forget([events[place] for place in taken]))
        self._forget(events)

    def _forget(self, events: Sequence[WaitingEvent]) -> None:
        with self._client.pipeline() as pipe:
            for event in events:
                pipe.lrem(self._outbox, -1, event.record)  # type: ignore[arg-type]  # an element may be bytes
            pipe.execute()
