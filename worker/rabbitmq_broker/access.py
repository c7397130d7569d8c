"""Access to the queues of a RabbitMQ broker."""

from __future__ import annotations

from functools import cached_property

import redis

from core.process.redis_clients import open_redis, working
from worker.embedded.urls import ResolvedUrls
from worker.rabbitmq_broker.producer import RabbitProducer
from worker.rabbitmq_broker.publisher import ConfirmedPublisher
from worker.rabbitmq_broker.tail import RabbitTail
from worker.settings import Settings


class RabbitAccess:
    """Feeds and reads queues; what RabbitMQ cannot count is in Redis."""

    def __init__(self, settings: Settings, urls: ResolvedUrls) -> None:
        self._settings, self._urls = settings, urls

    @cached_property
    def publisher(self) -> ConfirmedPublisher:
        """Publishing, with confirms."""
        return ConfirmedPublisher(self._urls.broker_url, self._settings)

    @cached_property
    def progress_redis(self) -> redis.Redis:
        """The Redis of cache and marks."""
        return open_redis(self._urls.redis_url, working(self._settings.silence_s))

    @cached_property
    def producer(self) -> RabbitProducer:
        """Documents onto queues."""
        return RabbitProducer(self.publisher)

    def tail(self, queue: str) -> RabbitTail:
        """The oldest end of a queue."""
        return RabbitTail(self._urls.broker_url, self._settings, queue)

    def close(self) -> None:
        """Close the connections."""
        if "publisher" in vars(self):
            self.publisher.close()
        if "progress_redis" in vars(self):
            self.progress_redis.close()
