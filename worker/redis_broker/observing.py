"""What is seen of a Redis broker from outside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import redis

from core.process.redis_clients import PROBING, open_redis
from worker.handoff.keys import INGRESS_LANE, MESSAGES_LANE, RESEND_LANE, Keys
from worker.handoff.observing import BrokerMemory, Looked, Looks, observed_names
from worker.handoff.script_headers import ObservedQueue
from worker.settings import Settings

#: What workers take from, of which the scripts that claim count how much.
_WAYS_IN = ("ingress", "campaign_ingress", "messages", "campaigns", "resend")


class RedisObserver:
    """Looks at lists and claims, over a connection of its own. Every method may raise redis.RedisError."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url, self._settings = url, settings
        self._groups = {name: self._lists(name, queue) for name, queue in observed_names(settings).items()}

    @cached_property
    def _client(self) -> redis.Redis:
        return open_redis(self._url, PROBING)

    @cached_property
    def _looks(self) -> Looks:
        return Looks(self._client, self._settings)

    def look(self) -> Looked:
        """One script looks at all."""
        return self._looks.look(self._groups, claims=True)

    def memory(self) -> BrokerMemory:
        """How much memory is in use, and what becomes of keys when there is no more."""
        told = self._client.info("memory")
        evicts = str(told.get("maxmemory_policy", "noeviction")) != "noeviction"
        return BrokerMemory(int(told.get("used_memory", 0)), int(told.get("maxmemory", 0)), evicts)

    def _lists(self, name: str, queue: str) -> Sequence[ObservedQueue]:
        if name in _WAYS_IN:
            lists = self._settings.redis_options.lists_of(queue) if name in {"messages", "campaigns"} else [queue]
            queues = [ObservedQueue(name=each, told="taken") for each in lists]
            if name in {INGRESS_LANE, MESSAGES_LANE, RESEND_LANE}:
                keys = Keys(self._settings.key_prefix)
                queues[0].lines, queues[0].line_stem = keys.lines(name), keys.line_stem(name)
            return queues
        if name == "dispatch":
            return [ObservedQueue(name=queue, told="dispatched")]
        return [ObservedQueue(name=each) for each in self._settings.redis_options.lists_of(queue)]

    def close(self) -> None:
        """Close the connection."""
        if "_client" in vars(self):
            self._client.close()
