"""Consumers of RabbitMQ queues beside Celery's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from worker.rabbitmq_broker.deliveries import Delivery, read_delivery


class Consuming:
    """Consumers of a channel, one a queue."""

    def __init__(self, parent: Any, channel: Any, names: Sequence[str], take: Callable[[Delivery], None]) -> None:
        self.channel, self._names, self._take = channel, names, take
        self._tags: list[str] = []
        # The broker may deliver while it answers, and the pool takes nothing before the event loop runs.
        parent.timer.call_after(0, self._consume)

    def _consume(self) -> None:
        self._tags = [self.channel.basic_consume(queue=name, callback=self._on_raw) for name in self._names]

    def _on_raw(self, raw: Any) -> None:
        self._take(read_delivery(raw))

    @property
    def is_open(self) -> bool:
        """Whether deliveries can still come."""
        connection = self.channel.connection
        return connection is not None and bool(connection.connected)

    def cancel(self) -> None:
        """Consume no more."""
        tags, self._tags = self._tags, []
        for tag in tags:
            self.channel.basic_cancel(tag)
