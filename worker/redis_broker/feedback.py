"""Receipts on a Redis list: claimed like messages, and counted in the script that ends their claim, so exactly once."""

from __future__ import annotations

import uuid

import redis

from core.errors import StoreUnavailableError
from worker.handoff.feedback import BYTES_AT_ONCE, DOCUMENTS_AT_ONCE, FeedbackReader
from worker.handoff.keys import Keys
from worker.handoff.script_headers import FeedbackSettleHeader, FeedbackTakeHeader
from worker.handoff.scripts import Scripts
from worker.handoff.settlement import outbox_entries
from worker.redis_broker.parking import Parking
from worker.settings import Settings


class RedisFeedback:
    """The feedback lane on Redis. May raise redis.RedisError and StoreUnavailableError."""

    def __init__(self, client: redis.Redis, reader: FeedbackReader, parking: Parking, settings: Settings) -> None:
        self._client, self._reader, self._parking = client, reader, parking
        self._queue, self._attempts = settings.feedback_queue, settings.claim_attempts
        self._scripts, self._keys = Scripts(client, settings), Keys(settings.key_prefix)

    def work(self, wait_s: float) -> int:
        """Count the receipts of one claim; where nothing waits, wait for something."""
        claim_id = f"feedback-{uuid.uuid4().hex}"
        taken = self._scripts.run(FeedbackTakeHeader(claim_id, DOCUMENTS_AT_ONCE, BYTES_AT_ONCE))
        if not taken:
            # Moving a list's last element to its own end changes nothing, waits for one, and cannot lose it.
            self._client.blmove(self._queue, self._queue, wait_s, "RIGHT", "RIGHT")  # type: ignore[arg-type]  # a fraction
            return 0
        claim_id, attempt, documents = taken[0].decode(), int(taken[1]), taken[2]
        if attempt > self._attempts:
            read = self._reader.exhausted(claim_id, documents, attempt - 1)
        else:
            read = self._reader.read(claim_id, documents)
        entries = outbox_entries(read.parked)
        try:
            additions = self._reader.additions(read.outcomes)
        except StoreUnavailableError:
            self._put_off(claim_id)
            raise
        header = FeedbackSettleHeader(claim_id, additions, len(entries))
        settled = self._scripts.run(header, *(part for entry in entries for part in entry))
        if settled:
            self._reader.note(read)
            if read.parked:
                self._parking.keep(read.parked)
        return len(documents)

    def _put_off(self, claim_id: str) -> None:
        """Have a claim that waits for SQL taken up again at once, as no failure."""
        self._client.hdel(self._keys.feedback_attempts, claim_id)
        self._client.zadd(self._keys.feedback_claims, {claim_id: 0}, xx=True)

    def close(self) -> None:
        """Nothing: a claim that was not settled is taken up after its deadline."""
