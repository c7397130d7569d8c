"""What a role that runs for long tells of itself: the observer, the figures and the pages, put together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from core.metrics.counts import SETTLED_AT
from worker.operation.exposition import (
    Counted,
    Gauges,
    Value,
    observed_values,
    process_values,
    text_of,
    work_values,
    worker_values,
)
from worker.operation.health import SchedulerHealth, WorkerHealth
from worker.operation.observer import Observer
from worker.operation.server import OperationServer, health_page, metrics_page, served
from worker.wiring import Runtime, broker_observer


class Operation:
    """Observes and serves, from `start` to `stop`."""

    def __init__(
        self,
        parts: Runtime,
        health: WorkerHealth | SchedulerHealth,
        values: Callable[[], Iterator[Value]],
        *,
        counts: bool,
    ) -> None:
        """`values` are those of the role; `counts`: it counts messages too."""
        self._parts, self.health, self._values = parts, health, values
        self._started, self._stopping = time.time(), threading.Event()
        broker = broker_observer(parts.settings, parts.urls)
        self.observer = Observer(parts, broker, health, self._stopping)
        self._collectors = [*([Counted()] if counts else []), Gauges(self._all)]
        self._server: OperationServer | None = None

    def start(self) -> None:
        """Begin to look and to serve."""
        self._parts.watch.look_at(self.observer.works)
        self.observer.start()
        settings = self._parts.settings
        pages = {
            "/metrics": metrics_page(lambda: text_of(self._collectors)),
            "/healthz": health_page(self.health.health),
            "/readyz": health_page(self.health.readiness),
        }
        self._server = served(settings.metrics_host, settings.metrics_port, pages)

    def stop(self) -> None:
        """Serve no more, and look no more."""
        self._stopping.set()
        self._parts.watch.forget(self.observer.works)
        if self._server is not None:
            self._server.close()
        self.observer.join(timeout=2)
        self.observer.close()

    def _all(self) -> Iterator[Value]:
        parts = self._parts
        database = parts.store.engine.dialect.name
        yield from process_values(parts.settings, database, self._started, self.health)
        yield from observed_values(self.observer)
        yield from work_values(parts.watch.ages())
        yield from self._values()


def of_worker(parts: Runtime) -> Operation:
    """A worker's."""
    health = WorkerHealth(parts.settings.health_stall_s, settled_at=SETTLED_AT.greatest, stalled=parts.watch.stalled)
    started = time.monotonic()

    def values() -> Iterator[Value]:
        return worker_values(parts.settings, parts.watch.at_work, max(started, SETTLED_AT.greatest()))

    return Operation(parts, health, values, counts=True)


def of_scheduler(parts: Runtime, last_tick: Callable[[], float]) -> Operation:
    """A scheduler's; `last_tick`: when one came to its end, in monotonic seconds."""
    health = SchedulerHealth(parts.settings.health_stall_s, last_tick)
    return Operation(parts, health, lambda: iter(()), counts=False)
