"""Deliveries of one RabbitMQ channel that become one task of the pool."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from core.errors import FieldError
from worker.intake.acks import Acks
from worker.rabbitmq_broker.deliveries import Delivery
from worker.settings import Settings


@dataclass(slots=True)
class Gathered:
    """Deliveries of one channel that wait to become a batch; one that is `refused` is so for all of them, one by one."""

    acks: Acks
    documents: list[bytes] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    size: int = 0
    exhausted: int = 0
    refused: list[FieldError] = field(default_factory=list)
    #: Whether they came on the resend queue.
    resends: bool = False
    #: Whether work on them was begun before: the marks that it reserved are theirs.
    begun: bool = False
    #: When the first of them came, in Unix time.
    taken_at: float = field(default_factory=time.time)

    def add(self, delivery: Delivery, document: bytes) -> None:
        """Take one more."""
        self.documents.append(document)
        self.deliveries.append(delivery)
        self.size += len(document)

    @property
    def redelivered(self) -> list[int]:
        """The places of those that were worked on before, as far as is known."""
        return [place for place, delivery in enumerate(self.deliveries) if self.begun or delivery.came_before]


def alone(
    acks: Acks, came: tuple[bytes, Delivery], before: int, settings: Settings, *, resends: bool = False
) -> Gathered:
    """One delivery, to be worked on apart from others; parked where it came too often."""
    document, delivery = came
    exhausted = max(0, before + 1 - 2 * settings.claim_attempts)
    return Gathered(acks, [document], [delivery], exhausted=exhausted, resends=resends)
