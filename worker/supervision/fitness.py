"""Whether everything that a worker needs is fit, in one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import amqp
import redis
from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy.exc import SQLAlchemyError

from core.errors import SmartAssignError
from core.rules.documents import version_date
from core.rules.store import RuleVersion
from core.storage.probe import try_prepared_statements, try_writing
from core.storage.schema import current_version, newest_version
from core.store import Store
from worker.addresses import masked
from worker.celery_setup.standing import STANDING
from worker.embedded.urls import ResolvedUrls
from worker.handoff.errors import UnfitError
from worker.redis_broker.health import describe_redis
from worker.settings import Settings
from worker.wiring import broker_health

PING_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


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
        self._broker = broker_health(settings, urls)

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
        return self._broker.describe()

    def redis(self) -> str:
        """The same for the Redis of cache, idempotency and progress."""
        return describe_redis(self._urls().redis_url, self._settings)

    def database(self) -> str:
        """Answers, has this program's schema, and takes what a worker writes; nothing is left of it."""
        with self._store.single() as connection:
            version = current_version(connection)
        if version != newest_version():
            words = "is empty" if version is None else f"has version {version}, this program needs {newest_version()}"
            raise UnfitError(f"{words}: run `smart-assign db upgrade`")
        try_prepared_statements(self._store.engine)
        try_writing(self._store.engine, self._store.clock())
        return f"version {version} at {masked(self._settings.database_url or str(self._store.engine.url))}"

    def queues(self) -> str:
        """Exist, take messages, and the dispatch queue has room."""
        self._broker.try_writing()
        lengths = self._broker.queue_lengths()
        words = ", ".join(f"{name} {length}" for name, length in lengths.items())
        limit = self._settings.dispatch_max_length
        if limit and lengths[self._settings.dispatch_queue] >= limit:
            raise UnfitError(f"the dispatch queue is full ({limit}), intake pauses: {words}")
        if unread := self._broker.unread():
            raise UnfitError(f"{_unread_words(unread)}; {words}")
        return words

    def rules(self) -> str:
        """There are some; how old they are."""
        active = next((version for version in self._store.rule_versions() if version.active), None)
        if active is None:
            raise UnfitError("there are none: run `smart-assign db upgrade`")
        return rules_words(active, self._store.clock())


def _unread_words(unread: Mapping[str, int]) -> str:
    lists = ", ".join(f"{name.encode('unicode_escape').decode()} {length}" for name, length in unread.items())
    return (
        f"messages wait on lists that no worker reads: {lists}. Give BROKER_TRANSPORT_OPTIONS the `priority_steps` and "
        "`sep` of the producers; where they have a `global_keyprefix`, name the list with it in MESSAGES_QUEUE"
    )


def workers_check(app: Celery) -> Check:
    """Whether any worker answers within two seconds, and whether those that do get on."""

    def look() -> str:
        answers: list[Mapping[str, Any]] = app.control.broadcast(STANDING, reply=True, timeout=PING_TIMEOUT_S)
        told = {name: answer for each in answers or () for name, answer in each.items()}
        if not told:
            raise UnfitError("no worker answers")
        if stalled := [words for name in sorted(told) for words in _stalled_words(name, told[name])]:
            raise UnfitError("; ".join(stalled))
        return ", ".join(sorted(told))

    return checked("workers", look)


def _stalled_words(name: str, answer: Mapping[str, Any]) -> list[str]:
    """What a worker says that does not get on; one of an older version has no such words."""
    return [
        f"{name}: {each['work']} has come to no good end for {each['seconds']:.0f} s: {each['reason']}"
        for each in answer.get("stalled", ())
    ]


def rules_words(active: RuleVersion, now: datetime) -> str:
    """Which version, how old the data is, since when it is there, who brought it."""
    imported = f"imported on {active.imported_at.date()} by {active.imported_by}"
    try:
        days = (now.date() - date.fromisoformat(version_date(active.version))).days
    except ValueError:
        return f"version {active.version}, undated, {imported}"
    return f"version {active.version}, {days} days old, {imported}"
