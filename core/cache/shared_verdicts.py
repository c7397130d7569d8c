"""Verdicts in Redis, where every worker finds them, and the leases by which one worker computes what many want."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import msgspec
import redis
from redis.client import Pipeline

from core.cache.bounds import Bound, bounds_key
from core.cache.breaker import Breaker
from core.cache.verdict import Verdict
from core.engine.decision import Request

DECISION_TTL_S = 900
LEASE_MS = 2_000
#: A shared verdict from further ahead than this is not used: a clock is off, and a rule may turn in between. It is more
#: than a lease, for a batch that waits for another's verdict keeps the time at which it began.
CLOCK_TOLERANCE_S = 5.0

# What Redis holds of the keys; of those that it does not, 1 where the caller now has the lease. MGET takes a few
# thousand keys at a time, for Lua's stack holds no more.
_TAKE = """
local taken = {}
for first = 1, #KEYS, 4000 do
  local last = math.min(first + 3999, #KEYS)
  local held = redis.call('MGET', unpack(KEYS, first, last))
  for i = first, last do
    taken[i] = held[i - first + 1]
    if not taken[i] and redis.call('SET', KEYS[i] .. ':lease', 1, 'NX', 'PX', ARGV[1]) then
      taken[i] = 1
    end
  end
end
return taken
"""


class SharedVerdicts:
    """Verdicts in Redis, and the leases that keep a hundred workers from computing the same one."""

    def __init__(self, client: redis.Redis, prefix: str, breaker: Breaker) -> None:
        self._client, self._prefix, self._breaker = client, prefix, breaker
        self._take = client.register_script(_TAKE)
        self._decoder: msgspec.json.Decoder[Verdict] = msgspec.json.Decoder(Verdict)
        self._encoder = msgspec.json.Encoder()

    def key(self, text: str) -> str:
        """The Redis key of the verdict that `text` stands for."""
        return f"{self._prefix}:decision:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"

    @property
    def away(self) -> bool:
        """Whether Redis is being left alone."""
        return self._breaker.open

    def read(self, keys: Mapping[Request, str], now: float) -> dict[Request, Verdict]:
        """The verdicts that Redis holds and that are good at `now`."""
        if not keys or self.away:
            return {}
        try:
            values = self._client.mget(list(keys.values()))
        except redis.RedisError:
            self._breaker.trip()
            return {}
        return self._good({request: value for request, value in zip(keys, values, strict=True) if value}, now)

    def take(self, keys: Mapping[Request, str], now: float) -> tuple[dict[Request, Verdict], set[Request]]:
        """The same, and those that this process is to compute, in one trip; the rest are being computed elsewhere."""
        if self.away:
            return {}, set(keys)
        try:
            taken: dict[Request, object] = dict(
                zip(keys, self._take(keys=list(keys.values()), args=[LEASE_MS]), strict=True)
            )
        except redis.RedisError:
            self._breaker.trip()
            return {}, set(keys)
        held = {request: value for request, value in taken.items() if isinstance(value, bytes)}
        good = self._good(held, now)
        return good, {request for request, value in taken.items() if value == 1} | (held.keys() - good.keys())

    def _good(self, values: Mapping[Request, bytes | str], now: float) -> dict[Request, Verdict]:
        decoded = ((request, self._decoded(value)) for request, value in values.items())
        latest = now + CLOCK_TOLERANCE_S
        return {
            request: verdict
            for request, verdict in decoded
            if verdict is not None and not verdict.over(now) and verdict.decided_at <= latest
        }

    def _decoded(self, value: bytes | str) -> Verdict | None:
        """None for what this version cannot read, such as a newer worker's reason: it counts as not being there."""
        try:
            return self._decoder.decode(value)
        except ValueError:
            return None

    def leave_out(self, keys: Iterable[str]) -> None:
        """Count verdicts that are not to be shared, and give back their leases."""
        leases = [f"{key}:lease" for key in keys]

        def count(pipe: Pipeline) -> None:
            pipe.delete(*leases)
            pipe.hincrby(bounds_key(self._prefix), Bound.DECISIONS, len(leases))

        self._unless_away(count)

    def write(self, verdicts: Mapping[Request, Verdict], keys: Mapping[Request, str], now: float) -> None:
        """Share verdicts until they end, for a quarter of an hour at most, and give back their leases."""

        def share(pipe: Pipeline) -> None:
            for request, verdict in verdicts.items():
                left = DECISION_TTL_S if verdict.valid_until is None else verdict.valid_until - now
                ttl_ms = max(1, int(min(DECISION_TTL_S, left) * 1000))
                pipe.set(keys[request], self._encoder.encode(verdict), px=ttl_ms)
                pipe.delete(f"{keys[request]}:lease")

        self._unless_away(share)

    def _unless_away(self, fill: Callable[[Pipeline], object]) -> None:
        if self.away:
            return
        try:
            with self._client.pipeline(transaction=False) as pipe:
                fill(pipe)
                pipe.execute()
        except redis.RedisError:
            self._breaker.trip()
