"""The Celery tasks: each parses, calls, and hands on. They are functions; `worker/application.py` gives them to Celery."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack
from uuid import UUID

import redis
import structlog
from celery import Celery, Task

from core.accounts.destinations import forget_destination_history
from core.cache.bounds import Bound, bounds_key
from core.defaults.changes import forget_history
from core.encoding import encode_json
from core.erasures.erasures import Erasures
from core.errors import FieldError, ParkReason, RedisUnavailableError, StoreUnavailableError
from core.moments import utc_now
from core.process.lasting import one_line
from core.process.log_events import LogEvent
from core.process.redis_refusals import refusal_words
from worker.celery_setup.app import MessageTask, ScheduledTask, WorkTask
from worker.celery_setup.schedule import (
    BOUND_PARKED_TASK,
    CHECK_DEFAULTS_TASK,
    PRUNE_DECISIONS_TASK,
    PRUNE_PARKED_TASK,
    PRUNE_RECORDS_TASK,
    oldest_kept,
)
from worker.envelopes.handover import has_passed
from worker.envelopes.task_messages import BATCH_TASK, CAMPAIGN_TASK, MESSAGE_TASK, WORK_TASK
from worker.handoff.broker import Counts, LaneWork, PoolWork
from worker.handoff.errors import PUBLISH_ERRORS
from worker.handoff.large_work import LARGE_WORK
from worker.wiring import runtime

log = structlog.get_logger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Whoever waits for these is not to blame, however long it takes.
WAITING = (StoreUnavailableError, RedisUnavailableError)
_AWAY = (redis.ConnectionError, redis.TimeoutError)
#: What another try can mend.
PASSING = (*WAITING, *_AWAY, *PUBLISH_ERRORS)
RETRY_DELAYS_S = (1, 2, 5, 10, 20, 30, 60)
#: Retries before a message is parked.
TRIES = 20
#: Pages of defaults that one task checks: a few seconds' work.
CHECKED_PAGES = 20


class TaskOptions(TypedDict, total=False):
    """The options in use; Celery itself would take a misspelt one in silence."""

    name: str
    base: type[Task]
    bind: bool
    max_retries: int | None


@dataclass(frozen=True, slots=True)
class RegisteredTask:
    """A function that is to be a task, with its options."""

    function: Callable[..., Any]
    options: TaskOptions

    def add_to(self, app: Celery) -> None:
        """Make it a task of this application, and of no other."""
        app.task(**self.options, shared=False)(self.function)


#: All tasks.
TASKS: list[RegisteredTask] = []


def register(**options: Unpack[TaskOptions]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Register a task with options that are checked. It needs no application, so that this module builds none."""

    def registered(function: Callable[_P, _R]) -> Callable[_P, _R]:
        TASKS.append(RegisteredTask(function, options))
        return function

    return registered


@register(name=WORK_TASK, base=WorkTask)
def assign_claim(
    work_id: str,
    count: int,  # noqa: ARG001  # for who reads Flower
    documents: list[str] | None = None,
    exhausted: int = 0,
    redelivered: Sequence[int] = (),
    *,
    refused: Sequence[tuple[str, str]] = (),
    resends: bool = False,
) -> Counts:
    """Assign the documents of a claim; on RabbitMQ they come along, one character a byte.

    `exhausted` counts deliveries that were too many; `redelivered` are the places of what was delivered before;
    `refused` names field and reason of each document where none of them can be opened; `resends`: they are resends.
    """
    work = replace(_work(work_id, documents, exhausted, redelivered, refused), resends=resends)
    return _worked_on(runtime().broker.messages, work)


@register(name=BATCH_TASK, base=WorkTask)
def assign_batches(
    work_id: str,
    count: int,  # noqa: ARG001  # for who reads Flower
    documents: list[str] | None = None,
    exhausted: int = 0,
    redelivered: Sequence[int] = (),
    *,
    refused: Sequence[tuple[str, str]] = (),
) -> Counts:
    """Assign the campaign batches of a claim; on RabbitMQ one comes along, one character a byte. As above."""
    return _worked_on(runtime().broker.batches, _work(work_id, documents, exhausted, redelivered, refused))


@register(name=MESSAGE_TASK, base=MessageTask, bind=True, max_retries=None)
def assign_message(self: Task, message: Any = None, document: str | None = None, expires: str | None = None) -> Counts:
    """Assign one message for which a client needs Celery itself: a time to start, a result, a chain."""
    return tried(self, _bytes_of(message, document), expires, runtime().broker.messages)


@register(name=CAMPAIGN_TASK, base=MessageTask, bind=True, max_retries=None)
def assign_campaign(self: Task, batch: Any = None, document: str | None = None, expires: str | None = None) -> Counts:
    """Assign one campaign batch for which a client needs Celery itself."""
    return tried(self, _bytes_of(batch, document), expires, runtime().broker.batches)


@register(name=PRUNE_DECISIONS_TASK, base=ScheduledTask)
def prune_decisions() -> dict[str, int]:
    """Forget the decisions that were not made again for DECISION_RETENTION_DAYS."""
    parts = runtime()
    before = oldest_kept(parts.settings.decision_retention_days, parts.store.clock())
    return {"pruned": 0 if before is None else parts.store.forget_decisions(before)}


