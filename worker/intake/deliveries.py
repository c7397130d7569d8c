"""How often a document was delivered, where the queue does not say: only quorum queues count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import redis
import structlog

from core.cache.breaker import Breaker
from worker.handoff.keys import Keys
from worker.rabbitmq_broker.outgoing import AGAIN

log = structlog.get_logger(__name__)

DELIVERY_COUNT = "x-delivery-count"
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
        key = self._stem + hashlib.blake2b(document, digest_size=16).hexdigest()
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, FORGOTTEN_AFTER_S)
                return int(pipe.execute()[0])
        except redis.RedisError as error:
            log.warning("redeliveries_not_counted", error=type(error).__name__)
            self._breaker.trip()
            return 0


def was_redelivered(message: Any) -> bool:
    """Whether it was delivered before, to whomever."""
    told = bool((message.delivery_info or {}).get("redelivered"))
    return told or (message.properties or {}).get("message_id") == AGAIN


def delivered_before(message: Any, document: bytes, count: Callable[[bytes], int]) -> int:
    """How often a message was delivered before this time: as its queue says, else as `count` says."""
    told = (message.headers or {}).get(DELIVERY_COUNT)
    if told is not None:
        return int(told)
    return count(document) if (message.delivery_info or {}).get("redelivered") else 0
