"""Whether everything that a worker needs is fit, in one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import amqp
import redis
from amqp.exceptions import NotFound
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError
from sqlalchemy.exc import SQLAlchemyError

from core.errors import SmartAssignError
from core.process.redis_url import client_url
from core.rules.store import RuleVersion
from core.storage.schema import current_version, newest_version
from core.store import Store
from worker.addresses import masked
from worker.embedded.urls import ResolvedUrls
from worker.rabbitmq_broker.publisher import our_queues
from worker.redis_broker.claims import PRIORITY_SUFFIXES
from worker.settings import Settings
from worker.wiring import probing_redis

#: The oldest Redis that has every command of ours.
REDIS_MINIMUM = (6, 2)
AMQP_TIMEOUT_S = 5.0
PING_TIMEOUT_S = 2.0

_DATE_LENGTH = len("2026-01-31")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


class UnfitError(SmartAssignError):
    """What was looked at does not do; the text says why."""


def checked(name: str, look: Callable[[], str], address: str | None = None) -> Check:
    """The check that `look` makes: its words, or those of what it raises, after the address without its secrets."""
    try:
        return Check(name, ok=True, detail=look())
    except (SmartAssignError, SQLAlchemyError, redis.RedisError, OperationalError, amqp.AMQPError, OSError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        return Check(name, ok=False, detail=f"{masked(address)}: {words}" if address else words)


class Fitness:
    """Looks at the services of one configuration; every look ends within seconds. `urls` may start embedded ones."""

    def __init__(self, settings: Settings, urls: Callable[[], ResolvedUrls], store: Store) -> None:
        self._settings, self._urls, self._store = settings, urls, store

    def checks(self) -> Iterator[Check]:
        """Broker, Redis, database, queues and rules, in this order."""
        settings = self._settings
        yield checked("broker", self.broker, settings.broker_url)
        yield checked("redis", self.redis, settings.redis_url)
        yield checked("database", self.database, settings.database_url)
        yield checked("queues", self.queues)
        yield checked("rules", self.rules)

    def broker(self) -> str:
        """Answers, and is new enough."""
        if self._settings.broker_is_redis:
            return _redis_words(client_url(self._urls().broker_url))
        with _amqp(self._urls().broker_url) as connection:
            told = connection.connection.server_properties
            return f"{told.get('product', 'AMQP')} {told.get('version', '')} at {masked(self._urls().broker_url)}"

    def redis(self) -> str:
        """The same for the Redis of cache, idempotency and progress."""
        return _redis_words(self._urls().redis_url)

    def database(self) -> str:
        """Answers, and has this program's schema."""
        with self._store.single() as connection:
            version = current_version(connection)
        if version != newest_version():
            words = "is empty" if version is None else f"has version {version}, this program needs {newest_version()}"
            raise UnfitError(f"{words}: run `smart-assign db upgrade`")
        return f"version {version} at {masked(str(self._store.engine.url))}"

    def queues(self) -> str:
        """Exist, and the dispatch queue has room."""
        lengths = self._redis_lengths() if self._settings.broker_is_redis else self._amqp_lengths()
        words = ", ".join(f"{name} {length}" for name, length in lengths.items())
        limit = self._settings.dispatch_max_length
        if limit and lengths[self._settings.dispatch_queue] >= limit:
            raise UnfitError(f"the dispatch queue is full ({limit}), intake pauses: {words}")
        return words

    def rules(self) -> str:
        """There are some; how old they are."""
        active = next((version for version in self._store.rule_versions() if version.active), None)
        if active is None:
            raise UnfitError("there are none: run `smart-assign db upgrade`")
        return rules_words(active, self._store.clock())

    def _redis_lengths(self) -> dict[str, int]:
        with probing_redis(client_url(self._urls().broker_url)) as client, client.pipeline(transaction=False) as pipe:
            for name in our_queues(self._settings):
                for suffix in PRIORITY_SUFFIXES:
                    pipe.llen(name + suffix)
            lengths = iter(pipe.execute())
        return {name: sum(next(lengths) for _ in PRIORITY_SUFFIXES) for name in our_queues(self._settings)}

    def _amqp_lengths(self) -> dict[str, int]:
        with _amqp(self._urls().broker_url) as connection:
            lengths = {name: _amqp_length(connection, name) for name in our_queues(self._settings)}
        missing = [name for name, length in lengths.items() if length is None]
        if missing:
            raise UnfitError(f"not there yet, the first worker makes them: {', '.join(missing)}")
        return {name: length or 0 for name, length in lengths.items()}


def workers_check(app: Celery) -> Check:
    """Whether any worker answers within two seconds."""

    def look() -> str:
        names: list[Mapping[str, object]] = app.control.ping(timeout=PING_TIMEOUT_S)
        if not names:
            raise UnfitError("no worker answers")
        return ", ".join(sorted(name for answer in names for name in answer))

    return checked("workers", look)


def rules_words(active: RuleVersion, now: datetime) -> str:
    """Which version, how old the data is, since when it is there, who brought it."""
    imported = f"imported on {active.imported_at.date()} by {active.imported_by}"
    try:
        days = (now.date() - date.fromisoformat(active.version[:_DATE_LENGTH])).days
    except ValueError:
        return f"version {active.version}, undated, {imported}"
    return f"version {active.version}, {days} days old, {imported}"


def _redis_words(url: str) -> str:
    with probing_redis(url) as client:
        told = client.info("server")
    version = str(told.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS_MINIMUM:
        raise UnfitError(f"Redis {version} at {masked(url)} is too old: 6.2 or newer is needed")
    return f"Redis {version} at {masked(url)}"


def _amqp(url: str) -> Connection:
    connection = Connection(url, connect_timeout=AMQP_TIMEOUT_S)
    connection.ensure_connection(max_retries=1, timeout=AMQP_TIMEOUT_S)
    return connection


def _amqp_length(connection: Connection, name: str) -> int | None:
    """The messages that wait; None: there is no such queue."""
    channel = connection.channel()
    try:
        length = int(channel.queue_declare(name, passive=True).message_count)
    except NotFound:  # it closed the channel
        return None
    channel.close()
    return length
