"""How many claims may be in a worker's pool at once."""

from __future__ import annotations

import threading


class Room:
    """Counts the claims in the pool. Threads wait here until there is room for another.

    Single messages may have one claim for each child and one that waits, so that no child idles. Campaigns may have
    all children but one, or the only one. While a campaign is at work, single messages are claimed only for a child
    that is free: those that stay in their queue are what tells the campaign to give way.
    """

    def __init__(self, children: int) -> None:
        self._children = children
        self._single, self._campaign = 0, 0
        self._changed = threading.Condition()
        self._closed = False

    def take(self, *, campaign: bool, timeout_s: float) -> bool:
        """Take a place; False where there was none within the time, or no more are given."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._closed or self._has_room(campaign), timeout_s)
            if not found or self._closed:
                return False
            self._count(campaign, 1)
            return True

    def give_back(self, *, campaign: bool) -> None:
        """Free a place that was taken."""
        with self._changed:
            self._count(campaign, -1)
            self._changed.notify_all()

    def has_campaign(self) -> bool:
        """Whether a campaign is at work."""
        return self._campaign > 0

    def wait_for_change(self, timeout_s: float) -> None:
        """Wait until a place is given back, at most so long."""
        with self._changed:
            if not self._closed:
                self._changed.wait(timeout_s)

    def close(self) -> None:
        """Give no more places; whoever waits for one is told at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self, campaign: bool) -> bool:
        if campaign:
            return self._campaign < max(1, self._children - 1)
        waiting = 0 if self._campaign else 1
        return self._single < self._children - self._campaign + waiting

    def _count(self, campaign: bool, by: int) -> None:
        if campaign:
            self._campaign += by
        else:
            self._single += by
