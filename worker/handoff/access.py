"""What a program that only feeds and reads queues asks of its broker."""

from __future__ import annotations

from typing import Protocol

import redis

from worker.handoff.producer import Producer
from worker.handoff.tail import Tail


class BrokerAccess(Protocol):
    """Nothing connects before it is used."""

    @property
    def producer(self) -> Producer:
        """Enqueues documents."""

    @property
    def progress_redis(self) -> redis.Redis:
        """The Redis in which the progress of campaigns is counted."""

    def tail(self, queue: str) -> Tail:
        """The oldest end of a queue."""

    def close(self) -> None:
        """Close what is open."""
