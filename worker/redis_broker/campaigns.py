"""Campaign batches on Redis: claimed like single messages, and giving way to them after every chunk."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import structlog

from core.contract.ids import ids_in
from core.encoding import WHOLE_DOCUMENT, ContractError
from core.errors import FieldError, ParkReason, StoreUnavailableError
from core.messages.assigner import Outcome
from core.metrics.catalogue import CAMPAIGN
from core.moments import utc_now
from core.parked.store import ParkedDocument
from core.process.log_events import LogEvent
from worker.envelopes.opening import Document, ForCelery, Opener, Refused
from worker.envelopes.sealing import Sealer, sealed_for_celery
from worker.handoff.broker import Counts, PoolWork
from worker.handoff.campaigns import NOTHING_DONE, BatchAttempt, BatchResult, BatchWork, CampaignTasks
from worker.handoff.chunks import SETTLED_NOW, Chunk, Chunks, SettledChunk
from worker.handoff.large_work import LARGE_WORK
from worker.handoff.settlement import DEFER_S, Settlement, settlement_of
from worker.handoff.tallies import note_begun
from worker.redis_broker.claims import Claim, Claims, is_of_newer_version
from worker.redis_broker.later import put_off_s
from worker.redis_broker.parking import Parking
from worker.settings import Settings

log = structlog.get_logger(__name__)


class RedisHandOff:
    """Hands off chunks on a Redis broker: messages, parked records and counts in one script."""

    def __init__(self, chunks: Chunks, parking: Parking, settings: Settings) -> None:
        self._chunks, self._parking = chunks, parking
        self._sealer = Sealer(settings.dispatch_queue)
        self._window = settings.idempotency_window

    def same_work(self, attempt: BatchAttempt, content: str) -> BatchAttempt:  # noqa: ARG002  # a claim keeps its id
        """The attempt as it is: a claim has the same id at every attempt."""
        return attempt

    def hand_off(self, chunk: Chunk, outcome: Outcome, kept: list[ParkedDocument]) -> SettledChunk:
        """Hand off and settle; then take what was parked to its store."""
        settlement = settlement_of(outcome, kept, self._sealer, self._window)
        settled = self._chunks.settle_chunk(chunk, settlement)
        if settled.outcome == SETTLED_NOW:
            self._parking.keep(kept)
        return settled


class RedisBatches(CampaignTasks):
    """Works on claims of campaign batches, and on single tasks that Celery runs by itself, on a Redis broker."""

    def __init__(
        self, claims: Claims, work: BatchWork, settings: Settings, clock: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__(work)
        self._claims, self._settings, self._clock = claims, settings, clock
        self._opener = Opener.of(settings, document_bytes=settings.batch_max_bytes, before_large=LARGE_WORK.take)

    def on_work(self, work: PoolWork) -> Counts:
        """Work on one claim until it is done, must wait for SQL, or gives way to single messages."""
        if is_of_newer_version(work.id):
            return NOTHING_DONE | {"left_to_newer": 1}
        claim = self._claims.begin(work.id)
        if claim is None:
            return NOTHING_DONE | {"settled_before": 1}
        note_begun(CAMPAIGN, len(claim.documents), claim.attempt)
        if claim.attempt > self._settings.claim_attempts and len(claim.documents) > 1:
            log.warning(LogEvent.CLAIM_SPLIT, claim=claim.id, documents=len(claim.documents), attempts=claim.attempt)
            return NOTHING_DONE | {"split": self._claims.split(claim)}
        counts: Counter[str] = Counter(dispatched=0, parked=0)
        try:
            settlement = self._on_documents(claim, counts)
        except StoreUnavailableError:
            self._claims.postpone(claim, DEFER_S)
            return counts | {"postponed": 1}
        if counts["yielded"]:
            self._claims.postpone(claim)
            return counts
        self._claims.settle(claim.id, settlement)
        return counts

    def _on_documents(self, claim: Claim, counts: Counter[str]) -> Settlement:
        """Work on the documents of a claim, and add to `counts`; gives the tasks that are for Celery, now or later."""
        rest, now = Settlement(deferred_s=math.inf), self._clock()
        for place, raw in enumerate(claim.documents):
            attempt = BatchAttempt(_document_id(claim, place), claim.id)
            match self._opener.open_kombu_message(raw) if claim.lane.of_tasks else Document(raw):
                case ForCelery() as task if wait_s := put_off_s(task, now):
                    rest.deferred.append(raw)
                    rest.deferred_s = min(wait_s, rest.deferred_s)
                    continue
                case ForCelery() as task:
                    rest.for_celery.append(sealed_for_celery(task, self._settings.work_queue))
                    continue
                case Refused(error):
                    counts.update(self._refuse(attempt, raw, error))
                    continue
                case Document(document):
                    result = self._on_document(claim, attempt, document)
            counts.update(result.counts)
            if not result.done or (result.singles_wait and place + 1 < len(claim.documents)):
                counts["yielded"] = 1
                break
        return rest if rest.deferred else Settlement(for_celery=rest.for_celery)

    def _refuse(self, attempt: BatchAttempt, raw: bytes, error: FieldError) -> Counter[str]:
        """Park a task message that cannot be opened, as it is."""
        lane = self._settings.campaigns_queue
        return self._work.refuse(attempt, raw, ParkReason.INVALID_MESSAGE, ContractError([error]), lane=lane)

    def _on_document(self, claim: Claim, attempt: BatchAttempt, document: bytes) -> BatchResult:
        if claim.attempt > self._settings.claim_attempts:
            reason = f"work on it was begun {claim.attempt - 1} times without coming to an end"
            # Its ids are read once only: the reading may be what never comes to an end.
            known = ids_in(document) if claim.attempt == self._settings.claim_attempts + 1 else {}
            error = ContractError([FieldError(WHOLE_DOCUMENT, reason)], known)
            return BatchResult(self._work.refuse(attempt, document, ParkReason.RETRIES_EXHAUSTED, error))
        return self._work.on_document(attempt, document, gives_way=True)


def _document_id(claim: Claim, place: int) -> str:
    """The id of the work on one document of a claim: the same before and after the claim is split."""
    return claim.id if "." in claim.id else f"{claim.id}.{place + 1}"
