"""A token bucket for each account, in this process: so many requests a minute, all of them at once if they like."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

#: Accounts remembered; one that is forgotten begins with a full bucket, as it would after a minute's rest.
MAX_ACCOUNTS = 100_000


class RateLimiter:
    """Counts the requests of accounts; `per_minute` 0 counts nothing. Safe to share between threads."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._clock, self._lock = float(per_minute), clock, Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, account_id: str) -> int:
        """0 where the account may go on, which takes a token; else the whole seconds until it has one."""
        if not self._size:
            return 0
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.pop(account_id, (self._size, now))
            tokens = min(self._size, tokens + (now - at) * self._size / 60)
            self._buckets[account_id] = (tokens - 1 if tokens >= 1 else tokens, now)
            if len(self._buckets) > MAX_ACCOUNTS:
                self._buckets.popitem(last=False)
        return 0 if tokens >= 1 else math.ceil((1 - tokens) * 60 / self._size)
