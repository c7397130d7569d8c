"""Tasks that a worker gives to its own pool: no queue in between, yet events, limits and process guard as for any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kombu.message import Message

from core.encoding import CONTENT_TYPE, encode_json
from worker.envelopes.opening import ForCelery
from worker.envelopes.task_messages import task_headers


class LocalMessage(Message):  # type: ignore[misc]  # kombu is untyped
    """A task message that was made here; its body goes to the pool without being decoded on the way."""

    payload: tuple[list[object], dict[str, object], None] = ([], {}, None)


def start_task(
    consumer: Any,
    task: str,
    args: Sequence[object],
    *,
    kwargs: Mapping[str, object] | None = None,
    acknowledge: Callable[..., None],
    reject: Callable[..., None],
) -> None:
    """Give `task` to the pool of Celery's `consumer`; the first two arguments, its id and a count, are shown.

    One of `acknowledge(logger, errors)` and `reject(logger, errors, requeue=...)` is called at its end. To be called
    in the thread of Celery's event loop.
    """
    task_id, count = args[:2]
    message = LocalMessage(
        body=encode_json([args, kwargs or {}, {}]),
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        headers=task_headers(task, str(task_id), f"({task_id!r}, {count})"),
        properties={"correlation_id": task_id},
        delivery_info={"exchange": "", "routing_key": task},
    )
    consumer.strategies[task](message, None, acknowledge, reject, [])


def start_for_celery(
    consumer: Any, task: ForCelery, *, acknowledge: Callable[..., None], reject: Callable[..., None]
) -> None:
    """Give a task that a client sent to Celery's `consumer`, which waits for its time, keeps its result, and so on.

    Where it has to be tried again, Celery enqueues it on the queue that its delivery names.
    """
    conf = consumer.app.conf
    queue = conf.task_routes.get(task.task, {}).get("queue", conf.task_default_queue)
    message = LocalMessage(
        body=task.body,
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        headers=task.headers,
        properties=task.properties,
        delivery_info={"exchange": "", "routing_key": queue},
    )
    consumer.strategies[task.task](message, None, acknowledge, reject, [])


def pool_children(consumer: Any) -> int:
    """How many tasks the pool of Celery's `consumer` works on at once; at least 1."""
    return max(1, consumer.pool.limit or 1)
