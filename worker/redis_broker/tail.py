"""The oldest end of a Redis list of kombu messages."""

from __future__ import annotations

import uuid
from typing import Any

import redis

from core.errors import ConflictError
from worker.envelopes.kombu_messages import document_in
from worker.handoff.keys import Keys
from worker.handoff.tail import Pieces, pieces
from worker.settings import Settings

#: How long a drain that says nothing is taken to be alive.
HOLD_S = 30

# KEYS: 1 queue, 2 held by the drain. ARGV: how many. The oldest of a queue is at its right end, and so is it here.
_TAKE = """
local taken = redis.call('LRANGE', KEYS[1], -ARGV[1], -1)
if #taken > 0 then
  redis.call('LTRIM', KEYS[1], 0, -ARGV[1] - 1)
  redis.call('RPUSH', KEYS[2], unpack(taken))
end
return taken
"""

# KEYS: 1 queue, 2 held by the drain.
_GIVE_BACK = """
local held = redis.call('LRANGE', KEYS[2], 0, -1)
if #held > 0 then
  redis.call('RPUSH', KEYS[1], unpack(held))
  redis.call('DEL', KEYS[2])
end
return #held
"""

# KEYS: 1 lock. ARGV: owner.
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisTail:
    """A Redis list of kombu messages; one drain of a queue at a time. May raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings, queue: str) -> None:
        self._client, self._queue = client, queue
        keys = Keys(settings.key_prefix)
        self._held, self._lock = keys.drained(queue), keys.drain_lock(queue)
        self._owner = uuid.uuid4().hex
        self._take = client.register_script(_TAKE)
        self._give_back = client.register_script(_GIVE_BACK)
        self._unlock = client.register_script(_UNLOCK)

    def peek(self, count: int | None) -> Pieces:
        """Reads ranges; what is consumed meanwhile may make it skip some."""
        for start, wanted in pieces(count):
            piece = self._range(-start - wanted, -start - 1)
            if piece:
                yield [document_in(message) for message in reversed(piece)]
            if len(piece) < wanted:
                return

    def drain(self, count: int | None) -> Pieces:
        """What a drain that was killed still held comes first. Raises ConflictError while another drain runs."""
        if not self._client.set(self._lock, self._owner, nx=True, ex=HOLD_S):
            raise ConflictError(
                f"{self._queue} is being drained already; a drain that was killed is over in {HOLD_S} s"
            )
        keys = [self._queue, self._held]
        try:
            self._give_back(keys=keys)
            for _, wanted in pieces(count):
                taken: Any = self._take(keys=keys, args=[wanted])
                if taken:
                    yield [document_in(message) for message in reversed(taken)]
                    self._let_go()
                if len(taken) < wanted:
                    return
        finally:
            self._give_back(keys=keys)
            self._unlock(keys=[self._lock], args=[self._owner])

    def _let_go(self) -> None:
        """Forget the piece that was shown, and say that this drain lives."""
        with self._client.pipeline() as pipe:
            pipe.delete(self._held)
            pipe.expire(self._lock, HOLD_S)
            pipe.execute()

    def _range(self, start: int, end: int) -> list[Any]:
        found: Any = self._client.lrange(self._queue, start, end)
        return list(found)
