"""Embedded mode: a Redis server of our own on a socket under DATA_DIR, SQLite beside it.

Two advisory locks say all there is to know, and the kernel releases both however a process ends:

* `redis.server.lock` is inherited by the server process, so it is held exactly as long as a server lives; who obtains
  it may start one. No pid file, no stale socket is ever believed.
* `redis.users.lock` is held shared by every process that uses the server; who obtains it exclusively on leaving was
  the last, and shuts the server down. A pool child, forked from a user, shares that user's lock: it is the same user.

docs/decisions/0001-embedded-redis.md gives the reasons.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.process.private_files import open_private
from core.process.redis_clients import client_url
from worker.embedded.places import database_url_of, private_folder
from worker.embedded.server import EmbeddedRedis, EmbeddedRedisError, RedisHome
from worker.settings import Settings

__all__ = [
    "EmbeddedRedis",
    "EmbeddedRedisError",
    "ResolvedUrls",
    "embedded_redis",
    "resolve_urls",
    "revive",
    "running_redis_url",
]


@dataclass(frozen=True, slots=True)
class ResolvedUrls:
    """Where broker (kombu), Redis (redis-py) and database (SQLAlchemy) are, with what was unset filled in."""

    broker_url: str
    redis_url: str
    database_url: str
    embedded: EmbeddedRedis | None


def resolve_urls(settings: Settings, stack: ExitStack) -> ResolvedUrls:
    """Fill in unset URLs; an embedded server that this needs is in use until the stack closes."""
    database_url = database_url_of(settings)
    if settings.broker_url and settings.cache_url:
        return ResolvedUrls(settings.broker_url, client_url(settings.cache_url), database_url, None)
    embedded = stack.enter_context(embedded_redis(settings.data_dir))
    redis_url = client_url(settings.redis_url) if settings.redis_url else embedded.redis_url
    return ResolvedUrls(settings.broker_url or embedded.broker_url, redis_url, database_url, embedded)


def running_redis_url(settings: Settings) -> str | None:
    """The Redis of cache and epochs as redis-py reads it, started by nobody here; None: embedded, and not running."""
    if settings.cache_url:
        return client_url(settings.cache_url)
    embedded = RedisHome(settings.data_dir.resolve()).running()
    return embedded.redis_url if embedded else None


@contextmanager
def embedded_redis(data_dir: Path) -> Iterator[EmbeddedRedis]:
    """Use the server of this DATA_DIR, started if none runs; the last user to leave shuts it down, data kept."""
    home = RedisHome(private_folder(data_dir))
    lock_file = home.data_dir / "redis.users.lock"
    owner = os.getpid()
    users = open_private(lock_file, os.O_RDWR)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield home.attach_or_start()
    finally:
        # A forked child that unwinds our stack does not leave in our name.
        if os.getpid() == owner and _is_last(users, lock_file):
            home.shut_down()
        os.close(users)


def revive(data_dir: Path) -> EmbeddedRedis | None:
    """Inside `embedded_redis`: start the server again if it has died meanwhile; None: it lives. To ask takes microseconds.

    Raises EmbeddedRedisError where it does not come up.
    """
    home = RedisHome(private_folder(data_dir))
    return None if home.is_alive() else home.attach_or_start()


def _is_last(users: int, lock_file: Path) -> bool:
    """Whether nobody else uses the server; false too when DATA_DIR was replaced under us: that server is not ours."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(users).st_ino == lock_file.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
