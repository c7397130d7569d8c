"""Intake on RabbitMQ: deliveries are gathered to batches, each worked on as one task in the worker's own pool.

A batch becomes the task `messages.assign` without a trip through a queue: its deliveries stay unacknowledged in the
broker until the task has ended, so nothing is ever only in memory, and Celery's pool, events and process guard serve
it like any other task.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import structlog
from amqp.exceptions import NotFound
from celery import bootsteps
from kombu import Consumer, Queue
from kombu.message import Message

from core.process.redis_clients import PROBING, open_redis
from worker.configuration import configured
from worker.envelopes.opening import FIRST_PROTOCOL_MARK, Document, ForCelery, Opener, Refused
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK, TaskHeaders
from worker.envelopes.unpacking import unpacked
from worker.intake.acks import Acks
from worker.intake.deliveries import DeliveryCounts, delivered_before, was_redelivered
from worker.intake.local_tasks import pool_children, start_task
from worker.rabbitmq_broker.parts import RabbitBroker
from worker.rabbitmq_broker.queues import declare_queues
from worker.settings import Settings
from worker.wiring import runtime

log = structlog.get_logger(__name__)

#: How long the first delivery of a batch waits for others.
GATHER_S = 0.004
#: How long a batch waits where the dispatch queue is full.
FULL_PAUSE_S = 0.25
#: How long a batch that failed waits before it is delivered again.
REQUEUE_PAUSE_S = 1.0


@dataclass(slots=True)
class Gathered:
    """Deliveries of one channel that wait to become a batch."""

    acks: Acks
    documents: list[bytes] = field(default_factory=list)
    deliveries: list[Message] = field(default_factory=list)
    size: int = 0
    exhausted: int = 0

    @property
    def redelivered(self) -> list[int]:
        """The places of those that were delivered before."""
        return [place for place, message in enumerate(self.deliveries) if was_redelivered(message)]


class RabbitIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Consumes the ingress and the task queue beside Celery's own consumer, on a channel of its own."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._gathered: Gathered | None = None
        self._consumers: list[Any] = []
        self._acks: list[Acks] = []
        self._timer: Any = None
        self._gauge: Any = None
        self._held: list[tuple[str, Gathered]] = []
        settings, urls = configured()
        self._counts = DeliveryCounts(open_redis(urls.redis_url, PROBING), settings.key_prefix)
        self._release_timer: Any = None

    def include_if(self, parent: Any) -> bool:
        """Only on RabbitMQ, and only where the worker consumes the queue of claims."""
        on_rabbitmq = isinstance(runtime().broker, RabbitBroker)
        return on_rabbitmq and configured().settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """Declare what is missing and consume; called again after every reconnection."""
        settings = configured().settings
        declare_queues(parent.connection, settings)
        self._let_go()
        self._gauge = parent.connection.channel()
        channel = parent.connection.channel()
        # Two batches for each pool process: one in work, one that waits.
        children = pool_children(parent)
        channel.basic_qos(0, min(65_535, 2 * children * settings.claim_size), False)
        # A campaign batch keeps a child busy for long: one child is left for single messages, where there are two.
        campaigns = parent.connection.channel()
        campaigns.basic_qos(0, max(1, children - 1), False)
        self._acks = [Acks(channel), Acks(campaigns)]
        singles, batches = self._acks
        take_single = partial(self._on_message, parent, settings, singles)
        take_batch = partial(self._on_batch, parent, settings, batches)
        self._consumers = [
            _consumer(parent, channel, (settings.ingress_queue, settings.messages_queue), take_single),
            _consumer(parent, campaigns, (settings.campaign_ingress_queue, settings.campaigns_queue), take_batch),
        ]

    def stop_intake(self, parent: Any) -> None:
        """Stop consuming, at the beginning of a shutdown; nothing that came is submitted from here on."""
        self._let_go()
        try:
            for consumer in self._consumers:
                consumer.cancel()
        except (*parent.connection_errors, *parent.channel_errors) as error:
            log.warning("intake_cancelled_by_the_broker", error=type(error).__name__)
        self._let_go()  # what came while the broker answered

    def give_back(self, parent: Any) -> None:
        """Acknowledge what has ended; the rest goes back to the broker with the channels."""
        consumers, self._consumers = self._consumers, []
        acks, self._acks = self._acks, []
        try:
            for each in acks:
                each.flush()
            for consumer in consumers:
                consumer.channel.close()
        except (*parent.connection_errors, *parent.channel_errors) as error:
            log.warning("acknowledgement_lost", error=type(error).__name__)

    def stop(self, parent: Any) -> None:
        """Stop consuming where a shutdown has not done so; the same when the connection is lost."""
        self.stop_intake(parent)

    def shutdown(self, parent: Any) -> None:
        """Close the channels."""
        self.give_back(parent)

    def _on_message(self, parent: Any, settings: Settings, acks: Acks, message: Message) -> None:
        """Total: every delivery is gathered, given to Celery, or worked on alone because it failed before."""
        document = _document(message, settings)
        if document is None:
            _give_to_celery(parent, acks, message)
            return
        before = delivered_before(message, document, self._counts.count)
        if before >= settings.claim_attempts:
            self._submit(parent, WORK_TASK, _alone(acks, (document, message), before, settings), settings)
        else:
            self._gather(parent, settings, acks, (document, message))

    def _on_batch(self, parent: Any, settings: Settings, acks: Acks, message: Message) -> None:
        """Total: every delivery of a campaign batch is worked on alone, or given to Celery."""
        document = _document(message, settings)
        if document is None:
            _give_to_celery(parent, acks, message)
            return
        before = delivered_before(message, document, self._counts.count)
        self._submit(parent, BATCH_TASK, _alone(acks, (document, message), before, settings), settings)

    def _gather(self, parent: Any, settings: Settings, acks: Acks, delivery: tuple[bytes, Message]) -> None:
        document, message = delivery
        gathered = self._gathered = self._gathered or Gathered(acks)
        gathered.documents.append(document)
        gathered.deliveries.append(message)
        gathered.size += len(document)
        if len(gathered.documents) >= settings.claim_size or gathered.size >= settings.claim_bytes:
            self._flush(parent, settings)
        elif self._timer is None:
            self._timer = parent.timer.call_after(GATHER_S, self._flush, (parent, settings))

    def _flush(self, parent: Any, settings: Settings) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        gathered, self._gathered = self._gathered, None
        if gathered is not None:
            self._submit(parent, WORK_TASK, gathered, settings)

    def _submit(self, parent: Any, task: str, gathered: Gathered, settings: Settings) -> None:
        """Hand a batch to the pool, or hold it while the dispatch queue is full: then the broker soon sends no more."""
        if not settings.dispatch_max_length:
            self._start_task(parent, task, gathered)
            return
        self._held.append((task, gathered))
        # Asking the broker takes in deliveries, so it is done by a timer, and never twice at once.
        if self._release_timer is None:
            self._release_timer = parent.timer.call_after(0, self._release, (parent, settings))

    def _release(self, parent: Any, settings: Settings) -> None:
        try:
            waiting = self._gauge.queue_declare(settings.dispatch_queue, passive=True).message_count
        except NotFound:  # deleted: whoever publishes declares it again
            waiting, self._gauge = 0, parent.connection.channel()
        if waiting >= settings.dispatch_max_length:
            self._release_timer = parent.timer.call_after(FULL_PAUSE_S, self._release, (parent, settings))
            return
        held, self._held, self._release_timer = self._held, [], None
        for task, gathered in held:
            self._start_task(parent, task, gathered)

    def _let_go(self) -> None:
        """Forget what waits here: the broker delivers it again."""
        timers = [timer for timer in (self._release_timer, self._timer) if timer is not None]
        self._release_timer, self._timer = None, None
        self._held, self._gathered = [], None
        for timer in timers:
            timer.cancel()

    def _start_task(self, parent: Any, task: str, gathered: Gathered) -> None:
        batch_id, count = f"delivery-{uuid.uuid4().hex}", len(gathered.documents)
        # Latin-1 gives every byte a character, so that broken UTF-8 comes through whole.
        documents = [document.decode("latin-1") for document in gathered.documents]
        start_task(
            parent,
            task,
            [batch_id, count, documents, gathered.exhausted, gathered.redelivered],
            acknowledge=_acknowledge(gathered),
            reject=_requeue(parent, gathered),
        )


def _give_to_celery(parent: Any, acks: Acks, message: Message) -> None:
    tag = message.delivery_tag
    acks.hold(tag)

    def acknowledge(logger: Any, errors: Any) -> None:
        message.ack_log_error(logger, errors)
        acks.release(tag)

    def reject(logger: Any, errors: Any, requeue: bool = False) -> None:
        message.reject_log_error(logger, errors, requeue=requeue)
        acks.release(tag)

    parent.strategies[message.headers["task"]](message, None, acknowledge, reject, [])


def _consumer(parent: Any, channel: Any, names: Sequence[str], take: Callable[[Message], None]) -> Any:
    queues = [Queue(name, no_declare=True) for name in names]
    channel.message_to_python = partial(_as_delivery, channel)
    consumer = Consumer(channel, queues=queues, on_message=take)
    # The broker may deliver while it answers, and the pool takes nothing before the event loop runs.
    parent.timer.call_after(0, consumer.consume)
    return consumer


def _as_delivery(channel: Any, raw: Any) -> Message:
    """A delivery with its body as it came: kombu would decompress it here, where the whole worker pays for a bad one."""
    headers = raw.headers or {}
    method = headers.pop("compression", None)
    message = channel.Message(raw, channel=channel)
    if method is not None:
        message.headers["compression"] = method
    return message


def _document(message: Message, settings: Settings) -> bytes | None:
    """The document of a delivery: the body as it is, or what a task message holds; None: it needs Celery itself.

    A message that cannot be opened is no document either, so the assigner refuses it, and it is parked whole.
    """
    body = message.body.encode() if isinstance(message.body, str) else bytes(message.body)
    headers = message.headers or {}
    if "task" not in headers and FIRST_PROTOCOL_MARK not in body:
        return _plain(body, headers)
    try:
        wanted = {name: headers[name] for name in TaskHeaders.__struct_fields__ if name in headers}
        typed = msgspec.convert(wanted, TaskHeaders)
    except ValueError:
        return body
    opener, properties = Opener(results_kept=settings.result_backend is not None), message.properties or {}
    match opener.open_task(typed, message.content_type or "", body, properties.get("reply_to")):
        case Document(content):
            return content
        case Refused():
            return _plain(body, headers)
        case ForCelery() as task:
            message.headers, message.properties = task.headers, task.properties
            message.body, message.content_encoding = task.body, "utf-8"
            return None


def _plain(body: bytes, headers: Mapping[str, Any]) -> bytes:
    """The body, unpacked where kombu compressed it."""
    try:
        return unpacked(body, headers.get("compression"))
    except ValueError:
        return body


def _alone(acks: Acks, delivery: tuple[bytes, Message], before: int, settings: Settings) -> Gathered:
    """One delivery, to be worked on apart from others; parked where it came too often."""
    document, message = delivery
    exhausted = max(0, before + 1 - 2 * settings.claim_attempts)
    return Gathered(acks, [document], [message], exhausted=exhausted)


def _acknowledge(gathered: Gathered) -> Callable[..., None]:
    def acknowledge(_: Any, errors: Any) -> None:
        try:
            gathered.acks.acknowledge([delivery.delivery_tag for delivery in gathered.deliveries])
        except errors as error:  # the channel is gone, and the broker delivers again
            log.warning("acknowledgement_lost", error=type(error).__name__)

    return acknowledge


def _requeue(parent: Any, gathered: Gathered) -> Callable[..., None]:
    def requeue(_: Any, errors: Any, requeue: bool = False) -> None:  # noqa: ARG001  # always given back
        def give_back() -> None:
            try:
                gathered.acks.give_back([delivery.delivery_tag for delivery in gathered.deliveries])
            except errors as error:  # the channel is gone, and the broker delivers again
                log.warning("giving_back_lost", error=type(error).__name__)

        parent.timer.call_after(REQUEUE_PAUSE_S, give_back)

    return requeue
