"""What the API asks of the broker: to put parked documents back on their queues, and where progress is counted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import amqp
import redis
from kombu import Connection
from kombu.exceptions import OperationalError

from api.settings import ApiSettings
from core.encoding import CONTENT_TYPE
from core.process.redis_clients import REPLAYING, REQUEST, open_redis

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 10
PERSISTENT = 2

#: What sending raises when the broker is away, or has no such queue.
BROKER_FAILURES = (redis.RedisError, amqp.AMQPError, OperationalError, OSError)


class Broker(Protocol):
    """The broker of the settings; nothing connects before it is used."""

    #: Whether the counts of the hand-off hold every message; if not, they hold campaigns only.
    counts_messages: bool

    @property
    def progress_redis(self) -> redis.Redis | None:
        """Where workers count campaigns and messages; None: in the Redis of cache and epochs."""

    def send(self, lane: str, originals: Sequence[bytes]) -> None:
        """Put documents on a queue, over a connection of its own, for it is seldom done. Raises BROKER_FAILURES."""

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


class RabbitBroker:
    """RabbitMQ, which counts nothing."""

    counts_messages = False
    progress_redis = None

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, lane: str, originals: Sequence[bytes]) -> None:
        """Each is confirmed; the queue must exist, for a message that no queue takes is confirmed all the same."""
        confirmed = {"confirm_publish": True}
        with Connection(self._url, connect_timeout=CONNECT_TIMEOUT_S, transport_options=confirmed) as connection:
            channel = connection.default_channel
            # Every answer of RabbitMQ, and room for every piece of what is sent, has to come within this time.
            connection.connection.sock.settimeout(ANSWER_TIMEOUT_S)
            channel.queue_declare(lane, passive=True)
            for original in originals:
                message = amqp.Message(
                    original, content_type=CONTENT_TYPE, content_encoding="utf-8", delivery_mode=PERSISTENT
                )
                channel.basic_publish(message, exchange="", routing_key=lane)

    def close(self) -> None:
        """Nothing stays open."""
