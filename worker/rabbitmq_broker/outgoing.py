"""What is published to RabbitMQ: messages for its default exchange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

#: What waits for SQL goes back to its queue after this pause, so that it does not spin.
DEFER_PAUSE_S = 1.0
#: The AMQP property `message_id` of a document that a worker enqueued again: it was here before, and nobody is to blame.
AGAIN = "smart-assign.again"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for the default exchange; `queue` is its routing key."""

    queue: str
    body: bytes
    message_id: str | None = None


class Publisher(Protocol):
    """What takes messages for RabbitMQ: a ConfirmedPublisher, or a double."""

    def publish(self, messages: Sequence[Outgoing], partly: Callable[[Sequence[int]], None] = ...) -> None:
        """Send them and wait until they are safe.

        `partly` is told the places of those that were taken where others were not. Raises one of PUBLISH_ERRORS; then
        only those count.
        """
