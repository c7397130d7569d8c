"""Reading a queue of kombu messages from its oldest end: looking without taking, or taking what was shown.

`drain` yields pieces; a piece is gone from the queue when the caller asks for the next, and back on it when the
caller closes the generator before that.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol

import redis
from kombu import Connection

from core.errors import ConflictError
from worker.envelopes.kombu_messages import document_in
from worker.rabbitmq_broker.publisher import declare_queues
from worker.settings import Settings
from worker.wiring import Runtime

Pieces = Generator[list[bytes], None, None]

PIECE = 1000
#: The most that RabbitMQ counts for a consumer; 0 stands for no limit.
MOST_AT_ONCE = 65_535
#: How long RabbitMQ may take to deliver what waits on a queue.
IDLE_S = 0.5
#: How long a drain that says nothing is taken to be alive.
HOLD_S = 30

# KEYS: 1 queue, 2 held by the drain. ARGV: how many. The oldest of a queue is at its right end, and so is it here.
_TAKE = """
local taken = redis.call('LRANGE', KEYS[1], -ARGV[1], -1)
if #taken > 0 then
  redis.call('LTRIM', KEYS[1], 0, -ARGV[1] - 1)
  redis.call('RPUSH', KEYS[2], unpack(taken))
end
return taken
"""

# KEYS: 1 queue, 2 held by the drain.
_GIVE_BACK = """
local held = redis.call('LRANGE', KEYS[2], 0, -1)
if #held > 0 then
  redis.call('RPUSH', KEYS[1], unpack(held))
  redis.call('DEL', KEYS[2])
end
return #held
"""

# KEYS: 1 lock. ARGV: owner.
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Tail(Protocol):
    """The oldest end of a queue."""

    def peek(self, count: int | None) -> Pieces:
        """The documents that wait, oldest first, left where they are."""

    def drain(self, count: int | None) -> Pieces:
        """The documents that wait, oldest first, taken piece by piece."""


class RedisTail:
    """A Redis list of kombu messages; one drain of a queue at a time. May raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings, queue: str) -> None:
        self._client, self._queue = client, queue
        self._held, self._lock = f"{settings.key_prefix}:drain:{queue}", f"{settings.key_prefix}:drain-lock:{queue}"
        self._owner = uuid.uuid4().hex
        self._take = client.register_script(_TAKE)
        self._give_back = client.register_script(_GIVE_BACK)
        self._unlock = client.register_script(_UNLOCK)

    def peek(self, count: int | None) -> Pieces:
        """Reads ranges; what is consumed meanwhile may make it skip some."""
        for start, wanted in _pieces(count):
            piece = self._range(-start - wanted, -start - 1)
            if piece:
                yield [document_in(message) for message in reversed(piece)]
            if len(piece) < wanted:
                return

    def drain(self, count: int | None) -> Pieces:
        """What a drain that was killed still held comes first. Raises ConflictError while another drain runs."""
        if not self._client.set(self._lock, self._owner, nx=True, ex=HOLD_S):
            raise ConflictError(
                f"{self._queue} is being drained already; a drain that was killed is over in {HOLD_S} s"
            )
        keys = [self._queue, self._held]
        try:
            self._give_back(keys=keys)
            for _, wanted in _pieces(count):
                taken: Any = self._take(keys=keys, args=[wanted])
                if taken:
                    yield [document_in(message) for message in reversed(taken)]
                    self._let_go()
                if len(taken) < wanted:
                    return
        finally:
            self._give_back(keys=keys)
            self._unlock(keys=[self._lock], args=[self._owner])

    def _let_go(self) -> None:
        """Forget the piece that was shown, and say that this drain lives."""
        with self._client.pipeline() as pipe:
            pipe.delete(self._held)
            pipe.expire(self._lock, HOLD_S)
            pipe.execute()

    def _range(self, start: int, end: int) -> list[Any]:
        found: Any = self._client.lrange(self._queue, start, end)
        return list(found)


class AmqpTail:
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
            with closing(Deliveries(channel, self._queue, wanted, wanted)) as deliveries:
                for _, size in _pieces(wanted):
                    if piece := deliveries.next(size):
                        yield [_bytes(message.body) for message in piece]

    def drain(self, count: int | None) -> Pieces:
        """Acknowledges piece by piece; what is not acknowledged goes back with the connection."""
        at_once = min(count or PIECE, PIECE)
        with self._channel() as channel, closing(Deliveries(channel, self._queue, count, at_once)) as deliveries:
            for _, size in _pieces(count):
                if piece := deliveries.next(size):
                    yield [_bytes(message.body) for message in piece]
                    channel.basic_ack(piece[-1].delivery_tag, multiple=True)
                if len(piece) < size:
                    return

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with Connection(self._url, connect_timeout=10) as connection:
            declare_queues(connection, self._settings)
            yield connection.channel()


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

    def close(self) -> None:
        """Consume no more."""
        self._cancel()

    def _cancel(self) -> None:
        tag, self._tag = self._tag, None
        if tag is not None:
            self._channel.basic_cancel(tag)


def open_tail(parts: Runtime, queue: str) -> Tail:
    """The tail of a queue on the broker in use."""
    if parts.settings.broker_is_redis:
        return RedisTail(parts.broker_redis, parts.settings, queue)
    return AmqpTail(parts.urls.broker_url, parts.settings, queue)


def _pieces(count: int | None) -> Iterator[tuple[int, int]]:
    """Where each piece begins, and how many it may hold."""
    start = 0
    while count is None or start < count:
        wanted = PIECE if count is None else min(PIECE, count - start)
        yield start, wanted
        start += wanted


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
