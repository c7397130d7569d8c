"""Intake on Redis: threads in the worker's parent process that claim what arrives."""

from __future__ import annotations

import threading
from typing import Any

import redis
import structlog
from celery import bootsteps

from worker.claims import Claims, Lane
from worker.wiring import Runtime, configured

log = structlog.get_logger(__name__)

#: How long a claimer that finds enough work queued waits before it looks again; twice as long each time, to a limit.
PAUSE_S = 0.001
LONGEST_PAUSE_S = 0.016
#: How long one waits after Redis failed to answer.
AWAY_PAUSE_S = 1.0
WAIT_S = 1


class Claimer(threading.Thread):
    """Claims what arrives on one lane, as fast as the pool takes it."""

    def __init__(self, claims: Claims, lane: Lane, work_limit: int, stopping: threading.Event) -> None:
        super().__init__(name=f"claimer-{lane}", daemon=True)
        self._claims, self._lane, self._work_limit, self._stopping = claims, lane, work_limit, stopping
        self._pause_s = PAUSE_S

    def run(self) -> None:
        """Claim until told to stop; outlives any failure of Redis."""
        while not self._stopping.is_set():
            try:
                self._turn()
            except redis.RedisError as error:
                log.warning("intake_waits_for_redis", lane=self._lane, error=type(error).__name__)
                self._stopping.wait(AWAY_PAUSE_S)

    def _turn(self) -> None:
        claimed = self._claims.claim(self._lane, work_limit=self._work_limit)
        if claimed < 0:
            self._stopping.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return
        self._pause_s = PAUSE_S
        if claimed == 0:
            self._claims.wait_for(self._lane, WAIT_S)


class RedisIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Starts the intake with the worker's pool, and stops it before the pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def include_if(self, parent: Any) -> bool:
        """Only on a Redis broker, and only where the worker consumes the queue of claims."""
        settings = configured()[0]
        return settings.broker_is_redis and settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """Start one claimer a lane."""
        parts = Runtime(*configured())
        limit = max(1, parent.concurrency or 1)
        self._threads = [Claimer(parts.claims, lane, limit, self._stopping) for lane in Lane]
        for thread in self._threads:
            thread.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Stop claiming; what is claimed is worked on here or taken up elsewhere."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=WAIT_S + 1)

    terminate = stop
