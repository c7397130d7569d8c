"""Claims: how documents leave a Redis list without ever being in one place only in memory.

A claim is documents moved aside under a deadline; a small Celery task that names it works on them. Settling a claim hands
off all that became of its documents in one script, once; a claim that nobody settles is taken up again after its deadline.
Times are the Redis server's own, so no worker's clock matters.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import redis

from worker.envelopes.sealing import work_envelope
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK
from worker.handoff.keys import Keys
from worker.handoff.scripts import script_texts
from worker.handoff.settlement import TASK_MARK_S, Settled, Settlement
from worker.settings import Settings

#: A deferred claim waits this long before it is tried again.
DEFER_S = 2.0
RECOVER_AT_ONCE = 100
OUTBOX_PAGE = 500
#: Small batches share the price of a task; large ones would fill the memory of the child that reads them all at once.
CAMPAIGN_CLAIM_BYTES = 1_048_576


class Lane(StrEnum):
    """Which way in a claim's documents came; the claim's id begins with it."""

    INGRESS = "ingress"
    MESSAGES = "messages"
    CAMPAIGN_INGRESS = "campaign_ingress"
    CAMPAIGNS = "campaigns"

    @property
    def of_campaigns(self) -> bool:
        """Whether its documents are campaign batches, which have a work queue of their own."""
        return self in {Lane.CAMPAIGN_INGRESS, Lane.CAMPAIGNS}

    @property
    def of_tasks(self) -> bool:
        """Whether its documents are Celery task messages."""
        return self in {Lane.MESSAGES, Lane.CAMPAIGNS}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim of `count` documents that nobody works on yet; count 0: nothing waited, -1: the dispatch queue is full."""

    id: str
    count: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim whose work has begun; `attempt` counts from 1."""

    id: str
    attempt: int
    documents: list[bytes]

    @property
    def lane(self) -> Lane:
        """The way in."""
        return lane_of(self.id)


def lane_of(claim_id: str) -> Lane:
    """The way in that a claim's documents took."""
    return Lane(claim_id.partition("-")[0])


def is_of_newer_version(claim_id: str) -> bool:
    """Whether the claim is of a lane that this version does not know: only a newer one knows what is to become of it."""
    return claim_id.partition("-")[0] not in {str(lane) for lane in Lane}


def _task(lane: Lane, queue: str, claim: str = "@CLAIM@", count: str = "@COUNT@") -> bytes:
    return work_envelope(BATCH_TASK if lane.of_campaigns else WORK_TASK, queue, claim, count)


