"""The Celery tasks: each parses, calls, and hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypedDict, TypeVar, Unpack
from uuid import UUID

import redis
from celery import Task

from core.contracts import encode_json
from core.errors import StoreUnavailableError
from worker import celery
from worker.amqp import PUBLISH_ERRORS
from worker.app import AssignTask, MessageTask, WorkTask
from worker.envelope import BATCH_TASK, CAMPAIGN_TASK, MESSAGE_TASK, WORK_TASK
from worker.schedule import CHECK_DEFAULTS_TASK, PRUNE_DECISIONS_TASK, PRUNE_PARKED_TASK, oldest_kept
from worker.wiring import runtime

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: What another try can mend.
PASSING = (StoreUnavailableError, redis.ConnectionError, redis.TimeoutError, *PUBLISH_ERRORS)
RETRY_DELAYS_S = (1, 2, 5, 10, 20, 30, 60)
#: Pages of defaults that one task checks: a few seconds' work.
CHECKED_PAGES = 20


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


@register(name=BATCH_TASK, base=WorkTask)
def assign_batches(
    work_id: str,
    count: int,  # noqa: ARG001  # for who reads Flower
    documents: list[str] | None = None,
    exhausted: bool = False,
) -> Mapping[str, int]:
    """Assign the campaign batches of a claim; on RabbitMQ one comes along, one character a byte."""
    if documents is None:
        return runtime().redis_batches.on_claim(work_id)
    batch = documents[0].encode("latin-1")
    if exhausted:
        return runtime().amqp_batches.park_task(work_id, batch, "it was delivered too often without coming to an end")
    return runtime().amqp_batches.on_batch(work_id, batch)


@register(name=MESSAGE_TASK, base=MessageTask, bind=True, max_retries=20)
def assign_message(self: Task, message: Any) -> Mapping[str, int]:
    """Assign one message for which a client needs Celery itself: a time to start, a result, a chain."""
    return _tried(self, message, runtime().work)


@register(name=CAMPAIGN_TASK, base=MessageTask, bind=True, max_retries=20)
def assign_campaign(self: Task, batch: Any) -> Mapping[str, int]:
    """Assign one campaign batch for which a client needs Celery itself."""
    return _tried(self, batch, runtime().batches)


@register(name=PRUNE_DECISIONS_TASK, base=AssignTask)
def prune_decisions() -> dict[str, int]:
    """Forget the decisions that were not made again for DECISION_RETENTION_DAYS."""
    parts = runtime()
    before = oldest_kept(parts.settings.decision_retention_days, parts.store.clock())
    return {"pruned": 0 if before is None else parts.store.forget_decisions(before)}


@register(name=PRUNE_PARKED_TASK, base=AssignTask)
def prune_parked() -> dict[str, int]:
    """Forget what was replayed or dropped more than PARKED_RETENTION_DAYS ago; what is parked stays."""
    parts = runtime()
    before = oldest_kept(parts.settings.parked_retention_days, parts.store.clock())
    return {"pruned": 0 if before is None else parts.store.forget_parked(before)}


@register(name=CHECK_DEFAULTS_TASK, base=AssignTask)
def check_defaults(after: str | None = None) -> dict[str, int]:
    """Tell of the defaults newly at risk, a slice at a time: a long task would be taken for lost."""
    parts = runtime()
    done = parts.default_warnings.check(UUID(after) if after else None, parts.events.send, CHECKED_PAGES)
    if done.after is not None:
        celery.send_task(CHECK_DEFAULTS_TASK, args=[str(done.after)])
    return {"checked": done.checked, "at_risk": done.at_risk, "told": done.told, "mended": done.mended}


class TaskWork(Protocol):
    """Work on the one document of a task."""

    def on_task(self, task_id: str, document: bytes) -> Mapping[str, int]:
        """Work on it."""

    def park_task(self, task_id: str, document: bytes, detail: str) -> Mapping[str, int]:
        """Park it."""


def _tried(task: Task, message: Any, work: TaskWork) -> Mapping[str, int]:
    document, task_id = encode_json(message), task.request.id
    try:
        return work.on_task(task_id, document)
    except PASSING as error:
        if task.request.retries >= task.max_retries:
            return work.park_task(task_id, document, f"tried {task.request.retries} times: {type(error).__name__}")
        delay = RETRY_DELAYS_S[min(task.request.retries, len(RETRY_DELAYS_S) - 1)]
        raise task.retry(exc=error, countdown=delay) from error
