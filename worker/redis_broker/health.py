"""What a person is told of a Redis: whether it answers, and how long our lists are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import cast

import redis
from redis.exceptions import AuthenticationError

from core.process.redis_clients import PROBING, open_redis
from core.process.redis_refusals import refusal_words
from worker.addresses import masked
from worker.handoff.errors import UnfitError
from worker.handoff.keys import INGRESS_LANE, MESSAGES_LANE, RESEND_LANE, Keys
from worker.queues import our_queues
from worker.redis_broker.lines import waiting_in_lines
from worker.settings import Settings

#: What a server says it is -> why it will not do.
_UNFIT_MODES = {
    "cluster": "belongs to a Redis Cluster, whose nodes hold a part of the keys each: use a single Redis",
    "sentinel": "is a Sentinel, which holds no data: use the address of the Redis that it watches",
}
#: The oldest Redis that has every command of ours.
REDIS_MINIMUM = (6, 2)
#: How many lists are looked at for those that nobody reads, and how many keys in one step.
SCANNED_KEYS = 100_000
SCAN_STEP = 2_000


class RedisHealth:
    """Looks at a Redis broker. Every look ends within seconds, and may raise redis.RedisError."""

    def __init__(self, url: Callable[[], str], settings: Settings) -> None:
        self._url, self._settings = url, settings

    def describe(self) -> str:
        """Its version and its address. Raises UnfitError where it is too old, or refuses to be written to."""
        return describe_redis(self._url(), self._settings)

    def try_writing(self) -> None:
        """Cut each list to its whole length, which changes nothing. Raises UnfitError where that is refused."""
        with refusals_as_unfit(), open_redis(self._url(), PROBING) as client:
            for name in our_queues(self._settings):
                client.ltrim(name, 0, -1)

    def refusal(self) -> str | None:
        """Why it answers and cannot be used, as a sentence."""
        return redis_refusal(self._url())

    def queue_lengths(self) -> dict[str, int]:
        """How many messages wait on each of our queues, and in lines for their turn."""
        settings, keys = self._settings, Keys(self._settings.key_prefix)
        lists = {name: settings.redis_options.lists_of(name) for name in our_queues(settings)}
        with open_redis(self._url(), PROBING) as client, client.pipeline(transaction=False) as pipe:
            for each in chain.from_iterable(lists.values()):
                pipe.llen(each)
            lengths = iter(pipe.execute())
            found = {name: sum(next(lengths) for _ in each) for name, each in lists.items()}
            found[settings.ingress_queue] += waiting_in_lines(client, keys, INGRESS_LANE)
            found[settings.messages_queue] += waiting_in_lines(client, keys, MESSAGES_LANE)
            found[settings.resend_queue] += waiting_in_lines(client, keys, RESEND_LANE)
        return found

    def unread(self) -> dict[str, int]:
        """Lists that are named like a way in of ours but that no worker reads, with their lengths.

        Producers with other priority steps, another separator or a prefix write there. At most `SCANNED_KEYS` keys are
        looked at.
        """
        settings = self._settings
        ways_in = (
            settings.ingress_queue,
            settings.campaign_ingress_queue,
            settings.messages_queue,
            settings.campaigns_queue,
            settings.resend_queue,
            settings.feedback_queue,
        )
        ours = {name for queue in our_queues(settings) for name in settings.redis_options.lists_of(queue)}
        ours.add(settings.campaign_work_queue)
        with open_redis(self._url(), PROBING) as client:
            names = islice(client.scan_iter(count=SCAN_STEP, _type="LIST"), SCANNED_KEYS)
            texts = (name.decode(errors="replace") for name in names)
            found = sorted(
                text
                for text in texts
                if text not in ours
                and not text.startswith(f"{settings.key_prefix}:")
                and any(_is_like(text, way) for way in ways_in)
            )
            return {name: cast("int", client.llen(name)) for name in found}


def _is_like(name: str, queue: str) -> bool:
    """Whether a name is a queue's with something before it, or with a priority after it."""
    return name.endswith(queue) or bool(re.fullmatch(rf"{re.escape(queue)}\W{{1,16}}\d{{1,3}}", name, re.ASCII))


@contextmanager
def refusals_as_unfit() -> Iterator[None]:
    """Raises UnfitError, with the remedy, for what Redis refuses."""
    try:
        yield
    except redis.RedisError as error:
        words = refusal_words(error)
        if words is None:
            raise
        raise UnfitError(f"Redis refuses: {words}") from error


def describe_redis(url: str, settings: Settings) -> str:
    """The version and address of a Redis. Raises redis.RedisError; UnfitError where it is too old, or refuses a write."""
    with refusals_as_unfit(), open_redis(url, PROBING) as client:
        told = client.info("server")
        if (words := _mode_words(told, url)) is not None:
            raise UnfitError(words)
        # Nothing of that name is there, so nothing is written; but it is refused where a write would be.
        client.zadd(Keys(settings.key_prefix).claims, {"": 0}, xx=True)
    version = str(told.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS_MINIMUM:
        raise UnfitError(f"Redis {version} at {masked(url)} is too old: 6.2 or newer is needed")
    return f"Redis {version} at {masked(url)}"


def redis_refusal(url: str) -> str | None:
    """Why a Redis answers and cannot be used, as a sentence; None: it can, or it is away."""
    with open_redis(url, PROBING) as client, suppress(redis.RedisError):
        try:
            told = client.info("server")
        except AuthenticationError as error:
            return f"Redis at {masked(url)} does not let this program in: {error}"
        return _mode_words(told, url)
    return None


def _mode_words(told: Mapping[str, object], url: str) -> str | None:
    words = _UNFIT_MODES.get(str(told.get("redis_mode")))
    return None if words is None else f"the server at {masked(url)} {words}"
