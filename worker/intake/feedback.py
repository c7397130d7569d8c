"""Intake of receipts, the same on either broker: one thread beside the pool counts them, and publishes what they come to.

It waits for nobody and nobody waits for it: no child of the pool works on receipts, and after each piece of work the thread
leaves the processor to the others for as long as that took.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps

from core.errors import EpochPublishError, StoreUnavailableError
from core.process.lasting import Attempts, LastingThread
from worker.configuration import configured
from worker.handoff.errors import BROKER_ERRORS
from worker.handoff.feedback import FeedbackLane
from worker.wiring import runtime

#: How long one waits for receipts before looking whether anything else is to be done.
WAIT_S, SHORTEST_WAIT_S = 1.0, 0.05
#: How often what has changed is published.
PUBLISH_EVERY_S = 1.0
#: The part of the time of a piece of work that is left to others after it.
REST = 1.0
#: What says no more than that a service is away.
PASSING = (StoreUnavailableError, EpochPublishError, *BROKER_ERRORS)


class FeedbackThread(LastingThread):
    """Counts receipts, and publishes; each fails for itself."""

    def __init__(self, lane: FeedbackLane, publish: Callable[[], object], stopping: threading.Event) -> None:
        super().__init__("feedback", self.turn, stopping)
        self._lane, self._publish, self._stopping = lane, publish, stopping
        self._counting, self._publishing = Attempts("feedback", PASSING), Attempts("publish_trust", PASSING)
        self._publish_at = self._count_at = 0.0

    @property
    def works(self) -> list[Attempts]:
        """What it is at, for whoever watches."""
        return [self._counting, self._publishing]

    def turn(self) -> None:
        """Count what has come, then publish where it is time."""
        now = time.monotonic()
        if now >= self._publish_at:
            pause = self._publishing.attempt(self._publish)
            self._publish_at = time.monotonic() + (pause or PUBLISH_EVERY_S)
        if now < self._count_at:
            self._stopping.wait(min(self._count_at - now, WAIT_S))
            return
        pause = self._counting.attempt(self._count)
        self._count_at = time.monotonic() + pause

    def _count(self) -> None:
        began = time.thread_time()
        until_published = self._publish_at - time.monotonic()
        if self._lane.work(min(WAIT_S, max(SHORTEST_WAIT_S, until_published))):
            self._stopping.wait(REST * (time.thread_time() - began))

    def close(self) -> None:
        """Give back what is held, once the thread has ended."""
        self._lane.close()


class FeedbackIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Runs the thread beside the worker's pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopping = threading.Event()
        self._thread: FeedbackThread | None = None

    def include_if(self, parent: Any) -> bool:
        """Only where the worker consumes the queue of claims."""
        return configured().settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Start the thread."""
        parts = runtime()
        self._thread = FeedbackThread(parts.feedback(), parts.publisher.turn, self._stopping)
        parts.watch.look_at(self._thread.works)
        self._thread.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Let the work in hand end."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            runtime().watch.forget(thread.works)
            thread.join(timeout=3)
            if not thread.is_alive():
                thread.close()

    terminate = stop
