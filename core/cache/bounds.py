"""What one account may have kept in a day, and how often a bound was met: counted in Redis, by all processes together."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import redis


class Bound(StrEnum):
    """A bound, by the name under which what it left out is counted.

    `decisions`: decisions that were made and not kept; `campaigns`: recipients of campaigns that were sent and not counted;
    `parked`: the oldest parked documents of an account, which went.
    """

    DECISIONS = "decisions"
    CAMPAIGNS = "campaigns"
    PARKED = "parked"


def bounds_key(prefix: str) -> str:
    """The Redis hash of how much each bound has left out since this Redis began."""
    return f"{prefix}:bounds"


def left_out(prefix: str, servers: Iterable[redis.Redis]) -> dict[Bound, int]:
    """How much each bound has left out, in these Redis servers together. Raises redis.RedisError."""
    counts = dict.fromkeys(Bound, 0)
    for client in servers:
        found: dict[bytes, bytes] = client.hgetall(bounds_key(prefix))  # type: ignore[assignment]  # decode_responses is off
        for bound in Bound:
            counts[bound] += int(found.get(bound.encode(), 0))
    return counts
