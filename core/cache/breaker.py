"""What happens when Redis, or the database behind the cache, is away: it is left alone for a while.

Whoever asked goes on without it, and nobody waits for a time-out again until the pause is over. In core:

    who asks Redis                  what it does without                                  what is logged
    ------------------------------  ----------------------------------------------------  --------------
    cache/epochs.py, `Epochs`       asks SQL at every look-up; where SQL is away too,     nothing
                                    the last epochs that it knew stand
    cache/shared_verdicts.py        every worker computes its verdicts for itself         nothing
    trust/published.py              decides by the trust of the inventory, and anew when  nothing
                                    Redis is back
    cache/rules.py                  as `Epochs`: the book is read again when SQL's epoch  nothing
                                    of the rules has moved
    storage/database.py, `writing`  the commit stands; the worker's housekeeping          nothing
                                    publishes the epochs later (`epochs_changed_since`)

Where SQL is away the cache gives a request no verdict (`DecisionCache.verdicts`), and its messages wait.
The hand-off and the intake of the worker cannot go on without their broker: they wait for it, and say so in the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from core.metrics.counts import LEFT_ALONE_UNTIL

#: How long Redis is left alone after it failed to answer.
BREAKER_S = 5.0


class Breaker:
    """Leaves a failed service alone for a while, so that no message waits for its time-out."""

    def __init__(
        self, pause_s: float = BREAKER_S, clock: Callable[[], float] = time.monotonic, *, service: str = "redis"
    ) -> None:
        """`service`, `redis` or `sql`, is whom metrics name."""
        self._pause_s, self._clock, self._until = pause_s, clock, 0.0
        self._noted = LEFT_ALONE_UNTIL[service]

    @property
    def open(self) -> bool:
        """Whether the service is being left alone."""
        return self._clock() < self._until

    def trip(self) -> None:
        """Leave the service alone from now on, for the pause."""
        self._until = self._clock() + self._pause_s
        self._noted.note(time.monotonic() + self._pause_s)
