"""Receipts on a RabbitMQ queue: counted in Redis, then acknowledged.

Between the two a worker may die, and RabbitMQ delivers them again. So the script that counts them remembers what they said,
until RabbitMQ has heard the acknowledgement; of what it delivers again, that is asked first.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import redis
from kombu import Connection

from core.parked.store import ParkedDocument
from worker.handoff.feedback import BYTES_AT_ONCE, DOCUMENTS_AT_ONCE, FeedbackReader
from worker.handoff.keys import content_key
from worker.handoff.script_headers import FeedbackCountHeader
from worker.handoff.scripts import Scripts
from worker.rabbitmq_broker.connections import open_rabbitmq
from worker.rabbitmq_broker.deliveries import Delivery, read_delivery
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.outgoing import Publisher
from worker.rabbitmq_broker.queues import declare_queues
from worker.rabbitmq_broker.results import ParkedRecords, parked_notices
from worker.settings import Settings

#: How long one waits for more where some have come.
GATHER_S = 0.05


class RabbitFeedback:
    """The feedback lane on RabbitMQ, with a connection of its own. May raise BROKER_ERRORS and StoreUnavailableError."""

    def __init__(
        self,
        url: str,
        client: redis.Redis,
        reader: FeedbackReader,
        parking: FeedbackParking,
        settings: Settings,
    ) -> None:
        self._url, self._reader, self._parking, self._settings = url, reader, parking, settings
        self._scripts = Scripts(client, settings)
        self._connection: Connection | None = None
        self._channel: Any = None
        self._connection_id = ""
        self._came: deque[Delivery] = deque()

    def work(self, wait_s: float) -> int:
        """Count the receipts of what has come, and acknowledge it; where nothing has, wait for something."""
        try:
            self._open()
            deliveries = self._gathered(wait_s)
            if deliveries:
                self._count(deliveries)
                self._acknowledge(deliveries[-1].tag)
        except Exception:
            # What was not acknowledged is delivered again, over another connection.
            self.close()
            raise
        return len(deliveries)

    def close(self) -> None:
        """Close the connection: RabbitMQ takes back what was not acknowledged."""
        connection, self._connection, self._channel = self._connection, None, None
        self._came.clear()
        if connection is not None:
            connection.collect()

    def _open(self) -> None:
        if self._channel is not None:
            return
        self._connection = open_rabbitmq(self._url, self._settings.silence_s)
        declare_queues(self._connection, self._settings)
        self._channel = self._connection.channel()
        self._connection_id = uuid.uuid4().hex
        self._channel.basic_qos(0, 2 * DOCUMENTS_AT_ONCE, False)
        self._channel.basic_consume(
            self._settings.feedback_queue, callback=lambda raw: self._came.append(read_delivery(raw))
        )

    def _gathered(self, wait_s: float) -> list[Delivery]:
        """What has come, no more than is worked on together. What is not read yet stays in the socket."""
        gathered: list[Delivery] = []
        size, until = 0, time.monotonic() + wait_s
        while len(gathered) < DOCUMENTS_AT_ONCE and size < BYTES_AT_ONCE:
            if not self._came and not self._drain(until - time.monotonic()):
                break
            while self._came and len(gathered) < DOCUMENTS_AT_ONCE and size < BYTES_AT_ONCE:
                if not gathered:
                    until = time.monotonic() + GATHER_S
                delivery = self._came.popleft()
                gathered.append(delivery)
                size += len(delivery.body)
        return gathered

    def _drain(self, wait_s: float) -> bool:
        """Read what RabbitMQ sends; whether it sent anything in time."""
        if wait_s <= 0:
            return False
        try:
            self._channel.connection.drain_events(timeout=wait_s)
        except TimeoutError:
            return False
        return True

    def _count(self, deliveries: Sequence[Delivery]) -> None:
        digests = [content_key(delivery.body) for delivery in deliveries]
        before = self._counted_before(deliveries, digests)
        fresh = [place for place in range(len(deliveries)) if place not in before]
        read = self._reader.read(uuid.uuid4().hex, [deliveries[place].body for place in fresh])
        if read.parked:
            self._parking.keep(read.parked, [deliveries[fresh[place]].came_before for place in read.places])
        header = FeedbackCountHeader(self._connection_id, self._reader.additions(read.outcomes), len(before))
        self._scripts.run(header, *(digests[place] for place in (*sorted(before), *fresh)))
        self._reader.note(read)

    def _counted_before(self, deliveries: Sequence[Delivery], digests: Sequence[str]) -> set[int]:
        """The places of deliveries that were counted and not acknowledged; of equal ones as many as were."""
        again = [place for place, delivery in enumerate(deliveries) if delivery.redelivered]
        if not again:
            return set()
        asked = list(dict.fromkeys(digests[place] for place in again))
        left = Counter(dict(zip(asked, map(int, self._scripts.run_bare("feedback_counted", *asked)), strict=True)))
        before = set()
        for place in again:
            if left[digests[place]] > 0:
                left[digests[place]] -= 1
                before.add(place)
        return before

    def _acknowledge(self, tag: int) -> None:
        """Acknowledge all until this one; returns when RabbitMQ has heard it."""
        self._channel.basic_ack(tag, multiple=True)
        # Whatever it answers to, it has read what came before on the channel.
        self._channel.basic_qos(0, 2 * DOCUMENTS_AT_ONCE, False)


class FeedbackParking:
    """Parks receipts that break the contract: the record, then the notice."""

    def __init__(self, store: ParkedRecords, publisher: Publisher, earlier: EarlierWork, parked_queue: str) -> None:
        self._store, self._publisher, self._earlier, self._queue = store, publisher, earlier, parked_queue

    def keep(self, parked: Sequence[ParkedDocument], came_before: Sequence[bool]) -> None:
        """Park documents; those that came before under the id that they had then."""
        same = self._earlier.same(parked, came_before)
        self._store.park(same)
        self._publisher.publish(parked_notices(self._queue, same))
