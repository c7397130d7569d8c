"""Celery's task events, for Flower: sent a moment later and together, so that no message waits for its own event."""

from __future__ import annotations

from typing import Any

import structlog
from celery import bootsteps

from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

#: How long an event waits for others. Celery sends them at the next turn of its loop, before the pool gets the task.
GATHER_S = 0.02


class Gathering:
    """Called at each event that is buffered; has them all sent GATHER_S after the first."""

    def __init__(self, consumer: Any) -> None:
        self._consumer, self._is_due = consumer, False

    def __call__(self) -> None:
        """There is an event to send."""
        if not self._is_due:
            self._is_due = True
            self._consumer.timer.call_after(GATHER_S, self.send)

    def send(self) -> None:
        """Send what is there."""
        self._is_due = False
        if self._consumer.event_dispatcher:
            self._consumer.event_dispatcher.flush()


class TaskEvents(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Has the consumer's dispatcher gather its events."""

    requires = ("celery.worker.consumer.events:Events",)

    def start(self, parent: Any) -> None:
        """Called again after every reconnection, with a new dispatcher."""
        if parent.hub is not None and parent.event_dispatcher:
            parent.event_dispatcher.on_send_buffered = Gathering(parent)

    def stop(self, parent: Any) -> None:
        """Send the last ones, before the dispatcher is closed."""
        if not parent.event_dispatcher:
            return
        try:
            parent.event_dispatcher.flush()
        except parent.connection_errors as error:
            log.warning(LogEvent.EVENTS_LOST, error=type(error).__name__)
