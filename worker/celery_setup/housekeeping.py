"""What a worker does beside its work, on either broker: it takes up what a crash or an outage left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis
import structlog
from celery import bootsteps

from core.cache.epochs import EPOCH_TTL_S
from core.errors import EpochPublishError, StoreUnavailableError
from worker.rabbitmq_broker.publisher import PUBLISH_ERRORS
from worker.wiring import Runtime, configured

log = structlog.get_logger(__name__)

RECOVER_EVERY_S = 1.0
SWEEP_EVERY_S = 5.0
REPAIR_EVERY_S = 5.0
#: Epochs of this last while are published again at every repair; raising one to its own value changes nothing. Whoever
#: wrote them may have a clock that is a minute behind.
REPAIR_OVERLAP = timedelta(minutes=3)


class Housekeeper(threading.Thread):
    """Takes up claims past their deadline, parked documents and events not told of, epochs that were not published."""

    def __init__(self, parts: Runtime, stopping: threading.Event) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self._stopping = stopping
        self._epochs, self._store = parts.epochs, parts.store
        self._look_back = REPAIR_OVERLAP + timedelta(seconds=EPOCH_TTL_S)
        self._duties: list[tuple[float, Callable[[], object]]] = [(REPAIR_EVERY_S, self.repair_epochs)]
        if parts.settings.broker_is_redis:
            self._duties += [(RECOVER_EVERY_S, parts.claims.recover), (SWEEP_EVERY_S, parts.parking.sweep)]
        else:
            self._duties += [(SWEEP_EVERY_S, parts.event_outbox.flush)]

    def run(self) -> None:
        """Do each duty at its interval until told to stop."""
        due = [0.0 for _ in self._duties]
        while not self._stopping.wait(0.2):
            for index, (interval_s, duty) in enumerate(self._duties):
                if time.monotonic() >= due[index]:
                    due[index] = time.monotonic() + interval_s
                    self._attempt(duty)

    def repair_epochs(self) -> None:
        """Publish the epochs that changed of late once more, in case their writer died before it could.

        The first time as far back as Redis remembers one: commands may have written while no Redis ran.
        """
        self._epochs.publish(self._store.epochs_changed_since(self._store.clock() - self._look_back))
        self._look_back = REPAIR_OVERLAP

    def _attempt(self, duty: Callable[[], object]) -> None:
        try:
            duty()
        except (redis.RedisError, StoreUnavailableError, EpochPublishError, *PUBLISH_ERRORS) as error:
            log.warning("housekeeping_waits", duty=duty.__name__, error=type(error).__name__)


class Housekeeping(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Runs the housekeeper beside the worker's pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopping = threading.Event()
        self._thread: Housekeeper | None = None

    def include_if(self, parent: Any) -> bool:
        """Only where the worker consumes the queue of claims."""
        return configured()[0].work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Start the thread."""
        self._thread = Housekeeper(Runtime(*configured()), self._stopping)
        self._thread.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Let the duty in hand end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    terminate = stop
