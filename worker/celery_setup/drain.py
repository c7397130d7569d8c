"""A worker that is told to go: it takes nothing more, ends what its pool has begun, and gives the rest back.

Celery's own warm shutdown forgets the tasks that the pool has not been heard to begin (`AsynPool.flush`). A child that
had begun one all the same then waits half a minute for its result to be read, and the delivery, never acknowledged,
comes again. So the pool is empty before Celery stops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps
from celery.worker import state

from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

#: How long the pool may take to end what it has begun; what is left then is worked on elsewhere.
DRAIN_S = 20.0


class Drain(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Empties the pool when a shutdown begins, while the event loop still reads results and sends acknowledgements."""

    requires = ("celery.worker.components:Pool",)

    def close(self, parent: Any) -> None:
        """Stop the intake, wait for the pool, give back the rest. Total: what fails here is left to Celery's own stop."""
        self._consumer_steps(parent, "stop_intake")
        try:
            self._cancel_tasks(parent)
            self._turn_until_idle(parent)
        except (*parent.consumer.connection_errors, OSError) as error:
            log.warning(LogEvent.DRAIN_CUT_SHORT, error=type(error).__name__)
        self._consumer_steps(parent, "give_back")

    def _consumer_steps(self, parent: Any, method: str) -> None:
        parent.consumer.blueprint.send_all(parent.consumer, method, propagate=False)

    def _cancel_tasks(self, parent: Any) -> None:
        if parent.consumer.task_consumer is not None:
            parent.consumer.task_consumer.cancel()

    def _turn_until_idle(self, parent: Any) -> None:
        if not parent.use_eventloop:
            return
        turn, deadline = _turns(parent.hub), time.monotonic() + DRAIN_S
        while _at_work(parent.pool) and time.monotonic() < deadline and state.should_terminate is None:
            turn()
        turn()  # sends what the last result has left to be sent


def _turns(hub: Any) -> Callable[[], None]:
    """One turn of the event loop, which does not wait for anything longer than `TURN_S`."""
    loop = hub.create_loop()

    def turn() -> None:
        nonlocal loop
        hub.timer.call_after(TURN_S, _nothing)
        try:
            next(loop)
        except StopIteration:
            loop = hub.create_loop()

    return turn


#: The longest wait of one turn.
TURN_S = 0.1


def _nothing() -> None:
    return


def _at_work(pool: Any) -> bool:
    """Whether a pool of processes has tasks in hand, and all its processes: of a lost one nobody hears again."""
    processes = pool._pool  # noqa: SLF001  # neither celery nor billiard tells of it otherwise
    return bool(getattr(processes, "_cache", None)) and all(each.exitcode is None for each in processes._pool)  # noqa: SLF001