@register(name=PRUNE_PARKED_TASK, base=ScheduledTask)
def prune_parked() -> dict[str, int]:
    """Drop what is parked for more than PARKED_DROP_DAYS; forget what was settled PARKED_RETENTION_DAYS ago."""
    parts, now = runtime(), runtime().store.clock()
    too_old = oldest_kept(parts.settings.parked_drop_days, now)
    dropped = 0 if too_old is None else parts.store.drop_parked_before(too_old)
    if dropped:
        log.warning(LogEvent.PARKED_TOO_LONG_DROPPED, count=dropped, days=parts.settings.parked_drop_days)
    before = oldest_kept(parts.settings.parked_retention_days, now)
    return {"dropped": dropped, "pruned": 0 if before is None else parts.store.forget_parked(before)}


@register(name=BOUND_PARKED_TASK, base=ScheduledTask)
def bound_parked() -> dict[str, int]:
    """Remove the oldest parked documents of whoever has more than PARKED_MOST."""
    parts = runtime()
    gone = parts.store.forget_beyond(parts.settings.parked_most) if parts.settings.parked_most else {}
    for account_id, count in gone.items():
        log.warning(LogEvent.PARKED_BEYOND_THE_BOUND, account_id=account_id, count=count)
        parts.cache_redis.hincrby(bounds_key(parts.settings.key_prefix), Bound.PARKED, count)
    return {"removed": sum(gone.values())}


@register(name=PRUNE_RECORDS_TASK, base=ScheduledTask)
def prune_records() -> dict[str, int]:
    """Forget who changed which default sender or destination, and what was erased, after the days that the settings give each."""
    parts, now = runtime(), runtime().store.clock()
    history = oldest_kept(parts.settings.history_retention_days, now)
    erasures = oldest_kept(parts.settings.erasure_retention_days, now)
    return {
        "history": 0 if history is None else forget_history(parts.store, history),
        "destination_history": 0 if history is None else forget_destination_history(parts.store, history),
        "erasures": 0 if erasures is None else Erasures(parts.store).forget(erasures),
    }


@register(name=CHECK_DEFAULTS_TASK, base=ScheduledTask, bind=True)
def check_defaults(self: Task, after: str | None = None) -> dict[str, int]:
    """Tell of the defaults newly at risk, a slice at a time: a long task would be taken for lost."""
    parts = runtime()
    done = parts.default_warnings.check(UUID(after) if after else None, parts.broker.events.send, CHECKED_PAGES)
    if done.after is not None:
        self.app.send_task(CHECK_DEFAULTS_TASK, args=[str(done.after)])
    return {"checked": done.checked, "at_risk": done.at_risk, "told": done.told, "mended": done.mended}


def _work(
    work_id: str,
    documents: list[str] | None,
    exhausted: int,
    redelivered: Sequence[int],
    refused: Sequence[tuple[str, str]],
) -> PoolWork:
    batch = [document.encode("latin-1") for document in documents or ()]
    return PoolWork(work_id, batch, exhausted, redelivered, [FieldError(*each) for each in refused])


def _worked_on(lane: LaneWork, work: PoolWork) -> Counts:
    """Work on it, and let the next one of the worker have its turn where this was large."""
    try:
        with refusals_told(*_AWAY):
            return lane.on_work(work)
    finally:
        LARGE_WORK.give_back()


def _bytes_of(value: Any, document: str | None) -> bytes:
    """The document as it was handed over, one character a byte, or a value that came to this task some other way."""
    return encode_json(value) if document is None else document.encode("latin-1")


def tried(task: Task, document: bytes, expires: str | None, work: LaneWork) -> Counts:
    """Work on a task's document, or park it. Raises Retry, and nothing else while it can park.

    Celery throws a task away that fails, and the message would go with it.
    """
    work_id, retries = _work_id(task.request.id, document), task.request.retries
    try:
        with refusals_told():
            if has_passed(expires, utc_now()):
                return work.park_task(work_id, document, ParkReason.EXPIRED, "the task's expires had passed")
            if retries >= TRIES:
                return work.park_task(work_id, document, ParkReason.RETRIES_EXHAUSTED, f"tried {retries} times")
            return _worked(work_id, document, work)
    except WAITING as error:
        task.request.retries = min(retries, TRIES - 2)
        raise task.retry(exc=error, countdown=_delay(retries)) from error
    except PASSING as error:
        raise task.retry(exc=error, countdown=_delay(retries)) from error


def _delay(retries: int) -> int:
    return RETRY_DELAYS_S[min(retries, len(RETRY_DELAYS_S) - 1)]


def _work_id(task_id: str, document: bytes) -> str:
    """What the outcome is remembered by. A producer may give one task id to two messages, and neither is to be lost."""
    return f"{task_id}/{hashlib.blake2b(document, digest_size=8).hexdigest()}"


@contextmanager
def refusals_told(*away: type[redis.RedisError]) -> Iterator[None]:
    """Raises RedisUnavailableError where Redis answers and refuses, or raises one of `away`: waiting mends that."""
    try:
        yield
    except redis.RedisError as error:
        if refusal_words(error) is None and not isinstance(error, away):
            raise
        raise RedisUnavailableError(f"Redis cannot be used: {one_line(error)}") from None


def _worked(work_id: str, document: bytes, work: LaneWork) -> Counts:
    try:
        with refusals_told():
            return work.on_task(work_id, document)
    except PASSING:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, the message must not go with it
        log.error(LogEvent.TASK_FAILED, work_id=work_id, error=type(error).__name__)  # noqa: TRY400  # a trace may quote it
        detail = f"work on it failed: {type(error).__name__}"
        return work.park_task(work_id, document, ParkReason.RETRIES_EXHAUSTED, detail)
