"""RabbitMQ's confirms of what was published on one channel: what is safe, what was refused, and what came back."""

from __future__ import annotations

from typing import Any


class Confirms:
    """Counts the messages of a channel: all up to the floor are confirmed, and those above it that are kept."""

    def __init__(self, channel: Any) -> None:
        """Ask RabbitMQ to confirm what is published on this channel from now on."""
        self._sent = self._floor = self._before = 0
        self._above: set[int] = set()
        self._refused: set[int] = set()
        #: The queues of messages that had nowhere to go, since the latest beginning.
        self.returned: set[str] = set()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def begin(self) -> None:
        """A batch begins."""
        self._refused, self.returned, self._before = set(), set(), self._sent

    def sent(self, count: int) -> None:
        """So many more messages were published."""
        self._sent += count

    @property
    def complete(self) -> bool:
        """Whether RabbitMQ has said of every message what became of it."""
        return self._floor + len(self._above) >= self._sent

    @property
    def refused(self) -> set[int]:
        """The places in the batch of those that were not taken."""
        return {tag - self._before - 1 for tag in self._refused}

    def _on_ack(self, delivery_tag: int, multiple: bool) -> None:
        if multiple:
            self._floor = max(self._floor, delivery_tag)
            self._above = {tag for tag in self._above if tag > delivery_tag}
        elif delivery_tag > self._floor:
            self._above.add(delivery_tag)

    def _on_nack(self, delivery_tag: int, multiple: bool) -> None:
        first = self._floor + 1 if multiple else delivery_tag
        self._refused.update(tag for tag in range(first, delivery_tag + 1) if tag not in self._above)
        self._on_ack(delivery_tag, multiple)

    def _on_return(self, _error: object, _exchange: str, routing_key: str, _message: object) -> None:
        self.returned.add(routing_key)
