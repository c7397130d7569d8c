"""Deliveries of RabbitMQ that Celery itself runs: given to its consumer, and to nobody where it cannot take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from core.errors import FieldError
from core.process.log_events import LogEvent
from worker.envelopes.opening import ForCelery
from worker.intake.acks import Acks
from worker.intake.local_tasks import start_for_celery

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """What Celery is to call at the end of a delivery; nothing, once the delivery has been taken back."""

    acks: Acks
    tag: int
    taken_back: bool = False

    def acknowledge(self, _: Any, errors: Any) -> None:
        try:
            if not self.taken_back:
                self.acks.end_held(self.tag)
        except errors as error:  # the channel is gone, and the broker delivers again
            log.warning(LogEvent.ACKNOWLEDGEMENT_LOST, error=type(error).__name__)

    def reject(self, _: Any, errors: Any, requeue: bool = False) -> None:  # noqa: ARG002  # always given back
        try:
            if not self.taken_back:
                self.acks.give_back_held(self.tag)
        except errors as error:  # the channel is gone, and the broker delivers again
            log.warning(LogEvent.GIVING_BACK_LOST, error=type(error).__name__)


def give_to_celery(consumer: Any, acks: Acks, tag: int, task: ForCelery) -> FieldError | None:
    """Give the task of a delivery to Celery's `consumer`; gives what is wrong where Celery trips over it.

    Celery lets its own exceptions end the worker, and the message then meets the next one.
    """
    held = _Held(acks, tag)
    acks.hold(tag)
    try:
        start_for_celery(consumer, task, acknowledge=held.acknowledge, reject=held.reject)
    except (*consumer.connection_errors, *consumer.channel_errors):
        raise
    except Exception as error:  # noqa: BLE001  # whatever Celery trips over
        held.taken_back = True
        acks.take_back(tag)
        log.error(LogEvent.TASK_NOT_TAKEN, error=type(error).__name__)  # noqa: TRY400  # a trace may quote it
        return FieldError("headers", f"cannot be taken by Celery: {type(error).__name__}")
    return None
