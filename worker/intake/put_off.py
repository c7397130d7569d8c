"""Deliveries of RabbitMQ whose task is to run much later: put back into the broker together, then acknowledged."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeGuard

import structlog

from core.moments import utc_now
from core.process.lasting import Attempts
from core.process.log_events import LogEvent
from worker.envelopes.later import waits
from worker.envelopes.opening import ForCelery, Opened
from worker.handoff.errors import PUBLISH_ERRORS
from worker.intake.acks import Acks
from worker.rabbitmq_broker.later import HELD_AT_MOST_S, PutOff

log = structlog.get_logger(__name__)

#: How long the first delivery waits for others.
GATHER_S = 0.02
MOST_AT_ONCE = 500


def starts_much_later(opened: Opened) -> TypeGuard[ForCelery]:
    """Whether a task starts later than a worker may hold it for."""
    return isinstance(opened, ForCelery) and waits(opened, utc_now()).total_seconds() > HELD_AT_MOST_S


class Later(Protocol):
    """Where tasks wait: `worker.rabbitmq_broker.later.LaterQueues`, or a double."""

    def put(self, tasks: list[PutOff]) -> None:
        """Put tasks off. Raises one of PUBLISH_ERRORS; then none counts."""

    def close(self) -> None:
        """Close the connection."""


class _Came(NamedTuple):
    acks: Acks
    tag: int
    put_off: PutOff


class PuttingOff:
    """Gathers deliveries, and puts them off in the thread of Celery's event loop."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._waiting: list[_Came] = []
        self._timer: Any = None
        self._attempts = Attempts("put_off", PUBLISH_ERRORS)

    def take(self, parent: Any, acks: Acks, tag: int, queue: str, task: ForCelery) -> None:
        """Put the task of a delivery off; it returns to `queue`."""
        self._waiting.append(_Came(acks, tag, PutOff(queue, task)))
        if self._timer is None:
            self._timer = parent.timer.call_after(GATHER_S, self._flush, (parent,))

    def forget(self) -> None:
        """Forget what waits here: the broker delivers it again."""
        timer, self._timer, self._waiting = self._timer, None, []
        if timer is not None:
            timer.cancel()
        self._later.close()

    def _flush(self, parent: Any) -> None:
        batch, self._timer = self._waiting[:MOST_AT_ONCE], None
        pause = self._attempts.attempt(lambda: self._later.put([each.put_off for each in batch]))
        if not pause:
            del self._waiting[: len(batch)]
            _acknowledge(parent, batch)
        if self._waiting:
            self._timer = parent.timer.call_after(pause or GATHER_S, self._flush, (parent,))


def _acknowledge(parent: Any, batch: list[_Came]) -> None:
    try:
        for each in batch:
            each.acks.acknowledge([each.tag])
    except (*parent.connection_errors, *parent.channel_errors) as error:  # the broker delivers again
        log.warning(LogEvent.ACKNOWLEDGEMENT_LOST, error=type(error).__name__)
