"""Documents onto a RabbitMQ queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from worker.rabbitmq_broker.outgoing import Outgoing


class CountingPublisher(Protocol):
    """What publishes, and knows what waits: a ConfirmedPublisher, or a double."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send them and wait until they are safe."""

    def waiting(self, queue: str) -> int:
        """How many messages are ready on a queue."""


class RabbitProducer:
    """Persistent messages on a RabbitMQ queue, each trip confirmed. May raise PUBLISH_ERRORS; then none of it counts."""

    def __init__(self, publisher: CountingPublisher) -> None:
        self._publisher = publisher

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        """One batch with one wait for its confirms."""
        self._publisher.publish([Outgoing(queue, document) for document in documents])

    def waiting(self, queue: str) -> int:
        """What is ready on the queue; deliveries that a worker holds are not."""
        return self._publisher.waiting(queue)
