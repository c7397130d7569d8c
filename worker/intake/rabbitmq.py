"""Intake on RabbitMQ: deliveries are gathered to batches, each worked on as one task in the worker's own pool.

A batch becomes the task `messages.assign` without a trip through a queue: its deliveries stay unacknowledged in the
broker until the task has ended, so nothing is ever only in memory, and Celery's pool, events and process guard serve
it like any other task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from amqp.exceptions import NotFound, PreconditionFailed, RecoverableConnectionError, ResourceLocked
from celery import bootsteps

from core.encoding import WHOLE_DOCUMENT
from core.errors import FieldError
from core.metrics.counts import PAUSED_AT
from core.process.log_events import LogEvent
from core.process.redis_clients import PROBING, open_redis
from worker.configuration import configured
from worker.envelopes.celery_queue import is_of_newer_version, read_scheduled
from worker.envelopes.newer_tasks import NEWER_TASK
from worker.envelopes.opening import Document, ForCelery, Opened, Opener, Refused
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK
from worker.handoff.work_ids import new_work_id
from worker.intake.acks import Acks
from worker.intake.consuming import Consuming
from worker.intake.deliveries import DeliveryCounts, delivered_before
from worker.intake.gathered import Gathered, alone
from worker.intake.given import give_to_celery
from worker.intake.in_hand import MOST_PREFETCHED, InHand
from worker.intake.local_tasks import pool_children, start_task
from worker.intake.put_off import PuttingOff, starts_much_later
from worker.rabbitmq_broker.deliveries import Delivery
from worker.rabbitmq_broker.later import LaterQueues
from worker.rabbitmq_broker.parts import RabbitBroker
from worker.rabbitmq_broker.queues import declare_queues
from worker.settings import Settings
from worker.wiring import runtime

log = structlog.get_logger(__name__)

#: What RabbitMQ may do to a channel in use: end it where a delivery is held for too long, or a queue is gone.
CHANNEL_LOST = (PreconditionFailed, NotFound, ResourceLocked)
#: How long the first delivery of a batch waits for others.
GATHER_S = 0.004
#: How often one looks whether deliveries can still come.
LOOK_EVERY_S = 2.0
#: How long a batch waits where the dispatch queue is full.
FULL_PAUSE_S = 0.25
#: How long a batch that failed waits before it is delivered again.
REQUEUE_PAUSE_S = 1.0
#: What the scheduler enqueues, for each child of the pool.
SCHEDULED_AT_ONCE = 4
#: Bytes of single messages, and of campaign batches, that are taken from RabbitMQ at once, or one delivery that is larger.
MESSAGES_IN_HAND_BYTES, BATCHES_IN_HAND_BYTES = 33_554_432, 8_388_608
#: What is refused is gathered like the rest, and parked together.
MOST_REFUSED = 500


class RabbitIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Consumes the ingress and the task queue beside Celery's own consumer, on a channel of its own."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        # Celery ends the worker by them; a new connection mends them.
        parent.connection_errors = (*parent.connection_errors, *CHANNEL_LOST)
        # By whether they are resends.
        self._gathered: dict[bool, Gathered] = {}
        self._refused: dict[bool, Gathered] = {}
        self._consumers: list[Any] = []
        self._acks: list[Acks] = []
        self._timer: Any = None
        self._gauge: Any = None
        self._held: list[tuple[str, Gathered]] = []
        settings, urls = configured()
        self._messages = Opener.of(settings, document_bytes=settings.document_max_bytes)
        self._batches = Opener.of(settings, document_bytes=settings.batch_max_bytes)
        self._counts = DeliveryCounts(open_redis(urls.redis_url, PROBING), settings.key_prefix)
        self._release_timer: Any = None
        self._putting_off = PuttingOff(LaterQueues(urls.broker_url))
        self._look_timer: Any = None

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
        children = pool_children(parent)
        ways: list[tuple[InHand, Sequence[str], Callable[..., None]]] = [
            # Two batches for each pool process: one in work, one that waits.
            (
                _messages_in_hand(settings, children),
                (settings.ingress_queue, settings.messages_queue),
                self._on_message,
            ),
            (
                _messages_in_hand(settings, children),
                (settings.resend_queue,),
                partial(self._on_message, resends=True),
            ),
            # A campaign batch keeps a child busy for long: one child is left for single messages, where there are two.
            (
                InHand(most=max(1, children - 1), most_bytes=BATCHES_IN_HAND_BYTES),
                (settings.campaign_ingress_queue, settings.campaigns_queue),
                self._on_batch,
            ),
            (
                InHand(most=SCHEDULED_AT_ONCE * children, most_bytes=BATCHES_IN_HAND_BYTES),
                (settings.work_queue,),
                self._on_scheduled,
            ),
        ]
        self._acks = [Acks(parent.connection.channel(), in_hand) for in_hand, _, _ in ways]
        self._consumers = [
            Consuming(parent, acks, names, partial(take, parent, settings, acks))
            for (_, names, take), acks in zip(ways, self._acks, strict=True)
        ]
        self._look_timer = parent.timer.call_repeatedly(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Raises where a channel has ended: kombu dials anew by itself, and what it dials has no consumers.

        Raised in the event loop, it has Celery start its consumer again, and this intake with it.
        """
        if not all(consumer.is_open for consumer in self._consumers):
            raise RecoverableConnectionError("the intake has lost its connection")

    def stop_intake(self, parent: Any) -> None:
        """Stop consuming, at the beginning of a shutdown; nothing that came is submitted from here on."""
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._let_go()
        try:
            for consumer in self._consumers:
                consumer.cancel()
        except (*parent.connection_errors, *parent.channel_errors) as error:
            log.warning(LogEvent.INTAKE_CANCELLED_BY_THE_BROKER, error=type(error).__name__)
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
            log.warning(LogEvent.ACKNOWLEDGEMENT_LOST, error=type(error).__name__)

    def stop(self, parent: Any) -> None:
        """Stop consuming where a shutdown has not done so; the same when the connection is lost."""
        self.stop_intake(parent)

    def shutdown(self, parent: Any) -> None:
        """Close the channels."""
        self.give_back(parent)

    def _on_message(
        self, parent: Any, settings: Settings, acks: Acks, delivery: Delivery, *, resends: bool = False
    ) -> None:
        """Total: every delivery is gathered, given to Celery, parked, or worked on alone because it failed before."""
        opened = self._kept(parent, acks, delivery, self._messages, settings.messages_queue)
        if isinstance(opened, Refused):
            self._park(parent, settings, acks, delivery, opened.error, resends=resends)
        elif isinstance(opened, Document):
            before = delivered_before(delivery, opened.content, self._counts.count)
            came = (opened.content, delivery)
            if before >= settings.claim_attempts:
                self._submit(parent, WORK_TASK, alone(acks, came, before, settings, resends=resends), settings)
            else:
                self._gather(parent, settings, acks, came, resends=resends)

    def _on_batch(self, parent: Any, settings: Settings, acks: Acks, delivery: Delivery) -> None:
        """Total: every delivery of a campaign batch is worked on alone, given to Celery, or parked."""
        opened = self._kept(parent, acks, delivery, self._batches, settings.campaigns_queue)
        if isinstance(opened, Refused):
            self._submit(parent, BATCH_TASK, _refused(acks, delivery, opened.error), settings)
        elif isinstance(opened, Document):
            before = delivered_before(delivery, opened.content, self._counts.count)
            self._submit(parent, BATCH_TASK, alone(acks, (opened.content, delivery), before, settings), settings)

    def _on_scheduled(self, parent: Any, settings: Settings, acks: Acks, delivery: Delivery) -> None:
        """Total: every delivery is a task of the scheduler, or parked: whoever else writes to this queue is mistaken."""
        task = read_scheduled(delivery.headers, delivery.content_type, delivery.body)
        error = FieldError("headers.task", f"is no task that {settings.work_queue} is for")
        if task is None and is_of_newer_version(delivery.headers, delivery.content_type, delivery.body):
            error = NEWER_TASK
        opened = _offered(parent, acks, delivery, Refused(error) if task is None else task)
        if isinstance(opened, Refused):
            self._submit(parent, WORK_TASK, _refused(acks, delivery, opened.error), settings)

    def _kept(self, parent: Any, acks: Acks, delivery: Delivery, opener: Opener, queue: str) -> Opened:
        """What was opened, after what is for Celery went there, or back to `queue` where it starts much later."""
        opened = self._opened(delivery, opener)
        if not starts_much_later(opened):
            return _offered(parent, acks, delivery, opened)
        self._putting_off.take(parent, acks, delivery.tag, queue, opened)
        return opened

    def _opened(self, delivery: Delivery, opener: Opener) -> Opened:
        try:
            return delivery.opened(opener)
        except Exception as error:  # an exception here would end the worker, and then the next one
            log.exception(LogEvent.DELIVERY_NOT_READ, bytes=len(delivery.body))
            return Refused(FieldError(WHOLE_DOCUMENT, f"cannot be read: {type(error).__name__}"))

    def _park(
        self, parent: Any, settings: Settings, acks: Acks, delivery: Delivery, error: FieldError, *, resends: bool
    ) -> None:
        refused = self._refused.setdefault(resends, Gathered(acks, resends=resends))
        refused.add(delivery, delivery.body)
        refused.refused.append(error)
        if len(refused.documents) >= MOST_REFUSED or refused.size >= settings.claim_bytes:
            self._flush(parent, settings)
        elif self._timer is None:
            self._timer = parent.timer.call_after(GATHER_S, self._flush, (parent, settings))

    def _gather(
        self, parent: Any, settings: Settings, acks: Acks, came: tuple[bytes, Delivery], *, resends: bool
    ) -> None:
        document, delivery = came
        gathered = self._gathered.get(resends)
        if gathered is None:
            gathered = self._gathered[resends] = Gathered(acks, resends=resends)
        gathered.add(delivery, document)
        if len(gathered.documents) >= settings.claim_size or gathered.size >= settings.claim_bytes:
            self._flush(parent, settings)
        elif self._timer is None:
            self._timer = parent.timer.call_after(GATHER_S, self._flush, (parent, settings))

    def _flush(self, parent: Any, settings: Settings) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        waiting = (*self._gathered.values(), *self._refused.values())
        self._gathered, self._refused = {}, {}
        for gathered in waiting:
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
            PAUSED_AT.note(time.monotonic())
            self._release_timer = parent.timer.call_after(FULL_PAUSE_S, self._release, (parent, settings))
            return
        held, self._held, self._release_timer = self._held, [], None
        for task, gathered in held:
            self._start_task(parent, task, gathered)

    def _let_go(self) -> None:
        """Forget what waits here: the broker delivers it again."""
        timers = [timer for timer in (self._release_timer, self._timer) if timer is not None]
        self._release_timer, self._timer = None, None
        self._held, self._gathered, self._refused = [], {}, {}
        runtime().watch.all_let_go()
        self._putting_off.forget()
        for timer in timers:
            timer.cancel()

    def _start_task(self, parent: Any, task: str, gathered: Gathered) -> None:
        batch_id, count = new_work_id("delivery", gathered.taken_at), len(gathered.documents)
        # Latin-1 gives every byte a character, so that broken UTF-8 comes through whole.
        documents = [document.decode("latin-1") for document in gathered.documents]
        refused = [(error.field, error.reason) for error in gathered.refused]
        # What is false goes without saying: workers of the version before do not know of resends.
        kwargs = {name: value for name, value in (("refused", refused), ("resends", gathered.resends)) if value}
        runtime().watch.begun()
        start_task(
            parent,
            task,
            [batch_id, count, documents, gathered.exhausted, gathered.redelivered],
            kwargs=kwargs or None,
            acknowledge=_acknowledge(gathered),
            reject=self._after_failure(parent, task, gathered),
        )

    def _after_failure(self, parent: Any, task: str, gathered: Gathered) -> Callable[..., None]:
        """A batch that failed goes back to the broker; one that only waits is held here, and begun anew.

        Given back, its messages would count as delivered once more, and in the end be dropped for it.
        """

        def give_back(errors: Any) -> None:
            try:
                gathered.acks.give_back([delivery.tag for delivery in gathered.deliveries])
            except errors as error:  # the channel is gone, and the broker delivers again
                log.warning(LogEvent.GIVING_BACK_LOST, error=type(error).__name__)

        def begin_anew() -> None:
            gathered.begun = True
            if gathered.acks in self._acks:  # else the channel is gone, and the broker delivers again
                self._start_task(parent, task, gathered)

        def reject(_: Any, errors: Any, requeue: bool | None = False) -> None:
            # What waits for SQL has had its turn; what failed is given back, and will be begun anew.
            runtime().watch.ended(good=requeue is None)
            if requeue is None:
                parent.timer.call_after(REQUEUE_PAUSE_S, begin_anew)
            else:
                parent.timer.call_after(REQUEUE_PAUSE_S, give_back, (errors,))

        return reject


