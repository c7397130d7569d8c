"""Work on what was claimed: open, assign, hand off, park. What a Celery task calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from core.contract.ids import ids_in
from core.errors import ParkReason, StoreUnavailableError
from core.messages.assigner import Assigner, Outcome, Parked, parked_unread
from core.metrics.catalogue import SINGLE
from core.moments import utc_now
from core.parked.record import document_to_park
from core.parked.store import ParkedDocument
from core.process.log_events import LogEvent
from worker.envelopes.newer_tasks import reason_of
from worker.envelopes.opening import Document, ForCelery, Opener, Refused
from worker.envelopes.sealing import Sealer, sealed_for_celery
from worker.handoff.broker import Counts, PoolWork
from worker.handoff.campaigns import NOTHING_DONE
from worker.handoff.keys import Keys
from worker.handoff.monitoring import Monitoring, Unmonitored
from worker.handoff.resends import progress_keys, resend_counts
from worker.handoff.settlement import DEFER_S, Settled, Settlement, outbox_entries, settlement_of
from worker.handoff.tallies import note_begun, note_deferred, note_settled
from worker.redis_broker.claims import Claim, Claims, Lane, is_of_newer_version, lane_of
from worker.redis_broker.later import put_off_s
from worker.redis_broker.parking import Parking
from worker.settings import Settings

#: What a claim may hold of documents out of compressed tasks; the rest of them is a claim of its own.
MOST_UNPACKED_BYTES = 33_554_432

log = structlog.get_logger(__name__)


class Assigning(Protocol):
    """What gives documents of one kind their senders: the assigner, or the resender."""

    def assign(self, documents: Sequence[bytes]) -> Outcome:
        """Total: no document, however broken, makes it raise."""


_UNMONITORED = Unmonitored()


@dataclass(slots=True)
class Unpacked:
    """A claim's documents by what is to be done with them; `places` are those of `documents` in the claim."""

    documents: list[bytes]
    places: list[int]
    for_celery: list[bytes]
    refused: list[Parked]
    later: list[bytes] = field(default_factory=list)
    later_s: float = DEFER_S

    def put_off(self, raw: bytes, seconds: float) -> None:
        """Take a document up again, with all others that are put off, when the first of them is due."""
        self.later_s = min(seconds, self.later_s) if self.later else seconds
        self.later.append(raw)


