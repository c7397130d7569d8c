"""Every Redis client of this program is made here, so that how long each waits stands in one place."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry
from redis.sentinel import Sentinel

from core.metrics.catalogue import REDIS_ERRORS
from core.metrics.counts import COUNTS
from core.process.redis_packing import BulkPacker
from core.process.redis_refusals import leave_after_refusals
from core.process.sentinel import SentinelAddress, is_sentinel
from core.process.silence import Silence

_T = TypeVar("_T")

_CERTIFICATE_WORD = re.compile(r"(?<=[?&]ssl_cert_reqs=)CERT_(NONE|OPTIONAL|REQUIRED)\b")


def client_url(url: str) -> str:
    """Kombu's URL of a Redis socket, or with Celery's words for `ssl_cert_reqs`, as redis-py spells it; others as is."""
    parts = urlsplit(url)
    if parts.scheme == "rediss":
        return _CERTIFICATE_WORD.sub(lambda word: word[1].lower(), url)
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0].lstrip("/")
    return f"unix://{parts.netloc}{parts.path}?db={database or '0'}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits for a connection and for an answer, and how often it tries again.

    `tries_again` None: as often as redis-py does by itself, for as long as an answer may take and half of it. `bulk`: its
    commands have thousands of arguments.
    """

    connect_s: float
    answer_s: float
    tries_again: int | None
    health_check_s: float = 0
    bulk: bool = False

    def retry(self) -> Retry:
        """What redis-py is to do about a connection that fails."""
        if self.tries_again is not None:
            return CountedRetry(NoBackoff(), self.tries_again)
        return RetryForAWhile(1.5 * self.answer_s)


class CountedRetry(Retry):
    """As redis-py's; every try that fails counts for metrics, but for a script that Redis has to be sent first."""

    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> _T:
        """As redis-py's."""

        def counted() -> _T:
            try:
                return do()
            except redis.RedisError as error:
                if not isinstance(error, NoScriptError):
                    COUNTS.add(REDIS_ERRORS)
                raise

        return super().call_with_retry(counted, fail, is_retryable, with_failure_count)


class RetryForAWhile(CountedRetry):
    """As often as redis-py does by itself, but for so many seconds at most: of a silent peer each try is a time-out."""

    def __init__(self, seconds: float) -> None:
        super().__init__(ExponentialWithJitterBackoff(base=0.01, cap=1), retries=10)
        self._seconds = seconds

    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> _T:
        """As redis-py's."""
        until = time.monotonic() + self._seconds

        def may_be_tried(error: Exception) -> bool:
            return time.monotonic() < until and (is_retryable is None or is_retryable(error))

        return super().call_with_retry(do, fail, may_be_tried, with_failure_count)


def working(silence_s: float) -> Patience:
    """A worker's: Redis answers within a millisecond or is away, but a blocking command may wait for a second."""
    answer_s = Silence(silence_s).redis_s
    return Patience(connect_s=answer_s, answer_s=answer_s, tries_again=None, health_check_s=answer_s, bulk=True)


#: A command that a person waits for: it answers or fails within two seconds.
PROBING = Patience(connect_s=2.0, answer_s=2.0, tries_again=0)
#: A request to the API. Tries once more, since the connection may have been closed while it was idle.
REQUEST = Patience(connect_s=2.0, answer_s=2.0, tries_again=1)
#: Documents of any size that are put back on a queue.
REPLAYING = Patience(connect_s=5.0, answer_s=30.0, tries_again=0)


def open_redis(url: str, patience: Patience) -> redis.Redis:
    """A client, which connects when it is first used; `url` may be kombu's."""
    place = client_url(url)
    options: dict[str, Any] = {
        "retry": patience.retry(),
        "socket_timeout": patience.answer_s,
        "socket_connect_timeout": patience.connect_s,
        "health_check_interval": patience.health_check_s,
    }
    if not place.startswith("unix:"):
        options |= {"socket_keepalive": True, "socket_keepalive_options": Silence(4 * patience.answer_s).keep_alive()}
    if patience.bulk:
        options["command_packer"] = BulkPacker()
    client = _behind_sentinel(place, options) if is_sentinel(place) else redis.Redis.from_url(place, **options)
    leave_after_refusals(client.connection_pool)
    return client


def _behind_sentinel(url: str, options: dict[str, Any]) -> redis.Redis:
    """A client that asks the Sentinels for the primary whenever it dials."""
    address = SentinelAddress.of(url)
    timeouts = {name: value for name, value in options.items() if name.startswith("socket_")}
    sentinels: Any = Sentinel  # redis-py has no types for it
    client: redis.Redis = sentinels(address.nodes, sentinel_kwargs=timeouts | address.sentinel_options).master_for(
        address.master_name, **options | address.redis_options
    )
    return client
