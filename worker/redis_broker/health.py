"""What a person is told of a Redis: whether it answers, and how long our lists are."""

from __future__ import annotations

from collections.abc import Callable

from core.process.redis_clients import PROBING, open_redis
from worker.addresses import masked
from worker.handoff.errors import UnfitError
from worker.queues import our_queues
from worker.redis_broker.claims import PRIORITY_SUFFIXES
from worker.settings import Settings

#: The oldest Redis that has every command of ours.
REDIS_MINIMUM = (6, 2)


class RedisHealth:
    """Looks at a Redis broker. Every look ends within seconds, and may raise redis.RedisError."""

    def __init__(self, url: Callable[[], str], settings: Settings) -> None:
        self._url, self._settings = url, settings

    def describe(self) -> str:
        """Its version and its address. Raises UnfitError where it is too old."""
        return describe_redis(self._url())

    def queue_lengths(self) -> dict[str, int]:
        """How many messages wait on each of our queues."""
        names = our_queues(self._settings)
        with open_redis(self._url(), PROBING) as client, client.pipeline(transaction=False) as pipe:
            for name in names:
                for suffix in PRIORITY_SUFFIXES:
                    pipe.llen(name + suffix)
            lengths = iter(pipe.execute())
        return {name: sum(next(lengths) for _ in PRIORITY_SUFFIXES) for name in names}


def describe_redis(url: str) -> str:
    """The version and address of a Redis. Raises redis.RedisError; UnfitError where it is too old."""
    with open_redis(url, PROBING) as client:
        version = str(client.info("server").get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS_MINIMUM:
        raise UnfitError(f"Redis {version} at {masked(url)} is too old: 6.2 or newer is needed")
    return f"Redis {version} at {masked(url)}"
