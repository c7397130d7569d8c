"""What a command needs of the queues: to enqueue, to read the end of one, to ask how a campaign is doing.

It loads neither SQL nor what decides, which a worker's `wiring.py` does.
"""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from functools import cache

from core.campaigns.progress import Progress
from core.process.loading import load
from worker.configuration import Configured, configured
from worker.handoff.access import BrokerAccess
from worker.settings import Settings

#: The client of one broker is loaded, not that of the other.
_ON_REDIS = "worker.redis_broker.access:RedisAccess"
_ON_RABBITMQ = "worker.rabbitmq_broker.access:RabbitAccess"


@dataclass(frozen=True, slots=True)
class QueueAccess:
    """The settings of this process, and its access to the broker."""

    settings: Settings
    broker: BrokerAccess

    @property
    def progress(self) -> Progress:
        """The counts of campaigns."""
        return Progress(self.broker.progress_redis, self.settings.key_prefix)


@cache
def queue_access() -> QueueAccess:
    """That of this process, closed when the process ends; nothing connects before it is used."""
    found = configured()
    broker = _access(found)
    atexit.register(broker.close)
    return QueueAccess(found.settings, broker)


def release_queue_access() -> None:
    """Close what is open, for who goes on afterwards under other settings."""
    if queue_access.cache_info().currsize:
        broker = queue_access().broker
        atexit.unregister(broker.close)
        broker.close()
        queue_access.cache_clear()


def _access(found: Configured) -> BrokerAccess:
    access: BrokerAccess = load(_ON_REDIS if found.settings.broker_is_redis else _ON_RABBITMQ)(*found)
    return access
