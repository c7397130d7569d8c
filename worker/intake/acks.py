"""Acknowledgements of one AMQP channel: many deliveries with one frame, wherever their order allows it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from worker.intake.in_hand import InHand


class Acks:
    """Keeps which deliveries of a channel have ended, and acknowledges the unbroken run of them from the first on.

    Batches end in any order, so an ended delivery may wait for an earlier one. Deliveries that Celery holds, perhaps
    for hours, must not be waited for: while there is one, each delivery is acknowledged by itself.
    """

    def __init__(self, channel: Any, in_hand: InHand) -> None:
        self.channel, self.in_hand = channel, in_hand
        self._floor = 0
        self._ended: dict[int, bool] = {}
        self._held: set[int] = set()

    def hold(self, tag: int) -> None:
        """Celery has a delivery, and will acknowledge it."""
        self._held.add(tag)
        self.in_hand.set_apart(tag)

    def end_held(self, tag: int) -> None:
        """Celery has ended a delivery that it held."""
        self.channel.basic_ack(tag)
        self._release(tag)

    def give_back_held(self, tag: int) -> None:
        """A delivery that Celery held is to be delivered again."""
        self.channel.basic_reject(tag, requeue=True)
        self._release(tag)

    def take_back(self, tag: int) -> None:
        """Celery does not have a delivery after all."""
        self._held.discard(tag)

    def acknowledge(self, tags: Collection[int]) -> None:
        """These deliveries were worked on."""
        if not self._held:
            self._end_deliveries(tags, waits=True)
            return
        for tag in tags:
            self.channel.basic_ack(tag)
            self._end_deliveries([tag], waits=False)

    def give_back(self, tags: Collection[int]) -> None:
        """These deliveries are to be delivered again."""
        for tag in tags:
            self.channel.basic_reject(tag, requeue=True)
            self._end_deliveries([tag], waits=False)

    def flush(self) -> None:
        """Acknowledge what has ended behind deliveries that never will: they go back with the channel."""
        waiting = sorted(tag for tag, waits in self._ended.items() if waits)
        for tag in waiting:
            self.channel.basic_ack(tag)
            self._ended[tag] = False

    def _release(self, tag: int) -> None:
        self._held.discard(tag)
        self._end_deliveries([tag], waits=False)

    def _end_deliveries(self, tags: Collection[int], *, waits: bool) -> None:
        """Note ended deliveries; those that `waits` speaks of are still unacknowledged."""
        self.in_hand.end(tags)
        self._ended.update(dict.fromkeys(tags, waits))
        # The broker knows no tag that has been acknowledged, so the one named must be one that was not.
        last = None
        while self._floor + 1 in self._ended:
            self._floor += 1
            if self._ended.pop(self._floor):
                last = self._floor
        if last is not None:
            self.channel.basic_ack(last, multiple=True)
