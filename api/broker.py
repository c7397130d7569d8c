"""Putting parked documents back on their queues, on either broker."""

from __future__ import annotations

from collections.abc import Sequence

import amqp
import redis
from kombu import Connection
from kombu.exceptions import OperationalError

from api.settings import ApiSettings
from core.encoding import CONTENT_TYPE
from core.parked.replay import Replay
from core.parked.store import ParkedStore
from core.process.redis_url import client_url

CONNECT_TIMEOUT_S = 5
PERSISTENT = 2

#: What sending raises when the broker is away, or has no such queue.
_FAILURES = (redis.RedisError, amqp.AMQPError, OperationalError, OSError)


def open_replay(settings: ApiSettings, store: ParkedStore) -> Replay:
    """Replay on the broker of the settings; each call of its own connection, for it is seldom used."""
    send = _send_to_redis if settings.broker_is_redis else _send_to_rabbitmq
    return Replay(store, lambda lane, originals: send(settings.broker_url, lane, originals), settings.lanes, _FAILURES)


def _send_to_redis(url: str, lane: str, originals: Sequence[bytes]) -> None:
    with redis.Redis.from_url(client_url(url), socket_connect_timeout=CONNECT_TIMEOUT_S) as client:
        client.lpush(lane, *originals)


def _send_to_rabbitmq(url: str, lane: str, originals: Sequence[bytes]) -> None:
    """Each is confirmed; the queue must exist, for a message that no queue takes is confirmed all the same."""
    confirmed = {"confirm_publish": True}
    with Connection(url, connect_timeout=CONNECT_TIMEOUT_S, transport_options=confirmed) as connection:
        channel = connection.default_channel
        channel.queue_declare(lane, passive=True)
        for original in originals:
            message = amqp.Message(
                original, content_type=CONTENT_TYPE, content_encoding="utf-8", delivery_mode=PERSISTENT
            )
            channel.basic_publish(message, exchange="", routing_key=lane)
