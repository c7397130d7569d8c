"""The one place where all that a worker works with is built, once in each process, when it is first asked for.

A command needs less, and loads less: `broker_access.py` for the queues, `store_access.py` for SQL.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import redis

from core.cache.decisions import DecisionCache
from core.cache.epochs import RedisEpochs
from core.cache.rules import CurrentRules
from core.campaigns.progress import Progress
from core.defaults.at_risk import AtRisk
from core.defaults.risk_warnings import DefaultWarnings
from core.messages.assigner import Assigner
from core.messages.resending import Resender
from core.moments import utc_now
from core.process.redis_clients import open_redis, working
from core.process.silence import Silence
from core.process.watch import Watch
from core.storage.database import open_engine
from core.store import Store
from core.trust.owners import Owners
from core.trust.published import RedisEvidence
from core.trust.publishing import Publisher
from core.trust.recording import Recorder
from worker.configuration import configured
from worker.embedded.urls import ResolvedUrls
from worker.handoff.broker import Broker, BrokerHealth, BrokerObserver
from worker.handoff.feedback import FeedbackLane, FeedbackReader
from worker.handoff.first_edition import FirstEdition
from worker.rabbitmq_broker.health import RabbitHealth
from worker.rabbitmq_broker.observing import RabbitObserver
from worker.rabbitmq_broker.parts import RabbitBroker
from worker.redis_broker.health import RedisHealth
from worker.redis_broker.observing import RedisObserver
from worker.redis_broker.parts import RedisBroker
from worker.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """All that one process works with; nothing connects before it is used."""

    settings: Settings
    urls: ResolvedUrls
    clock: Callable[[], datetime] = utc_now

    @cached_property
    def broker(self) -> Broker:
        """The parts of the broker in use."""
        return RedisBroker(self) if self.settings.broker_is_redis else RabbitBroker(self)

    @cached_property
    def cache_redis(self) -> redis.Redis:
        """The Redis of cache and epochs, and on RabbitMQ of marks and progress."""
        return open_redis(self.urls.redis_url, working(self.settings.silence_s))

    @cached_property
    def epochs(self) -> RedisEpochs:
        """Where SQL writes publish their epochs."""
        return RedisEpochs(self.cache_redis, self.settings.key_prefix)

    @cached_property
    def store(self) -> Store:
        """SQL."""
        settings = self.settings
        engine = open_engine(
            self.urls.database_url,
            prepared_statements=settings.database_prepared_statements,
            silence=Silence(settings.silence_s),
        )
        return Store(engine, self.epochs, evidence=RedisEvidence(self.cache_redis, settings.key_prefix))

    @cached_property
    def decisions(self) -> DecisionCache:
        """Decisions, cached."""
        settings = self.settings
        return DecisionCache(
            self.store,
            self.cache_redis,
            settings.policy,
            prefix=settings.key_prefix,
            size=settings.decision_cache_size,
            most_a_day=settings.decisions_a_day,
        )

    @cached_property
    def assigner(self) -> Assigner:
        """What gives messages their senders."""
        first_edition = FirstEdition(self.broker.progress_redis, self.settings)
        return Assigner(
            self.decisions,
            max_bytes=self.settings.document_max_bytes,
            clock=self.clock,
            beside_first_edition=first_edition.may_be_about,
            content_countries=self.decisions.content_countries,
        )

    @cached_property
    def resender(self) -> Resender:
        """What decides again for messages whose sender failed."""
        return Resender(
            self.decisions,
            max_bytes=self.settings.document_max_bytes,
            attempts=self.settings.resend_attempts,
            clock=self.clock,
            content_countries=self.decisions.content_countries,
        )

    @cached_property
    def default_warnings(self) -> DefaultWarnings:
        """The watch over default senders, AT_RISK_DAYS ahead."""
        rules = CurrentRules(self.store, self.epochs)
        notice = timedelta(days=self.settings.at_risk_days)
        return DefaultWarnings(self.store, AtRisk(self.store, rules, self.settings.policy, notice))

    @cached_property
    def publisher(self) -> Publisher:
        """What publishes trust."""
        return Publisher(
            self.broker.progress_redis,
            self.cache_redis,
            self.store,
            self.settings.trust_policy,
            prefix=self.settings.key_prefix,
            tell=self.broker.event_outbox.put,
        )

    def feedback(self) -> FeedbackLane:
        """A way to the feedback queue, for one thread."""
        recorder = Recorder(Owners(self.store), self.settings.trust_policy, self.clock)
        return self.broker.feedback(FeedbackReader(recorder, self.settings.feedback_queue))

    @cached_property
    def progress(self) -> Progress:
        """The counts of campaigns."""
        return Progress(self.broker.progress_redis, self.settings.key_prefix)

    @cached_property
    def watch(self) -> Watch:
        """What the threads of this process are at."""
        return Watch()

    def close(self) -> None:
        """Close what is open."""
        parts = vars(self)
        if "store" in parts:
            self.store.engine.dispose()
        if "cache_redis" in parts:
            self.cache_redis.close()
        if "broker" in parts:
            self.broker.close()


def broker_health(settings: Settings, urls: Callable[[], ResolvedUrls]) -> BrokerHealth:
    """What is seen of the broker in use; `urls` may start an embedded one, and is called when it is looked at."""

    def url() -> str:
        return urls().broker_url

    return RedisHealth(url, settings) if settings.broker_is_redis else RabbitHealth(url, settings)


def broker_observer(settings: Settings, urls: ResolvedUrls) -> BrokerObserver:
    """What looks at the broker in use again and again."""
    if settings.broker_is_redis:
        return RedisObserver(urls.broker_url, settings)
    return RabbitObserver(urls.broker_url, urls.redis_url, settings)


_runtimes: dict[int, Runtime] = {}


def runtime() -> Runtime:
    """The runtime of this process. A forked child builds its own, and leaves alone what its parent may be using."""
    pid = os.getpid()
    if pid not in _runtimes:
        _runtimes[pid] = Runtime(*configured())
        atexit.register(release_runtime)
    return _runtimes[pid]


def release_runtime() -> None:
    """Close what this process holds open."""
    held = _runtimes.pop(os.getpid(), None)
    if held is not None:
        held.close()
