"""Access to the queues of a Redis broker."""

from __future__ import annotations

from functools import cached_property

import redis

from core.process.redis_clients import open_redis, working
from worker.embedded.urls import ResolvedUrls
from worker.redis_broker.producer import RedisProducer
from worker.redis_broker.tail import RedisTail
from worker.settings import Settings


class RedisAccess:
    """Feeds and reads lists."""

    def __init__(self, settings: Settings, urls: ResolvedUrls) -> None:
        self._settings, self._urls = settings, urls

    @cached_property
    def client(self) -> redis.Redis:
        """The Redis that is the broker."""
        return open_redis(self._urls.broker_url, working(self._settings.silence_s))

    @property
    def progress_redis(self) -> redis.Redis:
        """The same: progress is counted in the script that hands off."""
        return self.client

    @cached_property
    def producer(self) -> RedisProducer:
        """Documents onto lists."""
        return RedisProducer(self.client)

    def tail(self, queue: str) -> RedisTail:
        """The oldest end of a list."""
        return RedisTail(self.client, self._settings, queue)

    def close(self) -> None:
        """Close the connections."""
        if "client" in vars(self):
            self.client.close()
