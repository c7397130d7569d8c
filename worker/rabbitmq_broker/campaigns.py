"""Campaign batches on RabbitMQ: each chunk is published with one wait for its confirms, then marked in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from core.encoding import WHOLE_DOCUMENT, ContractError
from core.errors import FieldError, ParkReason, StoreUnavailableError
from core.messages.assigner import Outcome
from core.metrics.catalogue import CAMPAIGN
from core.parked.store import ParkedDocument
from worker.handoff.broker import Counts, PoolWork
from worker.handoff.campaigns import NOTHING_DONE, BatchAttempt, BatchWork, CampaignTasks
from worker.handoff.chunks import Chunk, Chunks, SettledChunk
from worker.handoff.settlement import Settled, Settlement
from worker.handoff.tallies import note_begun
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.outgoing import AGAIN, DEFER_PAUSE_S, Outgoing, Publisher
from worker.rabbitmq_broker.results import EXHAUSTED, ParkedRecords, dispatched_messages, exhausted_ids, parked_notices
from worker.settings import Settings


class RabbitHandOff:
    """Hands off chunks on RabbitMQ. A crash between the confirms and the count repeats a chunk, same dispatch ids."""

    def __init__(
        self,
        chunks: Chunks,
        store: ParkedRecords,
        publisher: Publisher,
        *,
        marks: Marks,
        earlier: EarlierWork,
        settings: Settings,
    ) -> None:
        self._chunks, self._store, self._publisher = chunks, store, publisher
        self._marks, self._earlier, self._settings = marks, earlier, settings

    def same_work(self, attempt: BatchAttempt, content: str) -> BatchAttempt:
        """The attempt under the id under which parts of this batch were parked before, where it comes again."""
        if not attempt.redelivered:
            return attempt
        (found,) = self._earlier.find([content])
        return replace(attempt, id=found) if found else attempt

    def hand_off(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Reserve, park, publish, count; in this order, so that nothing is reported before it is safe."""
        settings = self._settings
        marks = outcome.marks
        known = self._marks.reserve(marks, range(len(marks)) if chunk.redelivered else ())
        fresh = [place for place in range(len(marks)) if place not in known]
        if kept:
            self._earlier.note({chunk.content: chunk.work_id})
            self._store.park(kept)
        self._publisher.publish(
            dispatched_messages(settings.dispatch_queue, outcome, fresh) + parked_notices(settings.parked_queue, kept),
            lambda taken: self._marks.remember([marks[fresh[n]] for n in taken if n < len(fresh)]),
        )
        sent = Settled(len(fresh), len(known))
        sent_marks = [marks[place] for place in fresh] if settings.idempotency_window else ()
        return self._chunks.settle_chunk(replace(chunk, sent=sent, sent_marks=sent_marks), Settlement())


class RabbitBatches(CampaignTasks):
    """Works on deliveries of campaign batches, and on single tasks that Celery runs by itself, on RabbitMQ."""

    def __init__(
        self, work: BatchWork, publisher: Publisher, settings: Settings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(work)
        self._publisher, self._settings, self._sleep = publisher, settings, sleep

    def on_work(self, work: PoolWork) -> Counts:
        """Work on one delivery to its end, or park it where it cannot be opened or was delivered too often."""
        (document,) = work.documents
        attempt = BatchAttempt(work.id, redelivered=bool(work.redelivered))
        note_begun(CAMPAIGN, 1, 2 if work.redelivered or work.exhausted else 1)
        if work.refused:
            return self._park_refused(attempt, document, work.refused[0])
        if work.exhausted:
            return self._park_exhausted(attempt, document, exhausted_ids(work))
        return self._on_batch(attempt, document)

    def _on_batch(self, attempt: BatchAttempt, document: bytes) -> Counts:
        """A batch that must wait for SQL is enqueued again.

        Given back to its queue, it would count as one that comes to no end, and be parked after ten seconds.
        """
        try:
            return NOTHING_DONE | self._work.on_document(attempt, document).counts
        except StoreUnavailableError:
            self._sleep(DEFER_PAUSE_S)
            self._publisher.publish([Outgoing(self._settings.campaign_ingress_queue, document, AGAIN)])
            return NOTHING_DONE | {"deferred": 1}

    def _park_exhausted(self, attempt: BatchAttempt, document: bytes, known: Mapping[str, str]) -> Counts:
        error = ContractError([FieldError(WHOLE_DOCUMENT, EXHAUSTED)], known)
        return {"dispatched": 0} | self._work.refuse(attempt, document, ParkReason.RETRIES_EXHAUSTED, error)

    def _park_refused(self, attempt: BatchAttempt, document: bytes, refused: FieldError) -> Counts:
        error = ContractError([refused])
        return {"dispatched": 0} | self._work.refuse(attempt, document, ParkReason.INVALID_MESSAGE, error)
