"""Celery, dramatiq and taskiq on Redis, as their manuals start them, on one process of the pool."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.documents import TaskMessages, message, numbered
from benchmarks.drain import STOCK_CONSUMED, STOCK_FORWARDED, Done, Drained
from benchmarks.lanes.lane import Lane
from benchmarks.lanes.ours_redis import BESIDE, push
from benchmarks.process import CELERY, ROOT, WORKER_OPTIONS, Program
from benchmarks.services import STOCK_QUEUE, Services

NOOP, FORWARD = "stock.noop", "stock.forward"
PROGRAMS = "benchmarks.programs"
FILL_S = 120
PREFORK, SOLO = ("--concurrency", "1"), ("--pool", "solo")


def celery_program(broker: str, *options: str) -> Callable[[Services], Program]:
    """A stock Celery worker."""
    command = [*CELERY, "-A", f"{PROGRAMS}.stock_celery", "worker", "-n", "stock@bench", *WORKER_OPTIONS, *options]
    return lambda services: services.stock(command, broker)


def fill_celery(task: str, services: Services, numbers: range, queue: str) -> None:
    """One task for each message, the document its argument."""
    tasks = TaskMessages.like(task, STOCK_QUEUE, message(0))
    push(services, queue, tasks.on_redis(numbered(message, numbers)))


def celery(task: str, done: Done, *options: str) -> Drained:
    """A stock worker on a full queue of one task."""
    return Drained("Redis", STOCK_QUEUE, partial(fill_celery, task), celery_program("Redis", *options), done)


def other(module: str, *command: str) -> Drained:
    """Another library: its program fills its own queue, and forwards each message to one list."""

    def fill(services: Services, numbers: range, _queue: str) -> None:
        filler = services.stock([sys.executable, "-m", f"{PROGRAMS}.{module}", str(len(numbers))], "Redis")
        subprocess.run(filler.command, cwd=ROOT, env=dict(filler.environment), check=True, timeout=FILL_S)

    return Drained(
        "Redis",
        STOCK_QUEUE,
        fill,
        lambda services: services.stock([sys.executable, "-m", *command], "Redis"),
        STOCK_FORWARDED,
    )


DRAMATIQ = other("dramatiq_forward", "dramatiq", f"{PROGRAMS}.dramatiq_forward", "--processes", "1", "--threads", "1")
TASKIQ = other("taskiq_forward", "taskiq", "worker", f"{PROGRAMS}.taskiq_forward:broker", "--workers", "1")

LANES = (
    Lane("celery-noop", "Celery no-op, prefork 1", "Redis", 3_000, celery(NOOP, STOCK_CONSUMED, *PREFORK)),
    Lane("celery-noop-solo", "Celery no-op, solo", "Redis", 3_000, celery(NOOP, STOCK_CONSUMED, *SOLO), BESIDE),
    Lane(
        "celery-noop-events",
        "Celery no-op, prefork 1, Flower's events on",
        "Redis",
        2_000,
        celery(NOOP, STOCK_CONSUMED, *PREFORK, "-E"),
        BESIDE,
    ),
    Lane(
        "celery-publish",
        "Celery task that publishes one enriched message",
        "Redis",
        2_500,
        celery(FORWARD, STOCK_FORWARDED, *PREFORK),
        BESIDE,
    ),
    Lane("dramatiq", "dramatiq, forwarding the same message, one thread", "Redis", 4_000, DRAMATIQ, BESIDE),
    Lane("taskiq", "taskiq, forwarding the same message", "Redis", 4_000, TASKIQ, BESIDE),
)
