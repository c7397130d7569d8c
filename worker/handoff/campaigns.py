"""Work on campaign batches: chunk by chunk, each settled once, giving way to single messages in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog

from core.campaigns.assigning import assign_chunk, part_document
from core.campaigns.batch import CHUNK, Batch, decode_batch
from core.contract.ids import MessageIds, ids_in
from core.encoding import WHOLE_DOCUMENT, ContractError, too_large
from core.errors import FieldError, ParkReason, StoreUnavailableError
from core.messages.assigner import Assigner, Outcome, Parked
from core.metrics.catalogue import CAMPAIGN
from core.moments import rfc3339, utc_now
from core.parked.record import document_to_park, parked_id
from core.parked.store import ParkedDocument
from core.process.log_events import LogEvent
from core.process.seldom import Seldom
from worker.handoff.broker import Counts
from worker.handoff.chunks import SETTLED_NOW, Chunk, Chunks, OpenBatch, SettledChunk
from worker.handoff.keys import content_key
from worker.handoff.monitoring import Monitoring, Unmonitored
from worker.handoff.tallies import note_settled
from worker.settings import Settings

log = structlog.get_logger(__name__)
_UNMONITORED = Unmonitored()

NOTHING_DONE: dict[str, int] = {"dispatched": 0, "parked": 0}


class HandOff(Protocol):
    """How a broker takes the outcome of a chunk."""

    def same_work(self, attempt: BatchAttempt, content: str) -> BatchAttempt:
        """The attempt under the id that earlier attempts at a document of this content had, as far as is known."""

    def hand_off(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Hand off and settle. Raises what the broker raises, and StoreUnavailableError; then nothing is settled."""


class Events(Protocol):
    """Events that wait in the outbox."""

    def flush_or_wait(self) -> None:
        """Send what waits, or leave it to housekeeping."""


@dataclass(frozen=True, slots=True)
class BatchAttempt:
    """One attempt to work on a batch: under an id that all attempts share, and a claim that must stand, if there is one.

    `redelivered`: the broker has delivered the batch before, under an id that nobody knows any more.
    """

    id: str
    claim_id: str = ""
    redelivered: bool = False

    def has_settled(self, owner: str | None) -> bool:
        """Whether a chunk that `owner` settled (None: nobody) was settled by an attempt of this work."""
        return owner is not None and (self.redelivered or owner == self.id)


@dataclass(slots=True)
class BatchResult:
    """What came of a batch: counts, whether its end was reached, and whether single messages wait for their turn."""

    counts: Counter[str] = field(default_factory=Counter)
    done: bool = True
    singles_wait: bool = False


