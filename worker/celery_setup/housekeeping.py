"""What a worker does beside its work, on either broker: it takes up what a crash or an outage left behind."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import structlog
from celery import bootsteps

from core.cache.epochs import EPOCH_TTL_S
from core.errors import EpochPublishError, StoreUnavailableError
from worker.configuration import configured
from worker.handoff.broker import Duty
from worker.handoff.errors import BROKER_ERRORS
from worker.wiring import Runtime, runtime

log = structlog.get_logger(__name__)

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
        self._duties = [Duty("repair_epochs", REPAIR_EVERY_S, self.repair_epochs), *parts.broker.duties()]

    def run(self) -> None:
        """Do each duty at its interval until told to stop."""
        due = [0.0 for _ in self._duties]
        while not self._stopping.wait(0.2):
            for index, duty in enumerate(self._duties):
                if time.monotonic() >= due[index]:
                    due[index] = time.monotonic() + duty.every_s
                    self._attempt(duty)

    def repair_epochs(self) -> None:
        """Publish the epochs that changed of late once more, in case their writer died before it could.

        The first time as far back as Redis remembers one: commands may have written while no Redis ran.
        """
        self._epochs.publish(self._store.epochs_changed_since(self._store.clock() - self._look_back))
        self._look_back = REPAIR_OVERLAP

    def _attempt(self, duty: Duty) -> None:
        try:
            duty.do()
        except (StoreUnavailableError, EpochPublishError, *BROKER_ERRORS) as error:
            log.warning("housekeeping_waits", duty=duty.name, error=type(error).__name__)


class Housekeeping(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Runs the housekeeper beside the worker's pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopping = threading.Event()
        self._thread: Housekeeper | None = None

    def include_if(self, parent: Any) -> bool:
        """Only where the worker consumes the queue of claims."""
        return configured().settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Start the thread."""
        self._thread = Housekeeper(runtime(), self._stopping)
        self._thread.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Let the duty in hand end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    terminate = stop
