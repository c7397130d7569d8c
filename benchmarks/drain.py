"""How a lane is measured: its queue is filled, the program started, CPU and time taken from a tenth to the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import psutil

from benchmarks.figures import Run, cpu_between
from benchmarks.process import Program, Running, cpu_of, running
from benchmarks.services import STOCK_DISPATCH, STOCK_QUEUE, Services

#: What comes first warms caches and imports, and is not counted.
WARM_SHARE = 0.1
START_S = 90.0
DRAIN_S = 180.0
POLL_S = {"Redis": 0.005, "RabbitMQ": 0.02}

Fill = Callable[[Services, range, str], None]
"""Puts the messages of these numbers on this queue."""


@dataclass(frozen=True, slots=True)
class Drained:
    """A queue that is full when its program starts. `done` tells how many of so many messages are through."""

    broker: str
    queue: str
    fill: Fill
    program: Callable[[Services], Program]
    done: Callable[[Services, int], int]

    def __call__(self, services: Services, messages: int) -> Run:
        """One run. Raises MeasurementError."""
        services.clear()
        self.fill(services, range(messages), self.queue)
        with running(self.program(services)) as worker:
            return drained(worker, lambda: self.done(services, messages), messages, self.broker, services)


def drained(worker: Running, done: Callable[[], int], messages: int, broker: str, services: Services) -> Run:
    """Measure from a tenth of the messages to the last. Raises MeasurementError."""
    poll_s, server = POLL_S[broker], broker_process(services, broker)
    worker.until(lambda: done() >= messages * WARM_SHARE, START_S, "a tenth was through", poll_s)
    first = Reading.of(worker, done, server)
    worker.until(lambda: done() >= messages, DRAIN_S, "all was through", poll_s)
    return Reading.of(worker, done, server).since(first)


def broker_process(services: Services, broker: str) -> psutil.Process | None:
    """The process whose CPU is the broker's."""
    if broker == "Redis":
        return services.redis_process
    return services.rabbitmq.process if services.rabbitmq else None


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment."""

    done: int
    at: float
    worker_cpu: dict[int, float]
    broker_cpu: dict[int, float]

    @classmethod
    def of(cls, worker: Running, done: Callable[[], int], server: psutil.Process | None) -> Reading:
        """Take them."""
        return cls(done(), time.perf_counter(), worker.cpu(), cpu_of(server))

    def since(self, first: Reading) -> Run:
        """What happened between two readings."""
        broker_s = cpu_between(first.broker_cpu, self.broker_cpu) if self.broker_cpu else None
        worker_s = cpu_between(first.worker_cpu, self.worker_cpu)
        return Run(self.done - first.done, self.at - first.at, worker_s, broker_s)


class Done(Protocol):
    """How many of `messages` are through."""

    def __call__(self, services: Services, messages: int) -> int: ...


def on_list(name: str) -> Done:
    """As many as stand on a Redis list."""
    return lambda services, _: int(services.client.llen(name))  # type: ignore[arg-type]


def off_list(name: str) -> Done:
    """As many as have left a Redis list; a few of them wait in the worker."""
    return lambda services, messages: messages - int(services.client.llen(name))  # type: ignore[arg-type]


def on_queue(name: str) -> Done:
    """As many as are ready on a queue of RabbitMQ."""
    return lambda services, _: services.rabbitmq.count(name) if services.rabbitmq else 0


def off_queue(name: str) -> Done:
    """As many as have left a queue of RabbitMQ; a few of them wait in the worker."""
    return lambda services, messages: messages - (services.rabbitmq.count(name) if services.rabbitmq else 0)


STOCK_FORWARDED = on_list(STOCK_DISPATCH)
STOCK_CONSUMED = off_list(STOCK_QUEUE)