class BatchWork:
    """Works on one batch, chunk by chunk."""

    def __init__(
        self,
        assigner: Assigner,
        chunks: Chunks,
        hand_off: HandOff,
        events: Events,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        monitoring: Monitoring = _UNMONITORED,
    ) -> None:
        self._monitoring = monitoring
        self._assigner, self._chunks, self._hand_off, self._events = assigner, chunks, hand_off, events
        self._settings, self._clock = settings, clock
        self._log_again = Seldom()

    def on_document(self, attempt: BatchAttempt, document: bytes, *, gives_way: bool = False) -> BatchResult:
        """Work on a batch until it is done or, where it `gives_way`, until single messages wait after a chunk.

        Raises StoreUnavailableError where the rest must wait for SQL.
        """
        try:
            if len(document) > self._settings.batch_max_bytes:
                raise too_large(document, self._settings.batch_max_bytes)
            batch = decode_batch(document)
        except ContractError as error:
            return BatchResult(self.refuse(attempt, document, ParkReason.INVALID_MESSAGE, error))
        attempt = self._hand_off.same_work(attempt, batch.key)
        result, opened = BatchResult(), self._chunks.open_batch(batch)
        for number in range(batch.chunks):
            if attempt.has_settled(opened.settled.get(number)):
                continue
            waiting = self._on_chunk(attempt, batch, opened, number, result.counts)
            if gives_way and waiting:
                result.singles_wait, result.done = True, number + 1 == batch.chunks
                break
        return result

    def _on_chunk(
        self, attempt: BatchAttempt, batch: Batch, opened: OpenBatch, number: int, counts: Counter[str]
    ) -> int:
        chunk = _chunk(attempt, batch, opened.key, number, rfc3339(self._clock()))
        outcome = Outcome() if number in opened.settled else assign_chunk(self._assigner, batch, number)
        if outcome.deferred:
            raise StoreUnavailableError("the chunk waits until the database can be read")
        kept = self._kept(attempt, batch, outcome)
        by_reason = Counter(str(entry.reason) for entry in outcome.parked)
        exists = ParkReason.UNKNOWN_ACCOUNT not in by_reason
        chunk = replace(chunk, parked_by_reason=by_reason, account_exists=exists)
        settled = self._settle(chunk, outcome, kept)
        counts["dispatched"] += settled.dispatched
        counts["duplicates"] += settled.duplicates
        counts["parked"] += len(kept) if settled.outcome == SETTLED_NOW else 0
        return settled.waiting

    def _kept(self, attempt: BatchAttempt, batch: Batch, outcome: Outcome) -> list[ParkedDocument]:
        now, lane = self._clock(), self._settings.campaign_ingress_queue
        return [
            document_to_park(
                entry,
                work_id=f"{attempt.id}/{batch.key}",
                lane=lane,
                document=part_document(
                    batch, entry.index, parked_id(f"{attempt.id}/{batch.key}", entry.index), entry.reason
                ),
                now=now,
            )
            for entry in outcome.parked
        ]

    def refuse(
        self,
        attempt: BatchAttempt,
        document: bytes,
        reason: ParkReason,
        error: ContractError,
        *,
        lane: str | None = None,
    ) -> Counter[str]:
        """Park a batch as a whole; it counts for its campaign as far as its ids can be read."""
        known, content = error.known, content_key(document)
        attempt = self._hand_off.same_work(attempt, content)
        ids = replace(MessageIds(**known), message_id=None, country=None)
        entry = Parked(0, reason, str(error), error.errors, ids)
        from_lane = lane or self._settings.campaign_ingress_queue
        kept = [document_to_park(entry, work_id=attempt.id, lane=from_lane, document=document, now=self._clock())]
        chunk = Chunk(
            batch_key=f"refused:{attempt.id}",
            number=0,
            of=1,
            recipients=1,
            work_id=attempt.id,
            claim_id=attempt.claim_id,
            account_id=known.get("account_id", ""),
            campaign_id=known.get("campaign_id", "") if "account_id" in known else "",
            at=rfc3339(self._clock()),
            parked_by_reason={str(reason): 1},
            content=content,
            account_exists=False,
        )
        self._settle(chunk, Outcome(), kept)
        return Counter(parked=1)

    def _settle(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Hand off a chunk; where the campaign is complete with it, the event that says so goes out at once."""
        settled = self._hand_off.hand_off(chunk, outcome, kept)
        if settled.outcome == SETTLED_NOW:
            self._monitoring.report(outcome)
        note_settled(
            CAMPAIGN,
            chunk.work_id,
            dispatched=settled.dispatched,
            duplicates=settled.duplicates,
            parked=kept if settled.outcome == SETTLED_NOW else (),
        )
        if settled.completed:
            self._events.flush_or_wait()
        if settled.not_counted and self._log_again.first(owner := chunk.account_id if chunk.account_exists else ""):
            log.warning(LogEvent.CAMPAIGNS_NOT_COUNTED, account_id=owner, most_a_day=self._settings.campaigns_a_day)
        return settled


def _chunk(attempt: BatchAttempt, batch: Batch, key: str, number: int, at: str) -> Chunk:
    shared = batch.shared
    return Chunk(
        batch_key=key,
        number=number,
        of=batch.chunks,
        recipients=min(CHUNK, len(batch.rows) - number * CHUNK),
        work_id=attempt.id,
        claim_id=attempt.claim_id,
        account_id=shared.account_id,
        campaign_id=shared.campaign_id,
        total_batches=shared.total_batches,
        at=at,
        part_reason=batch.part.reason if batch.part else "",
        redelivered=attempt.redelivered,
        content=batch.key,
    )


class CampaignTasks:
    """Batches that stand in the arguments of a Celery task, on either broker."""

    def __init__(self, work: BatchWork) -> None:
        self._work = work

    def on_task(self, task_id: str, document: bytes) -> Counts:
        """Work on the batch of one task that Celery runs. Raises StoreUnavailableError where it must wait for SQL."""
        return NOTHING_DONE | self._work.on_document(BatchAttempt(task_id), document).counts

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Counts:
        """Park the batch of a task without working on it."""
        error = ContractError([FieldError(WHOLE_DOCUMENT, detail)], ids_in(document))
        return {"dispatched": 0} | self._work.refuse(BatchAttempt(task_id), document, reason, error)