def _messages_in_hand(settings: Settings, children: int) -> InHand:
    most = min(MOST_PREFETCHED, 2 * children * settings.claim_size)
    return InHand(most=most, most_bytes=max(MESSAGES_IN_HAND_BYTES, settings.claim_bytes))


def _offered(parent: Any, acks: Acks, delivery: Delivery, opened: Opened) -> Opened:
    """What was opened, after Celery was given what is for Celery: refused where Celery could not take it."""
    if not isinstance(opened, ForCelery):
        if isinstance(opened, Document):
            acks.in_hand.unpacked(delivery.tag, len(opened.content))
        return opened
    error = give_to_celery(parent, acks, delivery.tag, opened)
    return opened if error is None else Refused(error)


def _refused(acks: Acks, delivery: Delivery, error: FieldError) -> Gathered:
    refused = Gathered(acks, refused=[error])
    refused.add(delivery, delivery.body)
    return refused


def _acknowledge(gathered: Gathered) -> Callable[..., None]:
    def acknowledge(_: Any, errors: Any) -> None:
        runtime().watch.ended(good=True)
        try:
            gathered.acks.acknowledge([delivery.tag for delivery in gathered.deliveries])
        except errors as error:  # the channel is gone, and the broker delivers again
            log.warning(LogEvent.ACKNOWLEDGEMENT_LOST, error=type(error).__name__)

    return acknowledge
