"""Intake on RabbitMQ: deliveries are gathered to batches, each worked on as one task in the worker's own pool.

A batch becomes the task `messages.assign` without a trip through a queue: its deliveries stay unacknowledged in the
broker until the task has ended, so nothing is ever only in memory, and Celery's pool, events and process guard serve
it like any other task.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from celery import bootsteps
from kombu import Consumer, Queue
from kombu.message import Message

from core.contracts import CONTENT_TYPE, encode_json
from worker.amqp import declare_queues
from worker.envelope import NEEDS_CELERY, WORK_TASK, TaskHeaders, open_task, task_headers
from worker.settings import Settings
from worker.wiring import configured

log = structlog.get_logger(__name__)

#: How long the first delivery of a batch waits for others.
GATHER_S = 0.004
#: How long a batch that failed waits before it is delivered again.
REQUEUE_PAUSE_S = 1.0


class LocalMessage(Message):  # type: ignore[misc]  # kombu is untyped
    """A task message that was made here; its body goes to the pool without being decoded on the way."""

    payload = ()


@dataclass(slots=True)
class Gathered:
    """Deliveries that wait to become a batch."""

    documents: list[bytes] = field(default_factory=list)
    deliveries: list[Message] = field(default_factory=list)
    size: int = 0


class AmqpIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Consumes the ingress and the task queue beside Celery's own consumer, on a channel of its own."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._gathered = Gathered()
        self._consumer: Any = None
        self._timer: Any = None

    def include_if(self, parent: Any) -> bool:
        """Only on RabbitMQ, and only where the worker consumes the queue of claims."""
        settings = configured()[0]
        return not settings.broker_is_redis and settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """Declare what is missing and consume; called again after every reconnection."""
        settings = configured()[0]
        self._gathered, self._timer = Gathered(), None
        declare_queues(parent.connection, settings)
        channel = parent.connection.channel()
        # Two batches for each pool process: one in work, one that waits.
        children = max(1, parent.pool.limit or 1) if parent.pool.limit else 1
        channel.basic_qos(0, min(65_535, 2 * children * settings.claim_size), False)
        queues = [Queue(name, no_declare=True) for name in (settings.ingress_queue, settings.messages_queue)]
        self._consumer = Consumer(
            channel, queues=queues, on_message=lambda message: self._on_message(parent, settings, message)
        )
        self._consumer.consume()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Stop consuming; what is not acknowledged goes back to the broker with the channel."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.cancel()

    def shutdown(self, parent: Any) -> None:
        """Close the channel."""
        consumer = self._consumer
        self.stop(parent)
        if consumer is not None:
            consumer.channel.close()

    def _on_message(self, parent: Any, settings: Settings, message: Message) -> None:
        """Total: every delivery is gathered, given to Celery, or worked on alone because it failed before."""
        body = bytes(message.body) if not isinstance(message.body, str) else message.body.encode()
        document = body
        headers = message.headers or {}
        if "task" in headers:
            opened = _open(headers, message, body, settings)
            if opened is NEEDS_CELERY:
                self._give_to_celery(parent, message)
                return
            document = opened.document if opened.document is not None else body
        deliveries = int(headers.get("x-delivery-count") or 0)
        if deliveries >= settings.claim_attempts:
            exhausted = deliveries >= 2 * settings.claim_attempts
            self._submit(parent, Gathered([document], [message]), exhausted=exhausted)
            return
        self._gather(parent, settings, document, message)

    def _give_to_celery(self, parent: Any, message: Message) -> None:
        strategy = parent.strategies[message.headers["task"]]
        strategy(message, None, message.ack_log_error, message.reject_log_error, [])

    def _gather(self, parent: Any, settings: Settings, document: bytes, message: Message) -> None:
        gathered = self._gathered
        gathered.documents.append(document)
        gathered.deliveries.append(message)
        gathered.size += len(document)
        if len(gathered.documents) >= settings.claim_size or gathered.size >= settings.claim_bytes:
            self._flush(parent)
        elif self._timer is None:
            self._timer = parent.timer.call_after(GATHER_S, self._flush, (parent,))

    def _flush(self, parent: Any) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        gathered, self._gathered = self._gathered, Gathered()
        if gathered.documents:
            self._submit(parent, gathered, exhausted=False)

    def _submit(self, parent: Any, gathered: Gathered, *, exhausted: bool) -> None:
        batch_id, count = f"batch-{uuid.uuid4().hex}", len(gathered.documents)
        # Latin-1 gives every byte a character, so that broken UTF-8 comes through whole.
        documents = [document.decode("latin-1") for document in gathered.documents]
        body = encode_json([[batch_id, count, documents, exhausted], {}, {}])
        message = LocalMessage(
            body=body,
            content_type=CONTENT_TYPE,
            content_encoding="utf-8",
            headers=task_headers(WORK_TASK, batch_id, f"({batch_id!r}, {count})"),
            properties={"correlation_id": batch_id},
            delivery_info={"exchange": "", "routing_key": WORK_TASK},
        )
        parent.strategies[WORK_TASK](message, None, _acknowledge(gathered), _requeue(parent, gathered), [])


def _open(headers: dict[str, Any], message: Message, body: bytes, settings: Settings) -> Any:
    try:
        typed = msgspec.convert(
            {name: headers[name] for name in TaskHeaders.__struct_fields__ if name in headers}, TaskHeaders
        )
    except msgspec.ValidationError:
        return open_task(TaskHeaders(task="", id=""), CONTENT_TYPE, body, results_kept=False)
    kept = settings.result_backend is not None
    return open_task(typed, message.content_type or "", body, results_kept=kept)


def _acknowledge(gathered: Gathered) -> Callable[..., None]:
    def acknowledge(logger: Any, errors: Any) -> None:
        for delivery in gathered.deliveries:
            delivery.ack_log_error(logger, errors)

    return acknowledge


def _requeue(parent: Any, gathered: Gathered) -> Callable[..., None]:
    def requeue(logger: Any, errors: Any, requeue: bool = False) -> None:  # noqa: ARG001  # always given back
        def give_back() -> None:
            for delivery in gathered.deliveries:
                delivery.reject_log_error(logger, errors, requeue=True)

        parent.timer.call_after(REQUEUE_PAUSE_S, give_back)

    return requeue
