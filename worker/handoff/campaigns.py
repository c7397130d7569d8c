"""Work on campaign batches: chunk by chunk, each settled once, giving way to single messages in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog

from core.campaigns.batch import CHUNK, Batch, CampaignAssigner, decode_batch, part_document
from core.contract.ids import ids_in
from core.encoding import WHOLE_DOCUMENT, ContractError
from core.errors import FieldError, ParkReason, StoreUnavailableError
from core.messages.assigner import Outcome, Parked
from core.moments import rfc3339, utc_now
from core.parked.record import parked_document, parked_id
from core.parked.store import ParkedDocument
from worker.envelopes.opening import Document, ForCelery, Opener, Refused
from worker.envelopes.sealing import Sealer, sealed_for_celery
from worker.handoff.chunks import SETTLED_NOW, Chunk, Chunks, OpenBatch, SettledChunk
from worker.handoff.parking import Parking
from worker.redis_broker.claims import DEFER_S, Claim, Claims, Settlement
from worker.redis_broker.messages import settlement_of
from worker.settings import Settings

log = structlog.get_logger(__name__)


class HandOff(Protocol):
    """How a broker takes the outcome of a chunk."""

    def hand_off(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Hand off and settle. Raises what the broker raises, and StoreUnavailableError; then nothing is settled."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch is worked on under: an id for all attempts, and the claim that must stand, if there is one.

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
        assigner: CampaignAssigner,
        chunks: Chunks,
        hand_off: HandOff,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._assigner, self._chunks, self._hand_off = assigner, chunks, hand_off
        self._settings, self._clock = settings, clock

    def on_document(self, work: Work, document: bytes, *, gives_way: bool = False) -> BatchResult:
        """Work on a batch until it is done or, where it `gives_way`, until single messages wait after a chunk.

        Raises StoreUnavailableError where the rest must wait for SQL.
        """
        try:
            if len(document) > self._settings.batch_max_bytes:
                raise _too_large(document, self._settings.batch_max_bytes)
            batch = decode_batch(document)
        except ContractError as error:
            return BatchResult(self.refuse(work, document, ParkReason.INVALID_MESSAGE, error))
        result, opened = BatchResult(), self._chunks.open_batch(batch)
        for number in range(batch.chunks):
            if work.has_settled(opened.settled.get(number)):
                continue
            waiting = self._on_chunk(work, batch, opened, number, result.counts)
            if gives_way and waiting:
                result.singles_wait, result.done = True, number + 1 == batch.chunks
                break
        return result

    def _on_chunk(self, work: Work, batch: Batch, opened: OpenBatch, number: int, counts: Counter[str]) -> int:
        chunk = _chunk(work, batch, opened.key, number, rfc3339(self._clock()))
        outcome = Outcome() if number in opened.settled else self._assigner.assign(batch, number)
        if outcome.deferred:
            raise StoreUnavailableError("the chunk waits until the database can be read")
        kept = self._kept(work, batch, outcome)
        chunk = replace(chunk, parked_by_reason=Counter(str(entry.reason) for entry in outcome.parked))
        settled = self._hand_off.hand_off(chunk, outcome, kept)
        counts["dispatched"] += settled.dispatched
        counts["duplicates"] += settled.duplicates
        counts["parked"] += len(kept) if settled.outcome == SETTLED_NOW else 0
        return settled.waiting

    def _kept(self, work: Work, batch: Batch, outcome: Outcome) -> list[ParkedDocument]:
        now, lane = self._clock(), self._settings.campaign_ingress_queue
        return [
            parked_document(
                entry,
                work_id=f"{work.id}/{batch.key}",
                lane=lane,
                document=part_document(
                    batch, entry.index, parked_id(f"{work.id}/{batch.key}", entry.index), entry.reason
                ),
                now=now,
            )
            for entry in outcome.parked
        ]

    def refuse(
        self, work: Work, document: bytes, reason: ParkReason, error: ContractError, *, lane: str | None = None
    ) -> Counter[str]:
        """Park a batch as a whole; it counts for its campaign as far as its ids can be read."""
        known = error.known
        entry = Parked(
            0,
            reason,
            str(error),
            error.errors,
            message_id=None,
            account_id=known.get("account_id"),
            subaccount_id=known.get("subaccount_id"),
            campaign_id=known.get("campaign_id"),
            batch_id=known.get("batch_id"),
        )
        from_lane = lane or self._settings.campaign_ingress_queue
        kept = [parked_document(entry, work_id=work.id, lane=from_lane, document=document, now=self._clock())]
        chunk = Chunk(
            batch_key=f"refused:{work.id}",
            number=0,
            of=1,
            recipients=1,
            work_id=work.id,
            claim_id=work.claim_id,
            account_id=known.get("account_id", ""),
            campaign_id=known.get("campaign_id", "") if "account_id" in known else "",
            at=rfc3339(self._clock()),
            parked_by_reason={str(reason): 1},
        )
        self._hand_off.hand_off(chunk, Outcome(), kept)
        return Counter(parked=1)


def _chunk(work: Work, batch: Batch, key: str, number: int, at: str) -> Chunk:
    shared = batch.shared
    return Chunk(
        batch_key=key,
        number=number,
        of=batch.chunks,
        recipients=min(CHUNK, len(batch.rows) - number * CHUNK),
        work_id=work.id,
        claim_id=work.claim_id,
        account_id=shared.account_id,
        campaign_id=shared.campaign_id,
        total_batches=shared.total_batches,
        at=at,
        part_reason=batch.part.reason if batch.part else "",
        redelivered=work.redelivered,
    )


def _too_large(document: bytes, most: int) -> ContractError:
    return ContractError([FieldError(WHOLE_DOCUMENT, f"is {len(document)} bytes long; at most {most} are taken")])


class RedisBatches:
    """Works on claims of campaign batches, and on single tasks that Celery runs by itself, on a Redis broker."""

    def __init__(self, claims: Claims, work: BatchWork, settings: Settings) -> None:
        self._claims, self._work, self._settings = claims, work, settings
        self._opener = Opener(results_kept=settings.result_backend is not None)

    def on_claim(self, claim_id: str) -> Mapping[str, int]:
        """Work on one claim until it is done, must wait for SQL, or gives way to single messages."""
        claim = self._claims.begin(claim_id)
        if claim is None:
            return {"dispatched": 0, "parked": 0, "settled_before": 1}
        if claim.attempt > self._settings.claim_attempts and len(claim.documents) > 1:
            log.warning("claim_split", claim=claim.id, documents=len(claim.documents), attempts=claim.attempt)
            return {"dispatched": 0, "parked": 0, "split": self._claims.split(claim)}
        counts: Counter[str] = Counter(dispatched=0, parked=0)
        try:
            for_celery = self._on_documents(claim, counts)
        except StoreUnavailableError:
            self._claims.postpone(claim, DEFER_S)
            return counts | {"postponed": 1}
        if counts["yielded"]:
            self._claims.postpone(claim)
            return counts
        self._claims.settle(claim.id, Settlement(for_celery=for_celery))
        return counts

    def _on_documents(self, claim: Claim, counts: Counter[str]) -> list[bytes]:
        for_celery: list[bytes] = []
        for place, raw in enumerate(claim.documents):
            work = Work(_document_id(claim, place), claim.id)
            match self._opener.open_kombu_message(raw) if claim.lane.of_tasks else Document(raw):
                case ForCelery() as task:
                    for_celery.append(sealed_for_celery(task, self._settings.work_queue))
                    continue
                case Refused(refused):
                    error, lane = ContractError([refused]), self._settings.campaigns_queue
                    counts.update(self._work.refuse(work, raw, ParkReason.INVALID_MESSAGE, error, lane=lane))
                    continue
                case Document(document):
                    result = self._on_document(claim, work, document)
            counts.update(result.counts)
            if not result.done or (result.singles_wait and place + 1 < len(claim.documents)):
                counts["yielded"] = 1
                break
        return for_celery

    def _on_document(self, claim: Claim, work: Work, document: bytes) -> BatchResult:
        if claim.attempt > self._settings.claim_attempts:
            reason = f"work on it was begun {claim.attempt - 1} times without coming to an end"
            # Tried once: the reading of it may be what never comes to an end.
            known = ids_in(document) if claim.attempt == self._settings.claim_attempts + 1 else {}
            error = ContractError([FieldError(WHOLE_DOCUMENT, reason)], known)
            return BatchResult(self._work.refuse(work, document, ParkReason.RETRIES_EXHAUSTED, error))
        return self._work.on_document(work, document, gives_way=True)

    def on_task(self, task_id: str, document: bytes) -> Mapping[str, int]:
        """Work on the batch of one task that Celery runs. Raises StoreUnavailableError where it must wait."""
        return {"dispatched": 0, "parked": 0} | self._work.on_document(Work(task_id), document).counts

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Mapping[str, int]:
        """Park the batch of a task without working on it."""
        error = ContractError([FieldError(WHOLE_DOCUMENT, detail)], ids_in(document))
        return {"dispatched": 0} | self._work.refuse(Work(task_id), document, reason, error)


def _document_id(claim: Claim, place: int) -> str:
    """The id of the work on one document of a claim: the same before and after the claim is split."""
    return claim.id if "." in claim.id else f"{claim.id}.{place + 1}"


class RedisHandOff:
    """Hands off chunks on a Redis broker: messages, parked records and counts in one script."""

    def __init__(self, chunks: Chunks, parking: Parking, settings: Settings) -> None:
        self._chunks, self._parking = chunks, parking
        self._sealer = Sealer(settings.dispatch_queue)
        self._window = settings.idempotency_window

    def hand_off(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Hand off and settle; then take what was parked to its store."""
        settlement = settlement_of(outcome, kept, self._sealer, self._window)
        settled = self._chunks.settle_chunk(chunk, settlement)
        if settled.outcome == SETTLED_NOW:
            self._parking.keep(kept)
        return settled
