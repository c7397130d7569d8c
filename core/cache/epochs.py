"""Epochs: counters that say which decisions are still good. Kept in SQL, shared by Redis, watched by every process.

One mark stands for all of them: whoever raises an epoch moves the mark. While it stands still, no epoch has changed,
and a process need not ask for any; so a batch that touches 10,000 accounts costs one GET every half second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import redis

from core.cache.breaker import Breaker
from core.errors import EpochPublishError, StoreUnavailableError

#: A change is effective everywhere within one second; half of it is spent here, the rest is left for the trip.
EPOCH_TRUST_S = 0.5
#: An epoch that Redis has forgotten is read from SQL again.
EPOCH_TTL_S = 86_400
#: Scopes that one process remembers before it starts afresh.
MAX_KNOWN_SCOPES = 200_000

# A write publishes after its commit, so two writes may publish in the wrong order: the higher epoch stays.
# The mark is the server's clock, not a counter: a Redis that lost its data cannot come back to an old mark.
_RAISE = """
local raised = 0
for i = 2, #KEYS do
  local known = tonumber(redis.call('GET', KEYS[i]) or '-1')
  if not known or tonumber(ARGV[i]) > known then
    redis.call('SET', KEYS[i], ARGV[i], 'EX', ARGV[1])
    raised = raised + 1
  end
end
if raised > 0 then
  local now = redis.call('TIME')
  redis.call('SET', KEYS[1], now[1] .. '.' .. now[2])
end
return raised
"""


class EpochStore(Protocol):
    """SQL's side of the epochs; may raise StoreUnavailableError."""

    def epochs(self, scopes: Iterable[str]) -> Mapping[str, int]:
        """The epochs of the scopes that have one."""


class RedisEpochs:
    """Epochs in Redis, by scope. It is also the sink to which SQL writes publish theirs."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client, self._prefix = client, prefix
        self._raise = client.register_script(_RAISE)

    def key(self, scope: str) -> str:
        """The Redis key of a scope."""
        return f"{self._prefix}:epoch:{scope}"

    @property
    def mark_key(self) -> str:
        """The Redis key of the mark that moves with every epoch."""
        return f"{self._prefix}:epoch-mark"

    def mark(self) -> bytes | None:
        """The mark, or None where Redis knows none. Raises redis.RedisError."""
        mark: bytes | None = self._client.get(self.mark_key)  # type: ignore[assignment]  # decode_responses is off
        return mark

    def read(self, scopes: Sequence[str]) -> dict[str, int | None]:
        """The epochs as Redis knows them, in one MGET; one that is no number is none. Raises redis.RedisError."""
        values: list[bytes | None] = self._client.mget([self.key(scope) for scope in scopes])  # type: ignore[assignment]
        return {scope: _epoch(value) for scope, value in zip(scopes, values, strict=True)}

    def publish(self, values: Mapping[str, int]) -> int:
        """Raise the epochs to `values`; how many were lower. Raises EpochPublishError; a lost call is repaired from SQL."""
        if not values:
            return 0
        keys = [self.mark_key, *(self.key(scope) for scope in values)]
        try:
            return int(self._raise(keys=keys, args=[EPOCH_TTL_S, *values.values()]))
        except redis.RedisError as error:
            raise EpochPublishError("Redis did not take the new epochs") from error


def _epoch(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() else None


class Epochs:
    """Epochs as one process sees them: from Redis, else from SQL, else the last known."""

    def __init__(
        self,
        shared: RedisEpochs,
        store: EpochStore,
        breaker: Breaker,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared, self._store, self._breaker, self._clock = shared, store, breaker, clock
        self._known: dict[str, tuple[int, int]] = {}
        self._mark: bytes | None = None
        self._generation = 0
        self._checked_at = float("-inf")

    def generation(self) -> int:
        """A number that stays the same as long as no epoch anywhere has changed (looked up every half second)."""
        now = self._clock()
        if now - self._checked_at >= EPOCH_TRUST_S:
            self._checked_at = now
            mark = self._read_mark()
            if mark is None or mark != self._mark:
                self._mark = mark
                self._generation += 1
        return self._generation

    def current(self, scopes: Sequence[str]) -> dict[str, int]:
        """The epoch of each scope as of `generation()`; a scope that nobody has written to has 0."""
        generation = self.generation()
        if len(self._known) > MAX_KNOWN_SCOPES:
            self._known.clear()
        stale = [scope for scope in scopes if self._known.get(scope, (0, -1))[1] != generation]
        if stale:
            self._refresh(stale, generation)
        return {scope: self._known[scope][0] for scope in scopes}

    def _read_mark(self) -> bytes | None:
        if self._breaker.open:
            return None
        try:
            return self._shared.mark()
        except redis.RedisError:
            self._breaker.trip()
            return None

    def _refresh(self, scopes: Sequence[str], generation: int) -> None:
        found = self._from_redis(scopes)
        missing = [scope for scope in scopes if found.get(scope) is None]
        if missing:
            found.update(self._from_store(missing))
        for scope in scopes:
            value = found.get(scope)
            last = self._known.get(scope, (0, -1))[0]
            self._known[scope] = (last if value is None else value, generation)

    def _from_redis(self, scopes: Sequence[str]) -> dict[str, int | None]:
        if self._breaker.open:
            return {}
        try:
            return self._shared.read(scopes)
        except redis.RedisError:
            self._breaker.trip()
            return {}

    def _from_store(self, scopes: Sequence[str]) -> dict[str, int]:
        try:
            stored = self._store.epochs(scopes)
        except StoreUnavailableError:
            return {}
        found = {scope: stored.get(scope, 0) for scope in scopes}
        if not self._breaker.open:
            try:
                self._shared.publish(found)
            except EpochPublishError:
                self._breaker.trip()
        return found