class Claims:
    """The Redis side of the hand-off; every method is one trip. All may raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._keys = Keys(settings.key_prefix)
        self._scripts = {name: client.register_script(text) for name, text in script_texts().items()}
        self._deadline_ms = int(settings.claim_deadline_s * 1000)
        by_priority = settings.redis_options.lists_of
        self._sources = {
            Lane.INGRESS: [settings.ingress_queue],
            Lane.MESSAGES: by_priority(settings.messages_queue),
            Lane.CAMPAIGN_INGRESS: [settings.campaign_ingress_queue],
            Lane.CAMPAIGNS: by_priority(settings.campaigns_queue),
        }

    def claim(self, lane: Lane) -> Claimed:
        """Claim what waits on a lane; of campaigns, one that gave way comes first."""
        settings, claim_id = self._settings, f"{lane}-{uuid.uuid4().hex}"
        gave_way = self._keys.gave_way if lane.of_campaigns else ""
        found = self._run(
            "claim",
            [self._keys.claim(claim_id), self._keys.claims, settings.dispatch_queue, gave_way, *self._sources[lane]],
            claim_id,
            settings.campaign_claim_size if lane.of_campaigns else settings.claim_size,
            min(settings.claim_bytes, CAMPAIGN_CLAIM_BYTES) if lane.of_campaigns else settings.claim_bytes,
            self._deadline_ms,
            settings.dispatch_max_length,
            self._keys.claim_stem,
        )
        return Claimed(found[0].decode(), found[1])

    def _work_queue(self, lane: Lane) -> str:
        return self._settings.campaign_work_queue if lane.of_campaigns else self._settings.work_queue

    def begin(self, claim_id: str) -> Claim | None:
        """Begin work on a claim, or None where it is settled already."""
        keys = [self._keys.claim(claim_id), self._keys.claims, self._keys.attempts]
        found = self._run("begin", keys, claim_id, self._deadline_ms)
        return Claim(claim_id, int(found[0]), found[1]) if found else None

    def settle(self, claim_id: str, settlement: Settlement) -> Settled | None:
        """Hand off a claim's outcome and end the claim; None where it had been settled before."""
        deferred_id = f"{lane_of(claim_id)}-{uuid.uuid4().hex}"
        return self._settle(self._keys.claim(claim_id), ["claim", claim_id], settlement, deferred_id)

    def settle_task(self, task_id: str, settlement: Settlement) -> Settled | None:
        """Hand off the outcome of a task that Celery runs by itself; None where it had been settled before."""
        return self._settle(self._keys.settled_task(task_id), ["mark", TASK_MARK_S], settlement, "")

    def _settle(self, guard: str, how: list[str | int], outcome: Settlement, deferred_id: str) -> Settled | None:
        settings = self._settings
        keys = [
            guard,
            self._keys.claims,
            self._keys.attempts,
            settings.dispatch_queue,
            self._keys.outbox,
            settings.work_queue,
            self._keys.claim(deferred_id),
            self._keys.counts,
            self._keys.seen_stem,
        ]
        answer = self._run(
            "settle",
            keys,
            *how,
            settings.idempotency_window,
            len(outcome.sealed),
            len(outcome.parked),
            len(outcome.for_celery),
            len(outcome.deferred),
            deferred_id,
            int(DEFER_S * 1000),
            outcome.repeats,
            *outcome.sealed,
            *outcome.marks,
            *(part for entry in outcome.parked for part in entry),
            *outcome.for_celery,
            *outcome.deferred,
        )
        return None if answer is None else Settled(*answer)

    def postpone(self, claim: Claim, delay_s: float | None = None) -> None:
        """Put a claim off, as no failure: for `delay_s` seconds, or until a claimer has room for it again."""
        keys = [
            self._keys.claim(claim.id),
            self._keys.claims,
            self._keys.attempts,
            self._keys.gave_way if delay_s is None else "",
        ]
        delay_ms = self._deadline_ms if delay_s is None else int(delay_s * 1000)
        self._run("postpone", keys, claim.id, delay_ms)

    def make_due(self, claim_id: str) -> None:
        """Let a claim whose task came to no end be taken up at once, not at its deadline."""
        self._client.zadd(self._keys.claims, {claim_id: 0}, xx=True)

    def recover(self) -> list[str]:
        """Enqueue again the claims whose deadline has passed; gives their ids."""
        queues = [self._work_queue(lane) for lane in (Lane.INGRESS, Lane.CAMPAIGN_INGRESS)]
        tasks = [work_envelope(WORK_TASK, queues[0]), work_envelope(BATCH_TASK, queues[1])]
        found = self._run(
            "recover",
            [self._keys.claims, *queues],
            self._keys.claim_stem,
            self._deadline_ms,
            RECOVER_AT_ONCE,
            *tasks,
            *Lane,
        )
        return [claim_id.decode() for claim_id in found]

    def split(self, claim: Claim) -> int:
        """Make a claim of each document of `claim`, one attempt short of the last."""
        work_queue = self._work_queue(claim.lane)
        keys = [self._keys.claim(claim.id), self._keys.claims, self._keys.attempts, work_queue]
        attempts = max(0, self._settings.claim_attempts - 1)
        task = _task(claim.lane, work_queue)
        return int(self._run("split", keys, claim.id, self._keys.claim_stem, self._deadline_ms, attempts, task))

    def announce(self, notices: Sequence[tuple[str, bytes]]) -> int:
        """Send the notices of parked messages whose records are safe, each once; gives how many went out."""
        parts = [part for notice in notices for part in notice]
        return int(self._run("announce", [self._keys.outbox, self._settings.parked_queue], *parts))

    def outbox_pages(self) -> Iterator[list[tuple[str, bytes]]]:
        """The parked messages whose notice has not gone out, with their records, a few hundred at a time."""
        cursor = 0
        while True:
            found: Any = self._client.hscan(self._keys.outbox, cursor, count=OUTBOX_PAGE)
            cursor, entries = found
            if entries:
                yield [(key.decode(), record) for key, record in entries.items()]
            if cursor == 0:
                return

    def wait_for(self, lane: Lane, timeout_s: float) -> bool:
        """Block until a document waits on the lane's first list, at most `timeout_s`; takes nothing."""
        queue = self._sources[lane][0]
        # Moving a list's last element to its own end changes nothing, waits for one, and cannot lose it.
        moved = self._client.blmove(queue, queue, timeout_s, "RIGHT", "RIGHT")  # type: ignore[arg-type]  # Redis takes a fraction
        return moved is not None

    def _run(self, script: str, keys: list[str], *args: str | int | bytes) -> Any:
        return self._scripts[script](keys=keys, args=args)
