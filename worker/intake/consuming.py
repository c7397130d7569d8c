"""Consumers of RabbitMQ queues beside Celery's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog

from core.process.log_events import LogEvent
from worker.handoff.observing import TAKEN
from worker.intake.acks import Acks
from worker.rabbitmq_broker.deliveries import Delivery, read_delivery

log = structlog.get_logger(__name__)


class Consuming:
    """Consumers of a channel, one a queue, which take no more at once than there is room for in memory."""

    def __init__(self, parent: Any, acks: Acks, names: Sequence[str], take: Callable[[Delivery], None]) -> None:
        self.channel, self._names, self._take = acks.channel, names, take
        self._timer_of, self._acks, self._in_hand = parent.timer, acks, acks.in_hand
        self._tags: list[str] = []
        self._waiting: deque[Delivery] = deque()
        self._cancelled = False
        self._in_hand.on_change = self._look
        # The broker may deliver while it answers, and the pool takes nothing before the event loop runs.
        self._timer: Any = self._timer_of.call_after(0, self._consume)

    def _consume(self) -> None:
        """Take what waits, then consume, perhaps with another prefetch: RabbitMQ changes that of new consumers only."""
        self._timer = None
        while self._waiting and not self._cancelled:
            delivery = self._waiting[0]
            if not self._in_hand.take_waiting(delivery.tag, len(delivery.body)):
                return
            self._take(self._waiting.popleft())
        if self._cancelled:
            return
        self._stop_consuming()
        self.channel.basic_qos(0, self._in_hand.resume(), False)
        self._tags = [
            self.channel.basic_consume(queue=name, callback=partial(self._on_raw, name)) for name in self._names
        ]

    def _stop_consuming(self) -> None:
        tags, self._tags = self._tags, []
        for tag in tags:
            self.channel.basic_cancel(tag, nowait=True)

    def _on_raw(self, queue: str, raw: Any) -> None:
        delivery, was_paused = read_delivery(raw), self._in_hand.paused
        if not delivery.redelivered:
            TAKEN[queue] += 1
        if self._in_hand.take(delivery.tag, len(delivery.body)):
            self._take(delivery)
        elif self._in_hand.wait(len(delivery.body)):
            self._waiting.append(delivery)
        else:
            self._acks.give_back([delivery.tag])
        if self._in_hand.paused and not was_paused:
            log.info(LogEvent.INTAKE_PAUSES, queues=list(self._names), bytes=len(delivery.body))
            self._stop_consuming()

    def _look(self) -> None:
        if self._timer is None and not self._cancelled and self._in_hand.is_due():
            self._timer = self._timer_of.call_after(0, self._consume)

    @property
    def is_open(self) -> bool:
        """Whether deliveries can still come."""
        connection = self.channel.connection
        return connection is not None and bool(connection.connected)

    def cancel(self) -> None:
        """Consume no more."""
        self._cancelled = True
        self._waiting.clear()
        tags, self._tags = self._tags, []
        for tag in tags:
            self.channel.basic_cancel(tag)
