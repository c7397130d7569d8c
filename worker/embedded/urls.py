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
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.process.private_files import PrivateFileError, make_private, open_private
from core.process.redis_clients import client_url
from worker.embedded.server import EmbeddedRedis, EmbeddedRedisError, RedisHome
from worker.settings import Settings

__all__ = [
    "EmbeddedRedis",
    "EmbeddedRedisError",
    "ResolvedUrls",
    "database_url_of",
    "embedded_redis",
    "resolve_urls",
    "revive",
    "running_redis_url",
    "sqlite_url",
]

DATABASE_FILE = "smart-assign.sqlite3"
#: What the names of all that is ours under DATA_DIR begin with.
_OURS = (DATABASE_FILE, "redis", "campaigns", "scheduler", "worker.log")
#: The database, and the files that SQLite keeps beside it.
_DATABASE_FILES = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")


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


def database_url_of(settings: Settings) -> str:
    """The SQLAlchemy URL: the configured one, or that of the SQLite file under DATA_DIR."""
    return driver_url(settings.database_url) if settings.database_url else sqlite_url(settings.data_dir)


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


def sqlite_url(data_dir: Path) -> str:
    """The SQLAlchemy URL of the database under DATA_DIR, which is made if missing. Raises PrivateFileError for a link."""
    folder = private_folder(data_dir)
    for name in _DATABASE_FILES:
        with suppress(FileNotFoundError):
            make_private(folder / name)
    return f"sqlite:///{folder / DATABASE_FILE}"


def driver_url(url: str) -> str:
    """The URL with the driver that is installed, psycopg 3."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme == "postgresql" else url


def private_folder(path: Path) -> Path:
    """The absolute path of DATA_DIR, made if it is missing; it is its owner's alone, for it holds numbers and texts.

    One that existed is closed to others where all that is in it is ours; else what is made in it is. Raises
    PrivateFileError for a folder in which everybody keeps temporary files.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = path.resolve()
    found = folder.stat()
    if found.st_mode & stat.S_ISVTX:
        raise PrivateFileError(f"{folder} is everybody's folder for temporary files: name one below it as DATA_DIR")
    if found.st_mode & 0o077 and all(each.name.startswith(_OURS) for each in folder.iterdir()):
        make_private(folder)
    return folder
