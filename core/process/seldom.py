"""What is to be said of each of many things, and of none too often."""

from __future__ import annotations

import time
from collections.abc import Callable

#: How often something is said again of the same thing.
AGAIN_S = 900.0


class Seldom:
    """Remembers of what something was said, for a quarter of an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._said, self._since = clock, set[str](), clock()

    def first(self, thing: str) -> bool:
        """Whether nothing was said of it yet; from now on it was."""
        if self._clock() - self._since >= AGAIN_S:
            self._said, self._since = set(), self._clock()
        if thing in self._said:
            return False
        self._said.add(thing)
        return True
