"""How often a document was delivered, where the queue does not say: only quorum queues count."""

from __future__ import annotations

from collections.abc import Callable

import redis
import structlog

from core.cache.breaker import Breaker
from core.process.log_events import LogEvent
from worker.handoff.keys import Keys, content_key
from worker.rabbitmq_broker.deliveries import Delivery

log = structlog.get_logger(__name__)

#: A document that is not delivered again for so long is forgotten.
FORGOTTEN_AFTER_S = 3600


class DeliveryCounts:
    """Counts redeliveries by what the document says, in Redis, so that the count outlives the worker.

    With Redis away nothing is counted: then a document that kills its worker may do so again.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client, self._stem, self._breaker = client, Keys(prefix).redelivered_stem, Breaker()

    def count(self, document: bytes) -> int:
        """One more redelivery of `document`; gives how many there were."""
        if self._breaker.open:
            return 0
        key = self._stem + content_key(document)
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, FORGOTTEN_AFTER_S)
                return int(pipe.execute()[0])
        except redis.RedisError as error:
            log.warning(LogEvent.REDELIVERIES_NOT_COUNTED, error=type(error).__name__)
            self._breaker.trip()
            return 0


def delivered_before(delivery: Delivery, document: bytes, count: Callable[[bytes], int]) -> int:
    """How often a message was delivered before this time: as its queue says, else as `count` says."""
    if not delivery.redelivered:
        return 0
    told = delivery.times_before
    return count(document) if told is None else told
