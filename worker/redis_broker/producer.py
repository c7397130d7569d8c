"""Documents onto a Redis list."""

from __future__ import annotations

from collections.abc import Sequence

import redis


class RedisProducer:
    """Bare documents on a Redis list, the oldest at its right end. May raise redis.RedisError."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        """One LPUSH."""
        if documents:
            self._client.lpush(queue, *documents)

    def waiting(self, queue: str) -> int:
        """The length of the list."""
        return int(self._client.llen(queue))
