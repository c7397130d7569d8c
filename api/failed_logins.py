"""Wrong keys: counted across processes, logged, and refused unread where there are too many of them.

Keys made here cannot be guessed, but keys of an inventory file can be short, and a thousand wrong ones in a second are
work for SQL and lines for nobody. Failures are counted in Redis by account and address, and by address alone; a process
remembers what it was told, so that a flood costs it no trip. While Redis is away each process counts for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

import redis
import structlog

from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

WINDOW_S = 60
#: Wrong keys within a window that an account may show from one address, and one address for all accounts.
MAX_OF_ACCOUNT = 10
MAX_OF_ADDRESS = 100
#: Accounts and addresses remembered in a process; in a flood of more, some begin anew.
MAX_REMEMBERED = 10_000


class FailedLogins:
    """Counts wrong keys, and says who has to wait; safe to share between threads."""

    def __init__(self, client: redis.Redis, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._client, self._stem, self._clock, self._lock = client, f"{prefix}:failed-logins:", clock, Lock()
        self._window, self._counts = 0, dict[str, int]()

    def wait(self, user_name: str, address: str) -> int:
        """Seconds until a key that is not known to be good is looked at again; 0: now. Asks nobody."""
        window, counts = self._of_now()
        if all(counts.get(name, 0) < limit for name, limit in _limits(user_name, address)):
            return 0
        return max(1, int((window + 1) * WINDOW_S - self._clock()))

    def note(self, user_name: str, address: str) -> None:
        """Count one wrong key. Logs once a window for each account and address that has to wait from now on."""
        window, counts = self._of_now()
        for name, limit in _limits(user_name, address):
            count = self._counted(f"{self._stem}{window}:{name}", counts.get(name, 0))
            with self._lock:
                known = counts.get(name, 0)
                if len(counts) >= MAX_REMEMBERED:
                    counts.clear()
                counts[name] = max(count, known + 1)
            if known < limit <= counts.get(name, 0):
                # The account may be anything that somebody typed, a key among it: it is logged as a digest.
                log.warning(LogEvent.API_WRONG_KEYS, address=address, of=name, failures=count, refused_for_s=WINDOW_S)

    def _counted(self, key: str, known: int) -> int:
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, 2 * WINDOW_S)
                return int(pipe.execute()[0])
        except redis.RedisError:
            return known + 1

    def _of_now(self) -> tuple[int, dict[str, int]]:
        window = int(self._clock() / WINDOW_S)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            return window, self._counts


def _limits(user_name: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    account = blake2b(f"{address}\0{user_name}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return (f"account-{account}", MAX_OF_ACCOUNT), (f"address-{address}", MAX_OF_ADDRESS)
