"""Every Redis client of this program is made here, so that how long each waits stands in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.process.redis_packing import BulkPacker
from core.process.redis_refusals import leave_after_refusals

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

    `answer_s` None: without end. `tries_again` None: as often as redis-py does by itself. `bulk`: its commands have
    thousands of arguments.
    """

    connect_s: float
    answer_s: float | None
    tries_again: int | None
    health_check_s: int = 0
    bulk: bool = False


#: A worker's: Redis answers within a millisecond or is away, but a blocking command may wait for a second.
WORKING = Patience(connect_s=10.0, answer_s=10.0, tries_again=None, health_check_s=30, bulk=True)
#: A command that a person waits for: it answers or fails within two seconds.
PROBING = Patience(connect_s=2.0, answer_s=2.0, tries_again=0)
#: A request to the API. Tries once more, since the connection may have been closed while it was idle.
REQUEST = Patience(connect_s=2.0, answer_s=2.0, tries_again=1)
#: Documents of any size that are put back on a queue.
REPLAYING = Patience(connect_s=5.0, answer_s=None, tries_again=None)


def open_redis(url: str, patience: Patience) -> redis.Redis:
    """A client, which connects when it is first used; `url` may be kombu's."""
    options: dict[str, Any] = {}
    if patience.tries_again is not None:
        options["retry"] = Retry(NoBackoff(), patience.tries_again)
    if patience.bulk:
        options["command_packer"] = BulkPacker()
    client = redis.Redis.from_url(
        client_url(url),
        socket_timeout=patience.answer_s,
        socket_connect_timeout=patience.connect_s,
        health_check_interval=patience.health_check_s,
        **options,
    )
    leave_after_refusals(client.connection_pool)
    return client
