"""How much of what a RabbitMQ channel delivers is taken at once: RabbitMQ counts deliveries, memory is bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from worker.handoff.observing import HOLDING

#: The most deliveries that AMQP can count.
MOST_PREFETCHED = 65_535
#: Deliveries that a consumer begins with; it asks for more where they are small.
FIRST_PREFETCHED = 1000
#: How many times as many it asks for next, once so many times as many have ended.
GROWTH = 4


class InHand:
    """Deliveries of one channel that have not ended, by their size, and how many are asked for.

    One delivery is always taken, whatever its size. One that does not fit waits, and from then on none is taken before
    half of the bytes are free. As many bytes as may be taken may wait, or one that is larger; what comes beyond that
    is to be given back. `on_change` is called when there may be room for more.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._sizes: dict[int, int] = {}
        self._bytes = self._waiting = self._ended = self._ended_bytes = 0
        self._apart: set[int] = set()
        self._apart_asked = 0
        self._asked = min(most, FIRST_PREFETCHED)
        self.paused = False
        self.on_change: Callable[[], None] = _nothing
        HOLDING.add(self)

    @property
    def count(self) -> int:
        """Deliveries that count, without those set apart."""
        return len(self._sizes)

    def take(self, tag: int, size: int) -> bool:
        """Whether a delivery fits; then it counts until it ends."""
        if self.paused or not self._fits(size):
            self._pause()
            return False
        self._count(tag, size)
        return True

    def wait(self, size: int) -> bool:
        """Whether a delivery that did not fit may wait here."""
        if self._waiting and self._waiting + size > self._most_bytes:
            return False
        self._waiting += size
        return True

    def take_waiting(self, tag: int, size: int) -> bool:
        """Whether one that waited fits now; then it counts until it ends."""
        if not self._fits(size):
            return False
        self._waiting -= size
        self._count(tag, size)
        return True

    def unpacked(self, tag: int, size: int) -> None:
        """A delivery has become so large."""
        if size > self._sizes.get(tag, size):
            self._count(tag, size)
        if self._bytes > self._most_bytes:
            self._pause()

    def set_apart(self, tag: int) -> None:
        """A delivery waits with Celery, perhaps for hours: others are not to wait for it."""
        self._bytes -= self._sizes.pop(tag, 0)
        self._apart.add(tag)
        self.on_change()

    def end(self, tags: Iterable[int]) -> None:
        """These have ended."""
        for tag in tags:
            size = self._sizes.pop(tag, None)
            if size is None:
                self._apart.discard(tag)
            else:
                self._bytes -= size
                self._ended += 1
                self._ended_bytes += size
        self.on_change()

    def is_due(self) -> bool:
        """Whether to ask for another number of deliveries: after a pause, for those set apart, or since they are small."""
        if self.paused:
            return 2 * self._bytes <= self._most_bytes
        return len(self._apart) >= self._apart_asked + max(1, self._asked // 2) or self._may_grow()

    def resume(self) -> int:
        """Take again; gives for how many deliveries to ask."""
        if self._may_grow():
            self._asked = min(self._most, GROWTH * self._asked)
        self.paused, self._ended, self._ended_bytes = False, 0, 0
        self._apart_asked = len(self._apart)
        return min(MOST_PREFETCHED, self._asked + self._apart_asked)

    def _may_grow(self) -> bool:
        enough = not self.paused and self._asked < self._most and self._ended >= GROWTH * self._asked
        return enough and GROWTH * self._asked * self._ended_bytes <= self._ended * self._most_bytes

    def _fits(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= self._most_bytes

    def _count(self, tag: int, size: int) -> None:
        self._bytes += size - self._sizes.get(tag, 0)
        self._sizes[tag] = size

    def _pause(self) -> None:
        if not self.paused:
            self.paused = True
            fitting = len(self._sizes) * self._most_bytes // max(1, 2 * self._bytes)
            self._asked = max(1, min(self._asked, fitting))


def _nothing() -> None:
    return
