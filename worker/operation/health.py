"""Whether a worker does its work: judged by what it has settled and what waits, not by whether it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.process.watch import Stalled

#: The name under which the pool's own work is watched (core/process/watch.py).
_POOL = "pool"


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and if not why, in sentences for people."""

    ok: bool
    reasons: tuple[str, ...] = ()

    @staticmethod
    def of(reasons: list[str]) -> Health:
        """Well, where nothing is to be said."""
        return Health(not reasons, tuple(reasons))


class Checked(Protocol):
    """A role that can be asked how it is."""

    def health(self) -> Health:
        """Whether it does its work."""

    def readiness(self) -> Health:
        """Whether it can: it has started, and the services that it needs answered lately."""


class WorkerHealth:
    """A worker is healthy when it has settled work within `stall_s`, or nothing waits for it, and its threads get on.

    What waits is noted at every look at the queues; while the dispatch queue is full, documents wait for the dispatcher and
    not for a worker. Moments are monotonic seconds.
    """

    def __init__(
        self,
        stall_s: float,
        *,
        settled_at: Callable[[], float],
        stalled: Callable[[float], list[Stalled]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stall_s, self._settled_at, self._stalled, self._clock = stall_s, settled_at, stalled, clock
        self._nothing_waited_at = clock()
        self._waiting, self._looked_at = 0, clock()
        self.services = Services(stall_s, clock)

    def note_waiting(self, waiting: int, *, paused: bool) -> None:
        """So many documents wait for a worker; `paused`: it takes none, since the dispatch queue is full."""
        self._waiting, self._looked_at = waiting, self._clock()
        if not waiting or paused:
            self._nothing_waited_at = self._clock()

    def health(self) -> Health:
        """Whether it does its work."""
        settles = self._clock() - self._settled_at() <= self._stall_s
        return Health.of(
            [*self._idle(), *(_sentence(each) for each in self._late() if not (each.work == _POOL and settles))]
        )

    def _idle(self) -> list[str]:
        """Where nobody can see what waits, readiness says so, and a new start would mend nothing."""
        now = self._clock()
        idle = now - max(self._settled_at(), self._nothing_waited_at)
        if not self._waiting or idle <= self._stall_s or now - self._looked_at > self._stall_s:
            return []
        return [f"nothing was settled for {idle:.0f} s, while {self._waiting} documents wait"]

    def _late(self) -> list[Stalled]:
        """Threads that hang, have ended, or fail at what is no service that is away."""
        return [each for each in self._stalled(self._stall_s) if not each.waits]

    def readiness(self) -> Health:
        """Healthy, started, and with its services there."""
        return Health.of([*self.services.missing(), *self.health().reasons])


def _sentence(each: Stalled) -> str:
    return f"{each.work} has come to no good end for {each.seconds:.0f} s: {each.reason}"


class SchedulerHealth:
    """A scheduler is healthy when a tick of it came to its end within `stall_s`, be it that another one leads."""

    def __init__(
        self, stall_s: float, last_tick: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stall_s, self._last_tick, self._clock = stall_s, last_tick, clock
        self.services = Services(stall_s, clock)
        self.services.started.set()

    def note_waiting(self, waiting: int, *, paused: bool) -> None:
        """What waits, does not wait for a scheduler."""

    def health(self) -> Health:
        """Whether it ticks."""
        silent = self._clock() - self._last_tick()
        return Health.of([f"no tick came to its end for {silent:.0f} s"] if silent > self._stall_s else [])

    def readiness(self) -> Health:
        """Healthy, and with its services there."""
        return Health.of([*self.services.missing(), *self.health().reasons])


class Services:
    """When each service answered last, by its name; and whether the role has `started`."""

    def __init__(self, stall_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_s, self._clock = stall_s, clock
        self.started = threading.Event()
        self._answered: dict[str, float | None] = {"broker": None, "redis": None, "database": None}

    def note(self, name: str) -> None:
        """It answered."""
        self._answered[name] = self._clock()

    def missing(self) -> list[str]:
        """Those that did not, for `stall_s`, as sentences."""
        now = self._clock()
        begun = [] if self.started.is_set() else ["it has not begun to work"]
        return begun + [
            f"{name} has not answered yet" if at is None else f"{name} has not answered for {now - at:.0f} s"
            for name, at in self._answered.items()
            if at is None or now - at > self._stall_s
        ]
