"""What a worker does beside its work, on either broker: it takes up what a crash or an outage left behind."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

from celery import bootsteps

from core.cache.epochs import EPOCH_TTL_S
from core.errors import EpochPublishError, StoreUnavailableError
from core.metrics.catalogue import EPOCHS_REPAIRED
from core.metrics.counts import COUNTS
from core.process.lasting import Attempts, LastingThread
from worker.configuration import configured
from worker.handoff.broker import Duty
from worker.handoff.errors import BROKER_ERRORS
from worker.wiring import Runtime, runtime

REPAIR_EVERY_S = 5.0
#: Epochs of this last while are published again at every repair; raising one to its own value changes nothing. Whoever
#: wrote them may have a clock that is a minute behind.
REPAIR_OVERLAP = timedelta(minutes=3)


#: How often the housekeeper looks whether a duty is due.
LOOK_EVERY_S = 0.2
#: What says no more than that a service is away.
PASSING = (StoreUnavailableError, EpochPublishError, *BROKER_ERRORS)


class Housekeeper(LastingThread):
    """Takes up claims past their deadline, parked documents and events not told of, epochs that were not published.

    Each duty fails for itself: one that cannot be done keeps none of the others from being done.
    """

    def __init__(self, parts: Runtime, stopping: threading.Event) -> None:
        super().__init__("housekeeper", self.turn, stopping)
        self._stopping = stopping
        self._epochs, self._store = parts.epochs, parts.store
        self._look_back = REPAIR_OVERLAP + timedelta(seconds=EPOCH_TTL_S)
        duties = [Duty("repair_epochs", REPAIR_EVERY_S, self.repair_epochs), *parts.broker.duties()]
        self._duties = [(duty, Attempts(duty.name, PASSING)) for duty in duties]
        self._due = dict.fromkeys((duty.name for duty in duties), 0.0)

    @property
    def works(self) -> list[Attempts]:
        """What it is at, for whoever watches."""
        return [attempts for _, attempts in self._duties]

    def turn(self) -> None:
        """Do what is due, then wait a moment."""
        for duty, attempts in self._duties:
            if time.monotonic() >= self._due[duty.name]:
                pause = attempts.attempt(duty.do)
                self._due[duty.name] = time.monotonic() + (pause or duty.every_s)
        self._stopping.wait(LOOK_EVERY_S)

    def repair_epochs(self) -> None:
        """Publish the epochs that changed of late once more, in case their writer died before it could.

        The first time as far back as Redis remembers one: commands may have written while no Redis ran.
        """
        raised = self._epochs.publish(self._store.epochs_changed_since(self._store.clock() - self._look_back))
        if raised:
            COUNTS.add(EPOCHS_REPAIRED, raised)
        self._look_back = REPAIR_OVERLAP


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
        parts = runtime()
        self._thread = Housekeeper(parts, self._stopping)
        parts.watch.look_at(self._thread.works)
        self._thread.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Let the duty in hand end."""
        self._stopping.set()
        if self._thread is not None:
            runtime().watch.forget(self._thread.works)
            self._thread.join(timeout=2)

    terminate = stop