class RedisMessages:
    """Works on claims, and on single tasks that Celery runs by itself, on a Redis broker."""

    def __init__(
        self,
        claims: Claims,
        assigner: Assigner,
        parking: Parking,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        *,
        monitoring: Monitoring = _UNMONITORED,
        resender: Assigning | None = None,
    ) -> None:
        self._monitoring, self._resender = monitoring, resender or assigner
        self._keys = Keys(settings.key_prefix)
        self._claims, self._assigner, self._parking, self._settings = claims, assigner, parking, settings
        self._sealer, self._clock = Sealer(settings.dispatch_queue), clock
        self._opener = Opener.of(settings, document_bytes=settings.document_max_bytes)

    def on_work(self, work: PoolWork) -> Counts:
        """Work on one claim and settle it; one of a newer version's lane is left to such a worker."""
        if is_of_newer_version(work.id):
            return NOTHING_DONE | {"left_to_newer": 1}
        claim = self._claims.begin(work.id)
        if claim is None:
            return NOTHING_DONE | {"settled_before": 1}
        note_begun(claim.lane.counted_as, len(claim.documents), claim.attempt)
        if claim.attempt > self._settings.claim_attempts:
            return self._give_up(claim)
        unpacked = self._unpack(claim)
        assigning = self._resender if claim.lane is Lane.RESEND else self._assigner
        return self._settle(claim, unpacked, assigning.assign(unpacked.documents))

    def on_task(self, task_id: str, document: bytes) -> Counts:
        """Work on the message of one task that Celery runs. Raises StoreUnavailableError where it must wait."""
        outcome = self._assigner.assign([document])
        if outcome.deferred:
            raise StoreUnavailableError("the message waits until the database can be read")
        kept = self._records(task_id, self._settings.ingress_queue, [document], outcome.parked)
        settlement = self._settlement(outcome, kept)
        settled = self._claims.settle_task(task_id, settlement)
        return self._report("", settled, settlement, kept, outcome)

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Counts:
        """Park the message of a task without working on it."""
        parked = [parked_unread(0, reason, detail, ids_in(document))]
        kept = self._records(task_id, self._settings.ingress_queue, [document], parked)
        settlement = Settlement(parked=outbox_entries(kept))
        return self._report("", self._claims.settle_task(task_id, settlement), settlement, kept)

    def _unpack(self, claim: Claim) -> Unpacked:
        if not claim.lane.of_tasks:
            return Unpacked(claim.documents, list(range(len(claim.documents))), [], [])
        unpacked = Unpacked([], [], [], [])
        size, now = 0, self._clock()
        for place, raw in enumerate(claim.documents):
            if size > MOST_UNPACKED_BYTES:
                for rest in claim.documents[place:]:
                    unpacked.put_off(rest, DEFER_S)
                break
            match self._opener.open_kombu_message(raw):
                case Document(content):
                    unpacked.documents.append(content)
                    unpacked.places.append(place)
                    size += len(content)
                case ForCelery() as task if wait_s := put_off_s(task, now):
                    unpacked.put_off(raw, wait_s)
                case ForCelery() as task:
                    unpacked.for_celery.append(sealed_for_celery(task, self._settings.work_queue))
                case Refused(error):
                    reason = f"{error.field}: {error.reason}"
                    unpacked.refused.append(Parked(place, reason_of(error), reason, (error,)))
        return unpacked

    def _settle(self, claim: Claim, unpacked: Unpacked, outcome: Outcome) -> Counts:
        # A document out of a task message is kept as the document: as such it can be shown, and replayed to the
        # ingress queue. A message that cannot be opened is kept as it is.
        resends = claim.lane is Lane.RESEND
        lane = self._settings.resend_queue if resends else self._settings.ingress_queue
        kept = self._records(claim.id, lane, unpacked.documents, outcome.parked, unpacked.places)
        kept += self._records(claim.id, self._settings.messages_queue, claim.documents, unpacked.refused)
        settlement = self._settlement(outcome, kept, resends=resends)
        settlement.for_celery = unpacked.for_celery
        settlement.deferred = [claim.documents[unpacked.places[index]] for index in outcome.deferred] + unpacked.later
        settlement.deferred_s = min(DEFER_S, unpacked.later_s) if outcome.deferred else unpacked.later_s
        return self._report(claim.id, self._claims.settle(claim.id, settlement), settlement, kept, outcome)

    def _settlement(self, outcome: Outcome, kept: Sequence[ParkedDocument], *, resends: bool = False) -> Settlement:
        window, progress = self._settings.idempotency_window, progress_keys(outcome, self._keys) if resends else ()
        settlement = settlement_of(outcome, kept, self._sealer, window, progress)
        if resends:
            settlement.resends = resend_counts(settlement.progress, kept, self._keys)
        return settlement

    def _records(
        self,
        work_id: str,
        lane: str,
        documents: Sequence[bytes],
        parked: Sequence[Parked],
        places: Sequence[int] | None = None,
    ) -> list[ParkedDocument]:
        now = self._clock()
        return [
            document_to_park(
                entry,
                work_id=f"{work_id}/{places[entry.index] if places else entry.index}",
                lane=lane,
                document=documents[entry.index],
                now=now,
            )
            for entry in parked
        ]

    def _report(
        self,
        claim_id: str,
        settled: Settled | None,
        settlement: Settlement,
        kept: Sequence[ParkedDocument],
        outcome: Outcome | None = None,
    ) -> Counts:
        if settled is None:
            return NOTHING_DONE | {"settled_before": 1}
        self._note(claim_id, settled, settlement, kept)
        if outcome is not None:
            self._monitoring.report(outcome)
        self._parking.keep(kept)
        counts = {"dispatched": settled.dispatched, "parked": len(kept)}
        duplicates = settled.duplicates + settlement.repeats
        rest = {
            "duplicates": duplicates,
            "deferred": len(settlement.deferred),
            "for_celery": len(settlement.for_celery),
        }
        return counts | {name: count for name, count in rest.items() if count}

    @staticmethod
    def _note(claim_id: str, settled: Settled, settlement: Settlement, kept: Sequence[ParkedDocument]) -> None:
        duplicates = settled.duplicates + settlement.repeats
        lane = lane_of(claim_id).counted_as if claim_id else SINGLE
        note_settled(lane, claim_id, dispatched=settled.dispatched, duplicates=duplicates, parked=kept)
        note_deferred(lane, len(settlement.deferred))

    def _give_up(self, claim: Claim) -> Counts:
        """A claim that was begun too often: each document alone once more, and the one to blame is parked."""
        if len(claim.documents) > 1:
            log.warning(LogEvent.CLAIM_SPLIT, claim=claim.id, documents=len(claim.documents), attempts=claim.attempt)
            return NOTHING_DONE | {"split": self._claims.split(claim)}
        detail = f"work on it was begun {claim.attempt - 1} times without coming to an end"
        known = self._ids_of(claim) if claim.attempt == self._settings.claim_attempts + 1 else {}
        parked = [parked_unread(0, ParkReason.RETRIES_EXHAUSTED, detail, known)]
        settings = self._settings
        queues = {Lane.INGRESS: settings.ingress_queue, Lane.RESEND: settings.resend_queue}
        kept = self._records(claim.id, queues.get(claim.lane, settings.messages_queue), claim.documents, parked)
        settlement = Settlement(parked=outbox_entries(kept))
        return self._report(claim.id, self._claims.settle(claim.id, settlement), settlement, kept)

    def _ids_of(self, claim: Claim) -> dict[str, str]:
        """The ids in a claim's only document. They are read once only: the reading may be what never comes to an end."""
        (raw,) = claim.documents
        if not claim.lane.of_tasks:
            return ids_in(raw)
        opened = self._opener.open_kombu_message(raw)
        return ids_in(opened.content) if isinstance(opened, Document) else {}
