"""Events on a Redis list."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import redis

from worker.envelopes.sealing import Sealer
from worker.settings import Settings


class RedisEvents:
    """Events as kombu messages on a Redis list."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._queue, self._longest = client, settings.events_queue, settings.events_max_length
        self._sealer = Sealer(settings.events_queue)

    def send(self, events: Sequence[bytes]) -> None:
        """All of them, or none. Raises redis.RedisError."""
        if not events:
            return
        sealed = self._sealer.seal(events, [uuid.uuid4().hex.encode() for _ in events])
        with self._client.pipeline(transaction=True) as pipe:
            pipe.lpush(self._queue, *sealed)
            pipe.ltrim(self._queue, 0, self._longest - 1)
            pipe.execute()
