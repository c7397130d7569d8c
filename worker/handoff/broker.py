"""What the rest of a worker asks of its broker, whichever it is: the parts that each broker's package brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import redis

from core.errors import FieldError, ParkReason
from core.messages.assigner import Assigner
from core.messages.resending import Resender
from core.store import Store
from worker.embedded.urls import ResolvedUrls
from worker.handoff.access import BrokerAccess
from worker.handoff.event_outbox import EventOutbox
from worker.handoff.events import EventSink
from worker.handoff.feedback import FeedbackLane, FeedbackReader
from worker.handoff.observing import BrokerMemory, Looked
from worker.settings import Settings

#: What a task did, by what became of the documents; Flower shows it.
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PoolWork:
    """What the intake gave to the worker's own pool: a claim, named by its id, or deliveries of RabbitMQ, which come along.

    `exhausted` counts the deliveries that were too many; `redelivered` are the places of documents that the broker has
    delivered before; `refused` says of each document why it cannot be opened, where that is so of all of them. `resends`: the
    deliveries are of the resend queue; the id of a claim says so itself.
    """

    id: str
    documents: Sequence[bytes] = ()
    exhausted: int = 0
    redelivered: Sequence[int] = ()
    refused: Sequence[FieldError] = ()
    resends: bool = False


class LaneWork(Protocol):
    """Work on documents of one kind: single messages, or campaign batches. May raise BROKER_ERRORS."""

    def on_work(self, work: PoolWork) -> Counts:
        """Work on what the intake gave to the pool, and hand off what becomes of it."""

    def on_task(self, task_id: str, document: bytes) -> Counts:
        """Work on the document of one task that Celery runs. Raises StoreUnavailableError where it must wait for SQL."""

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Counts:
        """Park the document of a task without working on it."""


class Duty(NamedTuple):
    """What housekeeping does every so many seconds: it takes up what a crash or an outage left behind."""

    name: str
    every_s: float
    do: Callable[[], object]


class Shared(Protocol):
    """What the parts of either broker are built from."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def urls(self) -> ResolvedUrls:
        """Where the services are."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """What time it is."""

    @property
    def cache_redis(self) -> redis.Redis:
        """The Redis of cache, idempotency and progress."""

    @property
    def store(self) -> Store:
        """SQL."""

    @property
    def assigner(self) -> Assigner:
        """What gives messages their senders."""

    @property
    def resender(self) -> Resender:
        """What decides again for messages whose sender failed."""


class Broker(BrokerAccess, Protocol):
    """The parts of one broker; nothing connects before it is used."""

    @property
    def messages(self) -> LaneWork:
        """Work on single messages."""

    @property
    def batches(self) -> LaneWork:
        """Work on campaign batches."""

    @property
    def events(self) -> EventSink:
        """Where events go."""

    @property
    def event_outbox(self) -> EventOutbox:
        """Where events wait for their queue."""

    def duties(self) -> Sequence[Duty]:
        """What housekeeping does on this broker."""

    def feedback(self, reader: FeedbackReader) -> FeedbackLane:
        """A way to the feedback queue, for one thread."""


class BrokerObserver(Protocol):
    """What metrics and health ask of the broker, every few seconds. May raise BROKER_ERRORS, and kombu's own."""

    def look(self) -> Looked:
        """How many documents wait, and for how long."""

    def memory(self) -> BrokerMemory | None:
        """How full its memory is; None: it says nothing of it."""

    def close(self) -> None:
        """Close what is open."""


class BrokerHealth(Protocol):
    """What a person is told of the broker; every look ends within seconds. May raise BROKER_ERRORS and kombu's own."""

    def describe(self) -> str:
        """Its version and address. Raises UnfitError where it cannot be used."""

    def refusal(self) -> str | None:
        """Why it answers and does not let this program in, as a sentence; None: it does, or it is away. Raises nothing."""

    def queue_lengths(self) -> dict[str, int]:
        """How many messages wait on each of our queues. Raises UnfitError where one is missing."""

    def try_writing(self) -> None:
        """Have each queue written to, in a way that leaves nothing. Raises UnfitError where that is refused."""

    def unread(self) -> dict[str, int]:
        """How many messages stand where producers with other transport options put them, and nobody reads them."""
