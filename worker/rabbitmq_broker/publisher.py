"""Publishing to RabbitMQ, with one wait for the confirms of a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from kombu import Connection

from core.encoding import CONTENT_TYPE
from worker.handoff.errors import PUBLISH_ERRORS, NotConfirmedError
from worker.rabbitmq_broker.frames import PublishFrames
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.rabbitmq_broker.queues import declare_queues
from worker.settings import Settings

#: How long the broker may take to confirm a batch.
CONFIRM_TIMEOUT_S = 60.0


class ConfirmedPublisher:
    """Publishes batches of persistent messages, each batch with one wait for all its confirms."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url, self._settings = url, settings
        self._connection: Connection | None = None
        self._channel: Any = None
        self._writers: dict[str, PublishFrames] = {}
        # Confirms count the messages of the channel: all up to the floor are confirmed, and those above it that are kept.
        self._sent = self._floor = self._refused = 0
        self._above: set[int] = set()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send `messages` and wait until RabbitMQ has them all. Raises one of PUBLISH_ERRORS; then none counts."""
        if not messages:
            return
        try:
            self._open()
            self._send(messages)
        except PUBLISH_ERRORS:
            self.close()
            raise

    def waiting(self, queue: str) -> int:
        """How many messages are ready on a queue. Raises one of PUBLISH_ERRORS."""
        try:
            self._open()
            return int(self._channel.queue_declare(queue, passive=True).message_count)
        except PUBLISH_ERRORS:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collect()

    def _open(self) -> None:
        if self._channel is not None:
            return
        self._connection = Connection(self._url, connect_timeout=10, heartbeat=0)
        declare_queues(self._connection, self._settings)
        channel = self._connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)
        self._channel, self._writers = channel, {}
        self._sent, self._floor, self._above = 0, 0, set()

    def _send(self, messages: Sequence[Outgoing]) -> None:
        assert self._connection is not None
        self._refused = 0
        for queue, group in groupby(messages, key=lambda message: message.queue):
            together = [(message.body, message.message_id) for message in group]
            for piece in self._frames(queue).write(together):
                self._channel.connection.transport.write(piece)
            self._sent += len(together)
        while self._floor + len(self._above) < self._sent:
            self._connection.drain_events(timeout=CONFIRM_TIMEOUT_S)
        if self._refused:
            raise NotConfirmedError(f"{self._refused} messages were not taken")

    def _frames(self, queue: str) -> PublishFrames:
        if queue not in self._writers:
            frame_max = self._channel.connection.frame_max
            self._writers[queue] = PublishFrames(
                self._channel.channel_id, queue, content_type=CONTENT_TYPE, frame_max=frame_max
            )
        return self._writers[queue]

    def _on_ack(self, delivery_tag: int, multiple: bool) -> None:
        if multiple:
            self._floor = max(self._floor, delivery_tag)
            self._above = {tag for tag in self._above if tag > delivery_tag}
        elif delivery_tag > self._floor:
            self._above.add(delivery_tag)

    def _on_nack(self, delivery_tag: int, multiple: bool) -> None:
        self._refused += 1
        self._on_ack(delivery_tag, multiple)

    def _on_return(self, *_: object) -> None:
        self._refused += 1
