"""SQL for a program that needs no broker, and starts none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from core.cache.epochs import RedisEpochs
from core.process.redis_clients import PROBING, open_redis
from core.store import Store
from core.trust.published import RedisEvidence
from worker.embedded.urls import running_redis_url
from worker.settings import Settings
from worker.store_reading import store_alone


@contextmanager
def store_only(settings: Settings) -> Iterator[Store]:
    """SQL for a command that needs no broker: no server is started for it.

    Writes publish their epochs to the Redis that is configured, or to the embedded one if it runs; where it is away they
    succeed all the same.
    """
    redis_url = running_redis_url(settings)
    with ExitStack() as stack:
        client = stack.enter_context(closing(open_redis(redis_url, PROBING))) if redis_url else None
        store = stack.enter_context(store_alone(settings, RedisEpochs(client, settings.key_prefix) if client else None))
        store.evidence = RedisEvidence(client, settings.key_prefix) if client else None
        yield store
