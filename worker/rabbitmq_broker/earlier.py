"""Under which id a document was parked before, where the broker delivers it once more.

RabbitMQ gives a delivery no name that outlives it. So whoever parks a document notes its id in Redis, by what the document
says, before it is stored; a redelivery takes the id from there, and is the same entry of the store, with the same notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import redis
import structlog

from core.cache.breaker import Breaker
from core.parked.store import ParkedDocument
from core.process.log_events import LogEvent
from worker.handoff.keys import Keys, content_key
from worker.settings import Settings

log = structlog.get_logger(__name__)

#: A document that does not come again within this time is not a redelivery any more.
NOTED_FOR = timedelta(hours=1)


class EarlierWork:
    """Ids by content. With Redis away nothing is known: what was parked just before a crash is then parked once more."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._keys, self._breaker = client, Keys(settings.key_prefix), Breaker()

    def find(self, contents: Sequence[str]) -> list[str | None]:
        """The ids that were noted for these contents."""
        if not contents or self._breaker.open:
            return [None] * len(contents)
        try:
            found: list[bytes | None] = self._client.mget([self._keys.parked_as(key) for key in contents])  # type: ignore[assignment]
        except redis.RedisError as error:
            self._trip(error)
            return [None] * len(contents)
        return [value.decode() if value else None for value in found]

    def note(self, ids: Mapping[str, str]) -> None:
        """Note the ids of contents that are about to be parked."""
        if not ids or self._breaker.open:
            return
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for key, noted in ids.items():
                    pipe.set(self._keys.parked_as(key), noted, ex=NOTED_FOR)
                pipe.execute()
        except redis.RedisError as error:
            self._trip(error)

    def same(self, parked: Sequence[ParkedDocument], came_again: Sequence[bool]) -> list[ParkedDocument]:
        """Documents that are about to be parked, those that came again under the id that they had before."""
        keys = _keys_of(parked)
        again = [key for key, came in zip(keys, came_again, strict=True) if came]
        known = {key: found for key, found in zip(again, self.find(again), strict=True) if found}
        same = [
            replace(entry, parked_id=known.get(key, entry.parked_id)) for key, entry in zip(keys, parked, strict=True)
        ]
        self.note({key: entry.parked_id for key, entry in zip(keys, same, strict=True)})
        return same

    def _trip(self, error: redis.RedisError) -> None:
        log.warning(LogEvent.EARLIER_WORK_NOT_KNOWN, error=type(error).__name__)
        self._breaker.trip()


def _keys_of(parked: Sequence[ParkedDocument]) -> list[str]:
    """The contents by their keys; of equal ones each has its number."""
    seen: Counter[str] = Counter()
    keys = []
    for entry in parked:
        key = content_key(entry.document)
        keys.append(f"{key}/{seen[key]}")
        seen[key] += 1
    return keys
