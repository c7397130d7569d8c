"""The parts of a RabbitMQ broker, each built when it is first asked for. What RabbitMQ cannot remember is in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import redis

from worker.handoff.broker import Duty, Shared
from worker.handoff.campaigns import BatchWork
from worker.handoff.chunks import Chunks
from worker.handoff.event_outbox import FLUSH_EVERY_S, EventOutbox
from worker.handoff.feedback import FeedbackReader
from worker.handoff.monitoring import EventsOfMonitored
from worker.rabbitmq_broker.access import RabbitAccess
from worker.rabbitmq_broker.campaigns import RabbitBatches, RabbitHandOff
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.events import RabbitEvents
from worker.rabbitmq_broker.feedback import FeedbackParking, RabbitFeedback
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.messages import RabbitMessages
from worker.rabbitmq_broker.publisher import WORKER_WAITS_S, ConfirmedPublisher


class RabbitBroker(RabbitAccess):
    """What publishes, marks and tells where the broker is RabbitMQ."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.settings, shared.urls)
        self._shared = shared

    @cached_property
    def publisher(self) -> ConfirmedPublisher:
        """Publishing with confirms, as patient as a worker may be."""
        return ConfirmedPublisher(self._urls.broker_url, self._settings, waits_s=WORKER_WAITS_S)

    @cached_property
    def progress_redis(self) -> redis.Redis:
        """The Redis of cache and marks, by the worker's client."""
        return self._shared.cache_redis

    @cached_property
    def marks(self) -> Marks:
        """Marks of what was dispatched."""
        return Marks(self._shared.cache_redis, self._settings)

    @cached_property
    def earlier(self) -> EarlierWork:
        """Ids under which documents were parked before."""
        return EarlierWork(self._shared.cache_redis, self._settings)

    @cached_property
    def messages(self) -> RabbitMessages:
        """Work on batches of single messages."""
        shared = self._shared
        return RabbitMessages(
            shared.assigner,
            shared.store,
            self.publisher,
            self.marks,
            self._settings,
            earlier=self.earlier,
            clock=shared.clock,
            monitoring=self.monitoring,
            resender=shared.resender,
        )

    @cached_property
    def batches(self) -> RabbitBatches:
        """Work on campaign batches."""
        shared, settings = self._shared, self._settings
        chunks = Chunks(shared.cache_redis, settings)
        hand_off = RabbitHandOff(
            chunks, shared.store, self.publisher, marks=self.marks, earlier=self.earlier, settings=settings
        )
        work = BatchWork(
            shared.assigner,
            chunks,
            hand_off,
            self.event_outbox,
            settings,
            clock=shared.clock,
            monitoring=self.monitoring,
        )
        return RabbitBatches(work, self.publisher, settings)

    @cached_property
    def monitoring(self) -> EventsOfMonitored:
        """Events of messages to monitored countries."""
        return EventsOfMonitored(self.events, self._shared.clock)

    @cached_property
    def event_outbox(self) -> EventOutbox:
        """Events of campaigns on their way."""
        return EventOutbox(self._shared.cache_redis, self.events, self._settings)

    @cached_property
    def events(self) -> RabbitEvents:
        """Events on a queue."""
        return RabbitEvents(self.publisher, self._shared.cache_redis, self._settings)

    def feedback(self, reader: FeedbackReader) -> RabbitFeedback:
        """Receipts on a queue, with connections of their own: py-amqp's are for one thread."""
        shared, settings, url = self._shared, self._settings, self._urls.broker_url
        publisher = ConfirmedPublisher(url, settings, waits_s=WORKER_WAITS_S)
        parking = FeedbackParking(shared.store, publisher, self.earlier, settings.parked_queue)
        return RabbitFeedback(url, shared.cache_redis, reader, parking, settings)

    def duties(self) -> Sequence[Duty]:
        """Events that have not gone out."""
        return (Duty("send_events", FLUSH_EVERY_S, self.event_outbox.flush),)

    def close(self) -> None:
        """Close the connection to RabbitMQ; the client of Redis is the worker's."""
        if "publisher" in vars(self):
            self.publisher.close()
