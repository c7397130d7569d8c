"""Events of what was handed off to countries that an account monitors: told, not kept, like all events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from core.messages.assigner import Outcome
from core.messages.monitored import monitored_events
from core.moments import utc_now
from core.process.log_events import LogEvent
from worker.handoff.errors import BROKER_ERRORS
from worker.handoff.events import EventSink

log = structlog.get_logger(__name__)


class Monitoring(Protocol):
    """What is told of messages to monitored countries, once they are handed off."""

    def report(self, outcome: Outcome) -> None:
        """Tell of those of `outcome`. Raises nothing that a broker raises."""


class Unmonitored:
    """Tells nobody."""

    def report(self, outcome: Outcome) -> None:
        """Does nothing."""


class EventsOfMonitored:
    """Puts an event for each account and country of a piece of work on the events queue."""

    def __init__(self, events: EventSink, clock: Callable[[], datetime] = utc_now) -> None:
        self._events, self._clock = events, clock

    def report(self, outcome: Outcome) -> None:
        """Where the events queue cannot be reached, the log says so."""
        if not outcome.monitored:
            return
        try:
            self._events.send(monitored_events(outcome.monitored, self._clock()))
        except BROKER_ERRORS as error:
            log.warning(LogEvent.MONITORED_NOT_TOLD, error=type(error).__name__)
