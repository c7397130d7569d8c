"""The Celery tasks: each parses, calls, and hands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack

import redis
from celery import Task

from core.contracts import encode_json
from core.errors import StoreUnavailableError
from worker import celery
from worker.amqp import PUBLISH_ERRORS
from worker.app import MessageTask, WorkTask
from worker.envelope import MESSAGE_TASK, WORK_TASK
from worker.wiring import runtime

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: What another try can mend.
PASSING = (StoreUnavailableError, redis.ConnectionError, redis.TimeoutError, *PUBLISH_ERRORS)
RETRY_DELAYS_S = (1, 2, 5, 10, 20, 30, 60)


class TaskOptions(TypedDict, total=False):
    """The options in use; Celery itself would take a misspelt one in silence."""

    name: str
    base: type[Task]
    bind: bool
    max_retries: int | None


def register(**options: Unpack[TaskOptions]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Register a task with options that are checked."""
    decorate: Callable[[Callable[_P, _R]], Callable[_P, _R]] = celery.task(**options)
    return decorate


@register(name=WORK_TASK, base=WorkTask)
def assign_claim(
    work_id: str,
    count: int,  # noqa: ARG001  # for who reads Flower
    documents: list[str] | None = None,
    exhausted: bool = False,
) -> dict[str, int]:
    """Assign the documents of a claim; on RabbitMQ they come along, one character a byte."""
    if documents is None:
        return runtime().redis_work.on_claim(work_id)
    batch = [document.encode("latin-1") for document in documents]
    if exhausted:
        return runtime().amqp_work.park_batch(work_id, batch, "it was delivered too often without coming to an end")
    return runtime().amqp_work.on_batch(work_id, batch)


@register(name=MESSAGE_TASK, base=MessageTask, bind=True, max_retries=20)
def assign_message(self: Task, message: Any) -> dict[str, int]:
    """Assign one message for which a client needs Celery itself: a time to start, a result, a chain."""
    document, task_id = encode_json(message), self.request.id
    try:
        return runtime().work.on_task(task_id, document)
    except PASSING as error:
        if self.request.retries >= self.max_retries:
            return runtime().work.park_task(task_id, document, f"tried {self.request.retries} times: {error}")
        delay = RETRY_DELAYS_S[min(self.request.retries, len(RETRY_DELAYS_S) - 1)]
        raise self.retry(exc=error, countdown=delay) from error
