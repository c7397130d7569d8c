"""What is seen of the queues from outside: how many documents wait, and since when the oldest does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

import redis

from core.campaigns.progress import campaign_id_of
from worker.handoff.script_headers import ObservedQueue, ObserveHeader
from worker.handoff.scripts import Scripts
from worker.settings import Settings

#: How many deliveries came from each queue of RabbitMQ to this process, by the queue's name; not those that came before.
TAKEN: Counter[str] = Counter()


class Holding(Protocol):
    """What holds deliveries of RabbitMQ that have not ended."""

    @property
    def count(self) -> int:
        """How many."""


#: All that do so in this process.
HOLDING: WeakSet[Holding] = WeakSet()


class QueueLook(NamedTuple):
    """How many documents wait on a queue, and for how many seconds the oldest has at the most; None: it is not known."""

    waiting: int
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found. Queues by their names in the settings, without `_queue`.

    `campaigns` counts those in flight; `shares` are how much of some of them is settled, from 0 to 1, by the campaign's id.
    `claims_open` and `claims_overdue` are None on RabbitMQ; `in_hand`, deliveries that this worker holds, is None on Redis.
    """

    queues: Mapping[str, QueueLook]
    outbox: int
    in_hand: int | None = None
    campaigns: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)
    claims_open: int | None = None
    claims_overdue: int | None = None


def observed_names(settings: Settings) -> dict[str, str]:
    """The queues that are looked at, by their names in the settings, without `_queue`."""
    names = {name: getattr(settings, name) for name in type(settings).model_fields if name.endswith("_queue")}
    return {name.removesuffix("_queue"): queue for name, queue in names.items()}


class Looks:
    """Asks the Redis that keeps how many documents had come at earlier looks. May raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._scripts = Scripts(client, settings)

    def look(self, groups: Mapping[str, Sequence[ObservedQueue]], *, claims: bool) -> Looked:
        """Look at queues; one that is several lists is as old as the oldest of them."""
        queues = [queue for group in groups.values() for queue in group]
        answer: list[Any] = self._scripts.run(ObserveHeader(queues))
        *found, claims_open, overdue, outbox, in_flight, campaigns = answer
        each = iter(found)
        looks = {name: _together([next(each) for _ in group]) for name, group in groups.items()}
        seen = Looked(looks, outbox, campaigns=in_flight, shares=_shares(campaigns))
        return replace(seen, claims_open=claims_open, claims_overdue=overdue) if claims else seen


def _shares(campaigns: Sequence[Sequence[Any]]) -> dict[str, float]:
    """Of two accounts' campaigns of one id, the one that was last at it; those whose end is not known are left out."""
    shares: dict[str, float] = {}
    for key, batches, total in campaigns:
        if total:
            shares.setdefault(campaign_id_of(key.decode()), min(1.0, batches / total))
    return shares


def _together(found: Sequence[Sequence[int]]) -> QueueLook:
    age_ms = max(age for _, age in found)
    return QueueLook(sum(length for length, _ in found), None if age_ms < 0 else age_ms / 1000)


class BrokerMemory(NamedTuple):
    """Bytes in use and `maxmemory` (0: no limit) of the broker's Redis, and whether it drops keys when that is reached."""

    used: int
    limit: int
    evicts: bool
