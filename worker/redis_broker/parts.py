"""The parts of a Redis broker, each built when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from worker.handoff.broker import Duty, Shared
from worker.handoff.campaigns import BatchWork
from worker.handoff.chunks import Chunks
from worker.handoff.event_outbox import FLUSH_EVERY_S, EventOutbox
from worker.handoff.feedback import FeedbackReader
from worker.handoff.monitoring import EventsOfMonitored
from worker.redis_broker.access import RedisAccess
from worker.redis_broker.campaigns import RedisBatches, RedisHandOff
from worker.redis_broker.claims import Claims
from worker.redis_broker.events import RedisEvents
from worker.redis_broker.feedback import RedisFeedback
from worker.redis_broker.messages import RedisMessages
from worker.redis_broker.parking import Parking

RECOVER_EVERY_S = 1.0
SWEEP_EVERY_S = 5.0


class RedisBroker(RedisAccess):
    """What claims, hands off and tells where the broker is Redis."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.settings, shared.urls)
        self._shared = shared

    @cached_property
    def claims(self) -> Claims:
        """Claims, and their settling."""
        return Claims(self.client, self._settings)

    @cached_property
    def parking(self) -> Parking:
        """The way from the outbox to the parked store."""
        return Parking(self._shared.store, self.claims, self._settings.parked_queue)

    @cached_property
    def messages(self) -> RedisMessages:
        """Work on claims of single messages."""
        shared = self._shared
        return RedisMessages(
            self.claims,
            shared.assigner,
            self.parking,
            self._settings,
            shared.clock,
            monitoring=self.monitoring,
            resender=shared.resender,
        )

    @cached_property
    def batches(self) -> RedisBatches:
        """Work on claims of campaign batches."""
        shared, settings = self._shared, self._settings
        chunks = Chunks(self.client, settings)
        hand_off = RedisHandOff(chunks, self.parking, settings)
        work = BatchWork(
            shared.assigner,
            chunks,
            hand_off,
            self.event_outbox,
            settings,
            clock=shared.clock,
            monitoring=self.monitoring,
        )
        return RedisBatches(self.claims, work, settings)

    @cached_property
    def monitoring(self) -> EventsOfMonitored:
        """Events of messages to monitored countries."""
        return EventsOfMonitored(self.events, self._shared.clock)

    @cached_property
    def event_outbox(self) -> EventOutbox:
        """Events of campaigns on their way."""
        return EventOutbox(self.client, self.events, self._settings)

    @cached_property
    def events(self) -> RedisEvents:
        """Events on a list."""
        return RedisEvents(self.client, self._settings)

    def feedback(self, reader: FeedbackReader) -> RedisFeedback:
        """Receipts on a list."""
        return RedisFeedback(self.client, reader, self.parking, self._settings)

    def duties(self) -> Sequence[Duty]:
        """Claims past their deadline, parked documents whose notice has not gone out, and events that have not."""
        return (
            Duty("recover_claims", RECOVER_EVERY_S, self.claims.recover),
            Duty("announce_parked", SWEEP_EVERY_S, self.parking.sweep),
            Duty("send_events", FLUSH_EVERY_S, self.event_outbox.flush),
        )
