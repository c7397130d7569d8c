"""Metrics and health beside Celery's worker and its scheduler."""

from __future__ import annotations

from typing import Any

from billiard import current_process
from celery import bootsteps, signals

from core.metrics.counts import use_place_of
from worker.configuration import configured
from worker.operation.role import Operation, of_scheduler, of_worker
from worker.wiring import runtime


class Serving(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Observes and serves beside the worker's pool, from before its consumer starts until after it has stopped."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._operation: Operation | None = None

    def include_if(self, parent: Any) -> bool:
        """Only where the worker consumes the queue of claims."""
        return configured().settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Start; a worker is ready when Celery says so."""
        operation = self._operation = of_worker(runtime())
        signals.worker_ready.connect(lambda **_: operation.health.services.started.set(), weak=False)
        operation.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Stop."""
        operation, self._operation = self._operation, None
        if operation is not None:
            operation.stop()

    terminate = stop


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _count_apart(**_: object) -> None:
    """A child of the pool counts in a place of its own."""
    use_place_of(current_process().index)


@signals.beat_init.connect  # type: ignore[untyped-decorator]
def _serve_beside_scheduler(sender: Any, **_: object) -> None:
    scheduler = sender.scheduler
    of_scheduler(runtime(), lambda: scheduler.attempts.last_success).start()
