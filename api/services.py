"""What one API process works with; nothing connects before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import redis

from api.broker import BROKER_FAILURES, Broker, open_broker
from api.compliant_list import CompliantList
from api.failed_logins import FailedLogins
from api.known_visitors import KnownVisitors
from api.rate_limit import RateLimiter
from api.settings import ApiSettings
from core.accounts.accounts import Accounts
from core.accounts.destinations import Destinations
from core.accounts.logins import ApiKeys
from core.accounts.senders import Senders
from core.cache.epochs import RedisEpochs
from core.cache.rules import CurrentRules
from core.campaigns.progress import Progress
from core.defaults.assign_all import AssignAll
from core.defaults.at_risk import AtRisk
from core.defaults.default_senders import DefaultSenders
from core.defaults.views import DefaultViews
from core.erasures.erasures import Erasures
from core.parked.replay import Replay
from core.process.redis_clients import REQUEST, open_redis
from core.process.silence import Silence
from core.storage.database import open_engine
from core.store import Store
from core.trust.book import TrustBook
from core.trust.published import RedisEvidence

#: Requests that are worked on at the same time, each with a connection to the database of its own.
THREADS = 10


@dataclass(frozen=True)
class Services:
    """Clients and core services of one process."""

    settings: ApiSettings

    @cached_property
    def redis(self) -> redis.Redis:
        """The Redis of cache and epochs, and on RabbitMQ of campaign progress."""
        return open_redis(self.settings.cache_url, REQUEST)

    @cached_property
    def store(self) -> Store:
        """SQL; what is written is told to the workers through Redis."""
        url, prepared = self.settings.database_url, self.settings.database_prepared_statements
        silence = Silence(self.settings.silence_s)
        engine = open_engine(url, pool_size=THREADS, prepared_statements=prepared, silence=silence)
        return Store(engine, self._epochs, evidence=RedisEvidence(self.redis, self.settings.key_prefix))

    @cached_property
    def _epochs(self) -> RedisEpochs:
        return RedisEpochs(self.redis, self.settings.key_prefix)

    @cached_property
    def rules(self) -> CurrentRules:
        """The country rules in use."""
        return CurrentRules(self.store, self._epochs)

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts and sub-accounts."""
        return Accounts(self.store)

    @cached_property
    def visitors(self) -> KnownVisitors:
        """Who asks."""
        return KnownVisitors(ApiKeys(self.store).authenticate)

    @cached_property
    def senders(self) -> Senders:
        """The inventory."""
        return Senders(self.store)

    @cached_property
    def trust(self) -> TrustBook:
        """What receipts say of senders."""
        return TrustBook(self.redis, self.settings.key_prefix)

    @cached_property
    def defaults(self) -> DefaultSenders:
        """Default senders, judged by the rules in use and the policy of the settings."""
        return DefaultSenders(self.store, self.rules, self.settings.policy)

    @cached_property
    def destinations(self) -> Destinations:
        """To which countries accounts send."""
        return Destinations(self.store)

    @cached_property
    def assign_all(self) -> AssignAll:
        """Default senders for many countries in one go."""
        return AssignAll(self.store, self.rules, self.settings.policy)

    def at_risk(self, days: int) -> AtRisk:
        """Which default senders cannot be used any more, or will not be within so many days."""
        return AtRisk(self.store, self.rules, self.settings.policy, timedelta(days=days))

    @cached_property
    def default_views(self) -> DefaultViews:
        """Who sees which default senders."""
        return DefaultViews(self.store)

    @cached_property
    def compliant_list(self) -> CompliantList:
        """The sender types that countries accept."""
        return CompliantList(self.rules, self.store.clock)

    @cached_property
    def progress(self) -> Progress:
        """The counts of campaigns, which the workers keep where the claims are."""
        return Progress(self.broker.progress_redis or self.redis, self.settings.key_prefix)

    @cached_property
    def broker(self) -> Broker:
        """Where the workers read."""
        return open_broker(self.settings)

    @cached_property
    def failed_logins(self) -> FailedLogins:
        """Wrong keys, counted across processes."""
        return FailedLogins(self.redis, self.settings.key_prefix)

    @cached_property
    def erasures(self) -> Erasures:
        """Removes what is kept of a recipient."""
        return Erasures(self.store)

    def replay(self) -> Replay:
        """Puts parked documents back on their queues; one for each request."""
        return Replay(self.store, self.broker.send, self.settings.lanes, BROKER_FAILURES)

    @cached_property
    def limiter(self) -> RateLimiter:
        """How often an account may ask."""
        return RateLimiter(self.settings.api_rate_limit)

    def close(self) -> None:
        """Close what is open."""
        parts = vars(self)
        if "store" in parts:
            self.store.engine.dispose()
        if "redis" in parts:
            self.redis.close()
        if "broker" in parts:
            self.broker.close()
