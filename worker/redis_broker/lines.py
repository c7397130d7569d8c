"""Lines: the claims into which long queues of single messages are parted by account, so that none holds up another.

`part.lua` makes them, and `claim.lua` lets the accounts that have one take turns with all others. What waits in a line is a
claim like any other, under a deadline that is far away.
"""

from __future__ import annotations

from itertools import chain

import redis

from worker.handoff.keys import Keys


def waiting_in_lines(client: redis.Redis, keys: Keys, lane: str) -> int:
    """How many documents of a lane wait in lines, those that workers take up at the moment left out. May raise redis.RedisError."""
    accounts: list[bytes] = client.lrange(keys.lines(lane), 0, -1)  # type: ignore[assignment]  # decode_responses is off
    stem = keys.line_stem(lane).encode()
    with client.pipeline(transaction=False) as pipe:
        for account in (b"", *accounts):
            pipe.lrange(stem + account, 0, -1)
        for claim_id in chain.from_iterable(pipe.execute()):
            pipe.llen(keys.claim(claim_id.decode()))
        return sum(pipe.execute())
