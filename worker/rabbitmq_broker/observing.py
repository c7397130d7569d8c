"""What is seen of a RabbitMQ broker from outside; how many documents had come at earlier looks is kept in Redis."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Literal

import redis
from kombu import Connection
from kombu.exceptions import OperationalError

from core.metrics.catalogue import MESSAGES_DISPATCHED
from core.metrics.counts import COUNTS
from core.process.redis_clients import PROBING, open_redis
from worker.handoff.errors import PUBLISH_ERRORS
from worker.handoff.observing import HOLDING, TAKEN, BrokerMemory, Looked, Looks, observed_names
from worker.handoff.script_headers import ObservedQueue
from worker.rabbitmq_broker.connections import open_rabbitmq
from worker.rabbitmq_broker.health import CONNECT_TIMEOUT_S
from worker.rabbitmq_broker.queues import queue_length
from worker.settings import Settings

#: What workers take from.
_WAYS_IN = frozenset({"ingress", "campaign_ingress", "messages", "campaigns", "resend"})
#: Claims of their own are Redis's way.
_OF_REDIS = "campaign_work"


class RabbitObserver:
    """Looks at queues, over a connection of its own. Every method may raise BROKER_ERRORS."""

    def __init__(self, url: str, redis_url: str, settings: Settings) -> None:
        self._url, self._redis_url, self._settings = url, redis_url, settings
        self._names = {name: queue for name, queue in observed_names(settings).items() if name != _OF_REDIS}
        self._said: Counter[str] = Counter()
        self._connection: Connection | None = None

    @cached_property
    def _client(self) -> redis.Redis:
        return open_redis(self._redis_url, PROBING)

    @cached_property
    def _looks(self) -> Looks:
        return Looks(self._client, self._settings)

    def look(self) -> Looked:
        """The length of each queue; Redis says how old the oldest documents are."""
        lengths = self._lengths()
        done = self._done()
        queues = {name: [self._queue(name, length, done)] for name, length in lengths.items()}
        found = self._looks.look(queues, claims=False)
        self._said = done
        return replace(found, in_hand=sum(each.count for each in list(HOLDING)))

    def _lengths(self) -> dict[str, int]:
        try:
            connection = self._open()
            lengths = {name: queue_length(connection, queue) for name, queue in self._names.items()}
        except (*PUBLISH_ERRORS, OperationalError):
            self._forget()
            raise
        return {name: length for name, length in lengths.items() if length is not None}

    def _done(self) -> Counter[str]:
        """What this process took from queues, and put on that of dispatch, since it began."""
        done = Counter({name: TAKEN[queue] for name, queue in self._names.items() if name in _WAYS_IN})
        done["dispatch"] = int(COUNTS.total(MESSAGES_DISPATCHED))
        return done

    def _queue(self, name: str, length: int, done: Counter[str]) -> ObservedQueue:
        told: Literal["taken", "filled"] | None = (
            "taken" if name in _WAYS_IN else "filled" if name == "dispatch" else None
        )
        return ObservedQueue(name=self._names[name], length=length, told=told, added=done[name] - self._said[name])

    def memory(self) -> BrokerMemory | None:
        """RabbitMQ pauses publishers before its memory is full, and drops nothing."""
        return None

    def _open(self) -> Connection:
        if self._connection is None:
            connection = open_rabbitmq(self._url, 2 * CONNECT_TIMEOUT_S, connect_s=CONNECT_TIMEOUT_S)
            connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT_S)
            self._connection = connection
        return self._connection

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*PUBLISH_ERRORS):
                connection.release()

    def close(self) -> None:
        """Close the connections."""
        self._forget()
        if "_client" in vars(self):
            self._client.close()
