"""What is published of senders, read by every decision: the same on all workers, however far each has counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec
import redis

from core.cache.breaker import Breaker
from core.sender import Evidence
from core.trust.keys import TrustKeys

#: What is published of the senders of one owner in one country, by their `sender_name`.
ByName = Mapping[str, Evidence]


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is published of one sender in one country. `as_of` is Unix time in seconds; else as `Evidence`."""

    trust: int | None
    unhealthy: bool
    delivered: float
    messages: int
    as_of: float
    span: str = "days"

    @property
    def evidence(self) -> Evidence:
        """The same as a decision looks at it."""
        as_of = datetime.fromtimestamp(int(self.as_of), UTC)
        return Evidence(self.trust, self.unhealthy, self.delivered, self.messages, self.span, as_of)


_decode = msgspec.json.Decoder(Published).decode


def decoded(record: bytes | None) -> Published | None:
    """A record as it stands in Redis; None where there is none, or one that a newer version wrote."""
    if record is None:
        return None
    try:
        return _decode(record)
    except ValueError:
        return None


class RedisEvidence:
    """Evidence out of Redis, for decisions. Total: with Redis away it gives None, and leaves Redis alone for a while."""

    def __init__(self, client: redis.Redis, prefix: str, breaker: Breaker | None = None) -> None:
        self._client, self._keys, self._breaker = client, TrustKeys(prefix), breaker or Breaker()

    def find(self, wanted: Collection[tuple[str | None, str]]) -> dict[tuple[str | None, str], ByName] | None:
        """What is published of the senders of each owner in each country, in one trip; None where Redis is away."""
        if self._breaker.open:
            return None
        asked = list(wanted)
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for owner, country in asked:
                    pipe.hgetall(self._keys.published(owner, country))
                found: list[dict[bytes, bytes]] = pipe.execute()
        except redis.RedisError:
            self._breaker.trip()
            return None
        return {
            place: {
                name.decode(): record.evidence for name, raw in fields.items() if (record := decoded(raw)) is not None
            }
            for place, fields in zip(asked, found, strict=True)
            if fields
        }
