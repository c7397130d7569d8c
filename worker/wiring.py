"""The one place where clients, engines and services are built, once in each process, when they are first asked for."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.cache.decisions import DecisionCache
from core.cache.epochs import RedisEpochs
from core.cache.rules import CurrentRules
from core.campaigns.batch import CampaignAssigner
from core.campaigns.progress import Progress
from core.defaults.at_risk import AtRisk
from core.defaults.risk_warnings import DefaultWarnings
from core.messages.assigner import Assigner
from core.moments import utc_now
from core.process.redis_url import client_url
from core.storage.database import open_engine
from core.store import Store
from worker.embedded.urls import ResolvedUrls, database_url_of, resolve_urls, running_redis_url
from worker.handoff.campaigns import BatchWork, RedisBatches, RedisHandOff
from worker.handoff.chunks import Chunks
from worker.handoff.events import AmqpEvents, EventOutbox, EventSink, RedisEvents
from worker.handoff.parking import Parking
from worker.handoff.producer import AmqpProducer, Producer, RedisProducer
from worker.rabbitmq_broker.campaigns import AmqpBatches, AmqpHandOff
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.messages import AmqpWork
from worker.rabbitmq_broker.publisher import ConfirmedPublisher
from worker.redis_broker.claims import Claims
from worker.redis_broker.messages import RedisWork
from worker.redis_broker.packing import BulkPacker
from worker.settings import Settings

#: Redis answers within a millisecond or is away; a blocking wait asks for a second.
REDIS_TIMEOUT_S = 10.0
#: How long a command that a person waits for gives a Redis that may be away.
PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Runtime:
    """All that one process works with; nothing connects before it is used."""

    settings: Settings
    urls: ResolvedUrls
    clock: Callable[[], datetime] = utc_now

    @cached_property
    def cache_redis(self) -> redis.Redis:
        """The Redis of cache and epochs."""
        return open_redis(self.urls.redis_url)

    @cached_property
    def broker_redis(self) -> redis.Redis:
        """The Redis that is the broker."""
        return open_redis(client_url(self.urls.broker_url))

    @cached_property
    def epochs(self) -> RedisEpochs:
        """Where SQL writes publish their epochs."""
        return RedisEpochs(self.cache_redis, self.settings.key_prefix)

    @cached_property
    def store(self) -> Store:
        """SQL."""
        return Store(open_engine(self.urls.database_url), self.epochs)

    @cached_property
    def assigner(self) -> Assigner:
        """What gives messages their senders."""
        settings = self.settings
        decisions = DecisionCache(
            self.store,
            self.cache_redis,
            settings.policy,
            prefix=settings.key_prefix,
            size=settings.decision_cache_size,
        )
        return Assigner(decisions, max_bytes=settings.document_max_bytes, clock=self.clock)

    @cached_property
    def claims(self) -> Claims:
        """The hand-off on a Redis broker."""
        return Claims(self.broker_redis, self.settings)

    @cached_property
    def parking(self) -> Parking:
        """The way from the outbox to the parked store, on a Redis broker."""
        return Parking(self.store, self.claims, self.settings.parked_queue)

    @cached_property
    def redis_work(self) -> RedisWork:
        """Work on claims."""
        return RedisWork(self.claims, self.assigner, self.parking, self.settings, self.clock)

    @cached_property
    def amqp_work(self) -> AmqpWork:
        """Work on batches from RabbitMQ."""
        return AmqpWork(self.assigner, self.store, self.publisher, self.marks, self.settings, clock=self.clock)

    @cached_property
    def publisher(self) -> ConfirmedPublisher:
        """Publishing to RabbitMQ."""
        return ConfirmedPublisher(self.urls.broker_url, self.settings)

    @cached_property
    def marks(self) -> Marks:
        """Marks of what was dispatched, for RabbitMQ."""
        return Marks(self.cache_redis, self.settings)

    @cached_property
    def events(self) -> EventSink:
        """Where events go on this broker."""
        if self.settings.broker_is_redis:
            return RedisEvents(self.broker_redis, self.settings)
        return AmqpEvents(self.publisher, self.settings)

    @cached_property
    def event_outbox(self) -> EventOutbox:
        """Events of campaigns on their way to RabbitMQ."""
        return EventOutbox(self.cache_redis, self.publisher, self.settings)

    @cached_property
    def default_warnings(self) -> DefaultWarnings:
        """The watch over default senders, AT_RISK_DAYS ahead."""
        rules = CurrentRules(self.store, self.epochs)
        notice = timedelta(days=self.settings.at_risk_days)
        return DefaultWarnings(self.store, AtRisk(self.store, rules, self.settings.policy, notice))

    @cached_property
    def producer(self) -> Producer:
        """Enqueues documents on this broker."""
        if self.settings.broker_is_redis:
            return RedisProducer(self.broker_redis)
        return AmqpProducer(ConfirmedPublisher(self.urls.broker_url, self.settings))

    @cached_property
    def _batch_work(self) -> BatchWork:
        broker_is_redis = self.settings.broker_is_redis
        chunks = Chunks(self.broker_redis if broker_is_redis else self.cache_redis, self.settings)
        hand_off = (
            RedisHandOff(chunks, self.parking, self.settings)
            if broker_is_redis
            else AmqpHandOff(
                chunks,
                self.store,
                self.publisher,
                marks=self.marks,
                events=self.event_outbox,
                settings=self.settings,
            )
        )
        return BatchWork(CampaignAssigner(self.assigner), chunks, hand_off, self.settings, self.clock)

    @cached_property
    def redis_batches(self) -> RedisBatches:
        """Work on claims of campaign batches."""
        return RedisBatches(self.claims, self._batch_work, self.settings)

    @cached_property
    def amqp_batches(self) -> AmqpBatches:
        """Work on campaign batches from RabbitMQ."""
        return AmqpBatches(self._batch_work, self.publisher, self.settings)

    @cached_property
    def progress(self) -> Progress:
        """The counts of campaigns."""
        client = self.broker_redis if self.settings.broker_is_redis else self.cache_redis
        return Progress(client, self.settings.key_prefix)

    @property
    def batches(self) -> RedisBatches | AmqpBatches:
        """Work on campaign batches on this broker."""
        return self.redis_batches if self.settings.broker_is_redis else self.amqp_batches

    @property
    def work(self) -> RedisWork | AmqpWork:
        """Work on this broker."""
        return self.redis_work if self.settings.broker_is_redis else self.amqp_work

    def close(self) -> None:
        """Close what is open."""
        parts = vars(self)
        if "store" in parts:
            self.store.engine.dispose()
        for name in ("cache_redis", "broker_redis"):
            if name in parts:
                parts[name].close()
        if "publisher" in parts:
            self.publisher.close()
        if "producer" in parts:
            self.producer.close()


@cache
def configured() -> tuple[Settings, ResolvedUrls]:
    """The settings, and the addresses of the services; embedded servers run from here on until the process ends."""
    settings, stack = Settings(), ExitStack()
    urls = resolve_urls(settings, stack)
    # A forked child must not stop what its parent started.
    atexit.register(_close_if_mine, stack, os.getpid())
    return settings, urls


def _close_if_mine(stack: ExitStack, pid: int) -> None:
    if os.getpid() == pid:
        stack.close()


def open_redis(url: str) -> redis.Redis:
    """A client that reconnects by itself."""
    return redis.Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        health_check_interval=30,
        command_packer=BulkPacker(),
    )


def probing_redis(url: str) -> redis.Redis:
    """A client that answers or fails within two seconds, without trying again."""
    return redis.Redis.from_url(
        url,
        socket_timeout=PROBE_TIMEOUT_S,
        socket_connect_timeout=PROBE_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


@contextmanager
def store_only(settings: Settings) -> Iterator[Store]:
    """SQL for a command that needs no broker: no server is started for it.

    Writes tell their epochs to the Redis that is configured, or to the embedded one if it runs; where it is away they
    succeed all the same.
    """
    engine = open_engine(database_url_of(settings))
    redis_url = running_redis_url(settings)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        client = stack.enter_context(closing(probing_redis(redis_url))) if redis_url else None
        yield Store(engine, RedisEpochs(client, settings.key_prefix) if client else None)


_runtimes: dict[int, Runtime] = {}


def runtime() -> Runtime:
    """The runtime of this process; a forked child builds its own."""
    pid = os.getpid()
    if pid not in _runtimes:
        _runtimes.clear()
        _runtimes[pid] = Runtime(*configured())
        atexit.register(release_runtime)
    return _runtimes[pid]


def release_runtime() -> None:
    """Close what this process holds open."""
    held = _runtimes.pop(os.getpid(), None)
    if held is not None:
        held.close()
