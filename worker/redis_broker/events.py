"""Events on a Redis list."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import redis

from worker.envelopes.sealing import Sealer
from worker.handoff.event_outbox import WaitingEvent
from worker.handoff.scripts import Scripts
from worker.settings import Settings


class RedisEvents:
    """Events as kombu messages on a Redis list. Every method may raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._queue, self._longest = client, settings.events_queue, settings.events_max_length
        self._sealer, self._scripts = Sealer(settings.events_queue), Scripts(client, settings)

    def send(self, events: Sequence[bytes]) -> None:
        """All of them, or none."""
        if not events:
            return
        sealed = self._sealer.seal(events, [uuid.uuid4().hex.encode() for _ in events])
        with self._client.pipeline(transaction=True) as pipe:
            pipe.lpush(self._queue, *sealed)
            pipe.ltrim(self._queue, 0, self._longest - 1)
            pipe.execute()

    def send_waiting(self, events: Sequence[WaitingEvent]) -> None:
        """From the outbox to the queue in one step, each once."""
        ids = [event.id.encode() for event in events]
        sealed = self._sealer.seal([event.document for event in events], ids)
        pairs = zip((event.record for event in events), sealed, strict=True)
        self._scripts.run_bare("send_events", *(part for pair in pairs for part in pair))
