"""What the API asks of the broker: to put parked documents back on their queues, and where progress is counted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import amqp
import redis
from amqp.exceptions import MessageNacked
from kombu import Connection
from kombu.exceptions import OperationalError

from api.settings import ApiSettings
from core.encoding import CONTENT_TYPE
from core.process.redis_clients import REPLAYING, REQUEST, open_redis

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 10
PERSISTENT = 2

#: What sending raises when the broker is away, or has no such queue.
BROKER_FAILURES = (redis.RedisError, amqp.AMQPError, MessageNacked, OperationalError, OSError)


class Broker(Protocol):
    """The broker of the settings; nothing connects before it is used."""

    #: Whether the counts of the hand-off hold every message; if not, they hold campaigns only.
    counts_messages: bool

    @property
    def progress_redis(self) -> redis.Redis | None:
        """Where workers count campaigns and messages; None: in the Redis of cache and epochs."""

    def send(self, lane: str, originals: Sequence[bytes]) -> None:
        """Put documents on a queue, safely, the first first. Raises BROKER_FAILURES; then some may be on it."""

    def close(self) -> None:
        """Close what is open."""


def open_broker(settings: ApiSettings) -> Broker:
    """The broker of the settings."""
    return RedisBroker(settings.broker_url) if settings.broker_is_redis else RabbitBroker(settings.broker_url)


class RedisBroker:
    """A Redis, which also counts what the workers do."""

    counts_messages = True

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def progress_redis(self) -> redis.Redis:
        """The broker itself."""
        return open_redis(self._url, REQUEST)

    def send(self, lane: str, originals: Sequence[bytes]) -> None:
        """One LPUSH."""
        with open_redis(self._url, REPLAYING) as client:
            client.lpush(lane, *originals)

    def close(self) -> None:
        """Close the connections."""
        if "progress_redis" in vars(self):
            self.progress_redis.close()


class _Answers:
    """What RabbitMQ says of messages that are numbered from one."""

    def __init__(self, count: int) -> None:
        self.outstanding = set(range(1, count + 1))

    def took(self, tag: int, multiple: bool) -> None:
        """One message, or all up to it, is safe."""
        self.outstanding -= {each for each in self.outstanding if each <= tag} if multiple else {tag}

    def refused(self, *_: object) -> None:
        """The queue is full, or its node fails."""
        raise MessageNacked("RabbitMQ refused a message")


class RabbitBroker:
    """RabbitMQ, which counts nothing."""

    counts_messages = False
    progress_redis = None

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, lane: str, originals: Sequence[bytes]) -> None:
        """One wait for the confirms of all; the queue must exist, for what no queue takes is confirmed all the same."""
        with Connection(self._url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            channel = connection.default_channel
            # Every answer of RabbitMQ, and room for every piece of what is sent, has to come within this time.
            connection.connection.sock.settimeout(ANSWER_TIMEOUT_S)
            channel.queue_declare(lane, passive=True)
            channel.confirm_select()
            answers = _Answers(len(originals))
            channel.events["basic_ack"].add(answers.took)
            channel.events["basic_nack"].add(answers.refused)
            for original in originals:
                message = amqp.Message(
                    original, content_type=CONTENT_TYPE, content_encoding="utf-8", delivery_mode=PERSISTENT
                )
                channel.basic_publish(message, exchange="", routing_key=lane)
            while answers.outstanding:
                connection.drain_events(timeout=ANSWER_TIMEOUT_S)

    def close(self) -> None:
        """Nothing stays open."""
