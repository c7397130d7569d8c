"""Work on batches of documents on RabbitMQ: assign, publish with one wait for the confirms, then say what was done.

The deliveries of a batch are acknowledged after that by the process that holds them. A crash between the confirms and
the acknowledgement repeats the batch: the marks in Redis drop most of it, and `dispatch_id` lets the consumer drop the
rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from core.contract.ids import ids_in
from core.errors import ParkReason, StoreUnavailableError
from core.messages.assigner import Assigner, Outcome, Parked, parked_unread
from core.messages.resending import Resender
from core.metrics.catalogue import RESEND, SINGLE
from core.moments import utc_now
from core.parked.record import document_to_park
from core.parked.store import ParkedDocument
from core.process.log_events import LogEvent
from worker.envelopes.newer_tasks import reason_of
from worker.handoff.broker import Counts, PoolWork
from worker.handoff.campaigns import NOTHING_DONE
from worker.handoff.keys import Keys
from worker.handoff.monitoring import Monitoring, Unmonitored
from worker.handoff.resends import progress_keys, resend_counts
from worker.handoff.tallies import note_begun, note_deferred, note_settled
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.outgoing import DEFER_PAUSE_S, Outgoing, Publisher
from worker.rabbitmq_broker.results import EXHAUSTED, ParkedRecords, dispatched_messages, exhausted_ids, parked_notices
from worker.settings import Settings

log = structlog.get_logger(__name__)

_UNMONITORED = Unmonitored()
#: What a single task that Celery runs is handed off as: it was not taken in by us.
_ONE_TASK = PoolWork("")


class RabbitMessages:
    """Works on batches, and on single tasks that Celery runs by itself, on RabbitMQ. May raise PUBLISH_ERRORS."""

    def __init__(
        self,
        assigner: Assigner,
        store: ParkedRecords,
        publisher: Publisher,
        marks: Marks,
        settings: Settings,
        *,
        earlier: EarlierWork,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        monitoring: Monitoring = _UNMONITORED,
        resender: Resender | None = None,
    ) -> None:
        self._monitoring, self._resender = monitoring, resender or assigner
        self._keys = Keys(settings.key_prefix)
        self._assigner, self._store, self._publisher, self._marks = assigner, store, publisher, marks
        self._settings, self._clock, self._sleep = settings, clock, sleep
        self._earlier = earlier

    def on_work(self, work: PoolWork) -> Counts:
        """Work on the documents of one batch; park what cannot be opened, and an only one that was delivered too often."""
        note_begun(_counted_as(work), len(work.documents), 2 if work.redelivered or work.exhausted else 1)
        if work.refused:
            return self._park_refused(work)
        if work.exhausted:
            entry = parked_unread(0, ParkReason.RETRIES_EXHAUSTED, EXHAUSTED, exhausted_ids(work))
            return self._park_unread(work, entry)
        outcome = (self._resender if work.resends else self._assigner).assign(work.documents)
        deferred = list(outcome.deferred)
        kept = self._park(work, outcome.parked)
        if kept is None:
            deferred += [entry.index for entry in outcome.parked]
            kept = []
        if deferred:
            self._sleep(DEFER_PAUSE_S)
        again = [Outgoing(self._lane_of(work), work.documents[index]) for index in deferred]
        counts = self._hand_off(outcome, kept, again, work)
        note_deferred(_counted_as(work), len(again))
        return {**counts, "deferred": len(again)} if again else counts

    def on_task(self, task_id: str, document: bytes) -> Counts:
        """Work on the message of one task that Celery runs. Raises StoreUnavailableError where it must wait."""
        if self._marks.task_settled(task_id):
            return NOTHING_DONE | {"settled_before": 1}
        outcome = self._assigner.assign([document])
        kept = self._park(PoolWork(task_id, [document]), outcome.parked)
        if outcome.deferred or kept is None:
            raise StoreUnavailableError("the message waits until the database can be used")
        counts = self._hand_off(outcome, kept)
        self._marks.settle_task(task_id)
        return counts

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Counts:
        """Park the message of a task without working on it. Raises StoreUnavailableError."""
        return self._park_unread(PoolWork(task_id, [document]), parked_unread(0, reason, detail, ids_in(document)))

    def _park_refused(self, work: PoolWork) -> Counts:
        parked = [
            Parked(place, reason_of(error), f"{error.field}: {error.reason}", (error,))
            for place, error in enumerate(work.refused)
        ]
        kept = self._park(work, parked)
        if kept is None:
            raise StoreUnavailableError("what was refused cannot be parked until the database can be used")
        return self._hand_off(Outcome(), kept, work=work)

    def _park_unread(self, work: PoolWork, parked: Parked) -> Counts:
        kept = self._park(work, [parked])
        if kept is None:
            raise StoreUnavailableError("the document cannot be parked until the database can be used")
        return self._hand_off(Outcome(), kept, work=work)

    def _lane_of(self, work: PoolWork) -> str:
        return self._settings.resend_queue if work.resends else self._settings.ingress_queue

    def _park(self, work: PoolWork, parked: Sequence[Parked]) -> list[ParkedDocument] | None:
        """The records of what is parked, safe in SQL; None where SQL is away."""
        if not parked:
            return []
        now, lane = self._clock(), self._lane_of(work)
        kept = [
            document_to_park(entry, work_id=work.id, lane=lane, document=work.documents[entry.index], now=now)
            for entry in parked
        ]
        came_again = set(work.redelivered)
        kept = self._earlier.same(kept, [entry.index in came_again for entry in parked])
        try:
            self._store.park(kept)
        except StoreUnavailableError:
            log.warning(LogEvent.PARKED_DOCUMENTS_WAIT_FOR_SQL, count=len(kept))
            return None
        return kept

    def _hand_off(
        self,
        outcome: Outcome,
        kept: Sequence[ParkedDocument],
        again: Sequence[Outgoing] = (),
        work: PoolWork = _ONE_TASK,
    ) -> Counts:
        settings, marks, came_again = self._settings, outcome.marks, set(work.redelivered)
        known = self._marks.reserve(
            marks, [place for place, index in enumerate(outcome.indexes) if index in came_again] if came_again else ()
        )
        fresh = [place for place in range(len(marks)) if place not in known]
        progress = progress_keys(outcome, self._keys) if work.resends else []

        def remember(places: Sequence[int], parked: Sequence[ParkedDocument] = ()) -> None:
            of = [progress[place] for place in places] if progress else []
            resends = resend_counts(of, parked, self._keys) if work.resends else None
            self._marks.remember([marks[place] for place in places], resends)

        self._publisher.publish(
            [
                *dispatched_messages(settings.dispatch_queue, outcome, fresh),
                *parked_notices(settings.parked_queue, kept),
                *again,
            ],
            lambda taken: remember([fresh[n] for n in taken if n < len(fresh)]),
        )
        remember(fresh, kept)
        self._monitoring.report(outcome)
        note_settled(_counted_as(work), work.id, dispatched=len(fresh), duplicates=len(known), parked=kept)
        counts = {"dispatched": len(fresh), "parked": len(kept)}
        return counts | {"duplicates": len(known)} if known else counts


def _counted_as(work: PoolWork) -> str:
    """The lane by which its messages are counted."""
    return RESEND if work.resends else SINGLE
