"""The oldest end of a RabbitMQ queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from worker.handoff.tail import PIECE, Pieces, pieces
from worker.rabbitmq_broker.connections import open_rabbitmq
from worker.rabbitmq_broker.queues import declare_queues
from worker.settings import Settings

#: The most that RabbitMQ counts for a consumer; 0 stands for no limit.
MOST_AT_ONCE = 65_535
#: How long RabbitMQ may take to deliver what waits on a queue.
IDLE_S = 0.5


class RabbitTail:
    """A RabbitMQ queue. To peek is to take without acknowledging, and give back with the connection.

    Others do not see the messages meanwhile, and a quorum queue takes many at once back in any order.
    """

    def __init__(self, url: str, settings: Settings, queue: str) -> None:
        self._url, self._settings, self._queue = url, settings, queue

    def peek(self, count: int | None) -> Pieces:
        """At most as many as wait at the beginning."""
        with self._channel() as channel:
            waiting = int(channel.queue_declare(self._queue, passive=True).message_count)
            wanted = waiting if count is None else min(count, waiting)
            if not wanted:
                return
            with Deliveries(channel, self._queue, wanted, wanted) as deliveries:
                for _, size in pieces(wanted):
                    if piece := deliveries.next(size):
                        yield [_bytes(message.body) for message in piece]

    def drain(self, count: int | None) -> Pieces:
        """Acknowledges piece by piece; what is not acknowledged goes back with the connection."""
        at_once = min(count or PIECE, PIECE)
        with self._channel() as channel, Deliveries(channel, self._queue, count, at_once) as deliveries:
            for _, size in pieces(count):
                if piece := deliveries.next(size):
                    yield [_bytes(message.body) for message in piece]
                    channel.basic_ack(piece[-1].delivery_tag, multiple=True)
                if len(piece) < size:
                    return

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with open_rabbitmq(self._url, self._settings.silence_s) as connection:
            declare_queues(connection, self._settings)
            channel = connection.channel()
            try:
                yield channel
            except KeyboardInterrupt:
                # It may have come in the middle of a frame: an answer to a goodbye would never be found.
                channel.connection.collect()
                raise


class Deliveries:
    """What a queue delivers to a consumer of its own, asked for piece by piece.

    Not `basic.get`: a quorum queue counts each get as a consumer, and of a thousand acknowledged at once it may forget
    some when the connection closes (seen with RabbitMQ 3.10).
    """

    def __init__(self, channel: Any, queue: str, wanted: int | None, at_once: int) -> None:
        self._channel, self._left, self._came = channel, wanted, deque[Any]()
        channel.basic_qos(0, at_once if at_once <= MOST_AT_ONCE else 0, False)
        self._tag: str | None = channel.basic_consume(queue, callback=self._came.append)

    def next(self, size: int) -> list[Any]:
        """The next deliveries; fewer where none came for IDLE_S."""
        while len(self._came) < size:
            try:
                self._channel.connection.drain_events(timeout=IDLE_S)
            except TimeoutError:
                break
        taken = min(size, len(self._came))
        if self._left is not None:
            self._left -= taken
            if not self._left:
                self._cancel()
        return [self._came.popleft() for _ in range(taken)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Consume no more; after an interrupt the whole connection goes."""
        if kind is not KeyboardInterrupt:
            self._cancel()

    def _cancel(self) -> None:
        tag, self._tag = self._tag, None
        if tag is not None:
            self._channel.basic_cancel(tag)


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
