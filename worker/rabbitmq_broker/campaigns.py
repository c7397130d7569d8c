"""Campaign batches on RabbitMQ: each chunk is published with one wait for its confirms, then marked in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import redis
import structlog

from core.contract.ids import ids_in
from core.encoding import WHOLE_DOCUMENT, ContractError
from core.errors import FieldError, ParkReason, StoreUnavailableError
from core.messages.assigner import Outcome
from core.parked.record import parked_notice
from core.parked.store import ParkedDocument, ParkedStore
from worker.handoff.campaigns import BatchWork, Work
from worker.handoff.chunks import Chunk, Chunks, SettledChunk
from worker.handoff.events import EventOutbox
from worker.intake.deliveries import AGAIN
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.publisher import DEFER_PAUSE_S, PUBLISH_ERRORS, ConfirmedPublisher, Outgoing
from worker.redis_broker.claims import Settled, Settlement
from worker.settings import Settings

log = structlog.get_logger(__name__)


class AmqpHandOff:
    """Hands off chunks on RabbitMQ. A crash between the confirms and the count repeats a chunk, same dispatch ids."""

    def __init__(
        self,
        chunks: Chunks,
        store: ParkedStore,
        publisher: ConfirmedPublisher,
        *,
        marks: Marks,
        events: EventOutbox,
        settings: Settings,
    ) -> None:
        self._chunks, self._store, self._publisher = chunks, store, publisher
        self._marks, self._events, self._settings = marks, events, settings

    def hand_off(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Reserve, park, publish, count; in this order, so that nothing is told of before it is safe."""
        settings = self._settings
        marks = outcome.marks
        known = self._marks.reserve(marks, range(len(marks)) if chunk.redelivered else ())
        fresh = [place for place in range(len(marks)) if place not in known]
        if kept:
            self._store.park(kept)
        self._publisher.publish(
            [
                Outgoing(settings.dispatch_queue, outcome.payloads[place], outcome.dispatch_ids[place].decode())
                for place in fresh
            ]
            + [Outgoing(settings.parked_queue, parked_notice(entry), entry.parked_id) for entry in kept]
        )
        sent = Settled(len(fresh), len(known))
        sent_marks = [marks[place] for place in fresh] if settings.idempotency_window else ()
        settled = self._chunks.settle_chunk(replace(chunk, sent=sent, sent_marks=sent_marks), Settlement())
        if settled.completed:
            self._tell()
        return settled

    def _tell(self) -> None:
        """The chunk is settled whatever becomes of the event now: housekeeping tells what waits."""
        try:
            self._events.flush()
        except (redis.RedisError, *PUBLISH_ERRORS) as error:
            log.warning("event_waits", error=type(error).__name__)


class Publisher(Protocol):
    """What takes messages for RabbitMQ: a ConfirmedPublisher, or a double."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send them and wait until they are safe."""


class AmqpBatches:
    """Works on deliveries of campaign batches, and on single tasks that Celery runs by itself, on RabbitMQ."""

    def __init__(
        self, work: BatchWork, publisher: Publisher, settings: Settings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._work, self._publisher, self._settings, self._sleep = work, publisher, settings, sleep

    def on_batch(self, delivery_id: str, document: bytes, *, redelivered: bool = False) -> Mapping[str, int]:
        """Work on one delivery to its end; one that must wait for SQL is enqueued again.

        Given back to its queue, it would count as one that comes to no end, and be parked after ten seconds.
        """
        try:
            return self._on_document(Work(delivery_id, redelivered=redelivered), document)
        except StoreUnavailableError:
            self._sleep(DEFER_PAUSE_S)
            self._publisher.publish([Outgoing(self._settings.campaign_ingress_queue, document, AGAIN)])
            return {"dispatched": 0, "parked": 0, "deferred": 1}

    def on_task(self, task_id: str, document: bytes) -> Mapping[str, int]:
        """Work on the batch of one task. Raises StoreUnavailableError where it must wait for SQL."""
        return self._on_document(Work(task_id), document)

    def _on_document(self, work: Work, document: bytes) -> Mapping[str, int]:
        return {"dispatched": 0, "parked": 0} | self._work.on_document(work, document).counts

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Mapping[str, int]:
        """Park a batch without working on it."""
        error = ContractError([FieldError(WHOLE_DOCUMENT, detail)], ids_in(document))
        return {"dispatched": 0} | self._work.refuse(Work(task_id), document, reason, error)

    def park_exhausted(
        self, delivery_id: str, document: bytes, known: Mapping[str, str], detail: str
    ) -> Mapping[str, int]:
        """Park a batch that was delivered too often; `known` are its ids."""
        error = ContractError([FieldError(WHOLE_DOCUMENT, detail)], known)
        return {"dispatched": 0} | self._work.refuse(Work(delivery_id), document, ParkReason.RETRIES_EXHAUSTED, error)
