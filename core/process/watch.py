"""Whether a process gets on: its threads, and the work that they and its pool are given."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.process.lasting import Attempts, Trouble


@dataclass(frozen=True, slots=True)
class Stalled:
    """Work that has not come to a good end for `seconds`, and why where that is known.

    `waits`: its thread is alive, and tries again and again a service that is away.
    """

    work: str
    seconds: float
    reason: str
    waits: bool = False


class Watch:
    """Knows what lasting threads are at, and how much of the pool's work has ended. Shared by all threads of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._works: dict[str, Attempts] = {}
        self._at_work, self._last_end = 0, clock()

    def look_at(self, works: Iterable[Attempts]) -> None:
        """Watch these, in the place of those of the same names."""
        with self._lock:
            self._works.update((work.name, work) for work in works)

    def forget(self, works: Iterable[Attempts]) -> None:
        """These have been told to stop."""
        with self._lock:
            for work in works:
                if self._works.get(work.name) is work:
                    del self._works[work.name]

    def begun(self) -> None:
        """The pool was given a piece of work."""
        with self._lock:
            if not self._at_work:
                self._last_end = self._clock()
            self._at_work += 1

    def ended(self, *, good: bool) -> None:
        """A piece of it has ended; a `good` end is one after which it need not be begun anew."""
        with self._lock:
            self._at_work = max(0, self._at_work - 1)
            if good:
                self._last_end = self._clock()

    def all_let_go(self) -> None:
        """What the pool has in hand will not be heard of any more: another connection brings it again."""
        with self._lock:
            self._at_work, self._last_end = 0, self._clock()

    @property
    def at_work(self) -> int:
        """How many pieces of work the pool has in hand."""
        return self._at_work

    def ages(self) -> dict[str, float]:
        """Seconds since each work came to a good end, by its name."""
        now = self._clock()
        with self._lock:
            return {name: max(0.0, now - work.last_success) for name, work in self._works.items()}

    def stalled(self, after_s: float) -> list[Stalled]:
        """What has had no good end for longer than `after_s`; none: the process gets on."""
        now = self._clock()
        with self._lock:
            idle = now - self._last_end if self._at_work else 0.0
            found = [(work, now - work.last_success) for work in self._works.values()]
            at_work = self._at_work
        late = [
            Stalled(work.name, round(since, 1), *_why(work.trouble, now - after_s))
            for work, since in found
            if since > after_s
        ]
        if idle > after_s:
            late.append(Stalled("pool", round(idle, 1), f"none of {at_work} pieces of work has come to a good end"))
        return sorted(late, key=lambda each: each.work)


def _why(trouble: Trouble | None, latest: float) -> tuple[str, bool]:
    """What is known of work that comes to no good end, and whether it was tried since `latest` and merely waits."""
    if trouble is None:
        return "no turn of it has ended", False
    return trouble.words, trouble.passing and trouble.last > latest
