"""What becomes of documents from RabbitMQ, as messages for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from core.contract.ids import ids_in
from core.messages.assigner import Outcome
from core.parked.record import parked_notice
from core.parked.store import ParkedDocument
from worker.handoff.broker import PoolWork
from worker.rabbitmq_broker.outgoing import Outgoing

EXHAUSTED = "it was delivered too often without coming to an end"


class ParkedRecords(Protocol):
    """What keeps parked documents: the parked store, or a double."""

    def park(self, documents: Sequence[ParkedDocument]) -> None:
        """Store them; those that are there stay as they are. Raises StoreUnavailableError."""


def dispatched_messages(queue: str, outcome: Outcome, places: Iterable[int]) -> list[Outgoing]:
    """The enriched messages at these places of `outcome`."""
    return [Outgoing(queue, outcome.payloads[place], outcome.dispatch_ids[place].decode()) for place in places]


def parked_notices(queue: str, kept: Iterable[ParkedDocument]) -> list[Outgoing]:
    """The notices of parked documents."""
    return [Outgoing(queue, parked_notice(entry), entry.parked_id) for entry in kept]


def exhausted_ids(work: PoolWork) -> Mapping[str, str]:
    """The ids in a document that was delivered too often. It is read once only: that may be what never ends."""
    return ids_in(work.documents[0]) if work.exhausted == 1 else {}
