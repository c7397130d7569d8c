"""Claims: how documents leave a Redis list without ever being in one place only in memory.

A claim is documents moved aside under a deadline; a small Celery task that names it works on them. Settling a claim hands
off all that became of its documents in one script, once; a claim that nobody settles is taken up again after its deadline.
Times are the Redis server's own, so no worker's clock matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import redis

from core.metrics.catalogue import CAMPAIGN, CLAIMS_RECOVERED, RESEND, SINGLE
from core.metrics.counts import COUNTS
from worker.envelopes.sealing import work_envelope
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK
from worker.handoff.keys import INGRESS_LANE, MESSAGES_LANE, RESEND_LANE, Keys
from worker.handoff.large_work import LARGE_BYTES, LARGE_WORK
from worker.handoff.mark_arguments import mark_arguments
from worker.handoff.script_headers import (
    BeginHeader,
    ClaimHeader,
    OutboxHeader,
    PartHeader,
    PostponeHeader,
    RecoverHeader,
    SettleHeader,
    SplitHeader,
    TaskTemplate,
)
from worker.handoff.scripts import Scripts
from worker.handoff.settlement import Settled, Settlement
from worker.handoff.work_ids import new_work_id, taken_at
from worker.settings import Settings

RECOVER_AT_ONCE = 100
#: Claims' worth of a crowded queue that are parted together; Redis does nothing else meanwhile, for about 3 ms each.
PARTED_AT_ONCE = 3
#: What the script answers that begins a claim, where the claim is large.
TOO_LARGE = -1
#: Parked documents whose records are taken from the outbox together: so many, and so long in all, or one that is longer.
OUTBOX_PAGE, OUTBOX_BYTES = 500, 8_388_608
#: Small batches share the price of a task; large ones would fill the memory of the child that reads them all at once.
CAMPAIGN_CLAIM_BYTES = 1_048_576


class Lane(StrEnum):
    """Which way in a claim's documents came; the claim's id begins with it."""

    INGRESS = INGRESS_LANE
    MESSAGES = MESSAGES_LANE
    CAMPAIGN_INGRESS = "campaign_ingress"
    CAMPAIGNS = "campaigns"
    RESEND = RESEND_LANE

    @property
    def of_campaigns(self) -> bool:
        """Whether its documents are campaign batches, which have a work queue of their own."""
        return self in {Lane.CAMPAIGN_INGRESS, Lane.CAMPAIGNS}

    @property
    def counted_as(self) -> str:
        """The label under which its messages are counted."""
        if self is Lane.RESEND:
            return RESEND
        return CAMPAIGN if self.of_campaigns else SINGLE

    @property
    def of_tasks(self) -> bool:
        """Whether its documents are Celery task messages."""
        return self in {Lane.MESSAGES, Lane.CAMPAIGNS}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim of `count` documents that nobody works on yet; count 0: nothing waited, -1: the dispatch queue is full.

    `crowded`: much more waits, and much of it is one account's.
    """

    id: str
    count: int
    crowded: bool = False


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


class Claims:
    """The Redis side of the hand-off; every method is one trip. All may raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._keys = Keys(settings.key_prefix)
        self._scripts = Scripts(client, settings)
        self._most_at_once = max(LARGE_BYTES, settings.claim_bytes + settings.document_max_bytes)
        by_priority = settings.redis_options.lists_of
        self._sources = {
            Lane.INGRESS: [settings.ingress_queue],
            Lane.MESSAGES: by_priority(settings.messages_queue),
            Lane.CAMPAIGN_INGRESS: [settings.campaign_ingress_queue],
            Lane.CAMPAIGNS: by_priority(settings.campaigns_queue),
            Lane.RESEND: [settings.resend_queue],
        }

    def claim(self, lane: Lane, *, lines_first: bool = False) -> Claimed:
        """Claim what waits on a lane; of campaigns, one that gave way comes first.

        `lines_first`: of single messages, what waits in the line of an account comes first.
        """
        settings, of_campaigns = self._settings, lane.of_campaigns
        found = self._scripts.run(
            ClaimHeader(
                claim_id=new_work_id(lane),
                sources=self._sources[lane],
                most=settings.campaign_claim_size if of_campaigns else settings.claim_size,
                most_bytes=min(settings.claim_bytes, CAMPAIGN_CLAIM_BYTES) if of_campaigns else settings.claim_bytes,
                takes_up=of_campaigns,
                lines=None if of_campaigns else self._keys.lines(lane),
                line_stem=None if of_campaigns else self._keys.line_stem(lane),
                of_tasks=lane.of_tasks,
                lines_first=lines_first,
            )
        )
        return Claimed(found[0].decode(), found[1], crowded=bool(found[2]))

    def part(self, lane: Lane) -> bool:
        """Part what waits longest on a crowded lane by account; whether there is more to part."""
        header = PartHeader(
            claim_id=new_work_id(lane),
            sources=self._sources[lane],
            most=self._settings.claim_size,
            most_bytes=self._settings.claim_bytes,
            lines=self._keys.lines(lane),
            line_stem=self._keys.line_stem(lane),
            of_tasks=lane.of_tasks,
            rounds=PARTED_AT_ONCE,
        )
        return bool(self._scripts.run(header))

    def begin(self, claim_id: str) -> Claim | None:
        """Begin work on a claim, or None where it is settled already. A large one waits for its turn in this worker."""
        found = self._scripts.run(BeginHeader(claim_id, self._most_at_once))
        if found and found[0] == TOO_LARGE:
            LARGE_WORK.take()
            found = self._scripts.run(BeginHeader(claim_id))
        return Claim(claim_id, int(found[0]), found[1]) if found else None

    def settle(self, claim_id: str, outcome: Settlement) -> Settled | None:
        """Hand off a claim's outcome and end the claim; None where it had been settled before."""
        deferred_id = new_work_id(lane_of(claim_id), taken_at(claim_id)) if outcome.deferred else None
        return self._settle(outcome, claim_id=claim_id, deferred_id=deferred_id)

    def settle_task(self, task_id: str, outcome: Settlement) -> Settled | None:
        """Hand off the outcome of a task that Celery runs by itself; None where it had been settled before."""
        return self._settle(outcome, task_mark=self._keys.settled_task(task_id))

    def _settle(
        self,
        outcome: Settlement,
        *,
        claim_id: str | None = None,
        task_mark: str | None = None,
        deferred_id: str | None = None,
    ) -> Settled | None:
        marks = mark_arguments(outcome.marks)
        header = SettleHeader(
            messages=len(outcome.sealed),
            parked=len(outcome.parked),
            for_celery=len(outcome.for_celery),
            deferred=len(outcome.deferred),
            deferred_ms=int(outcome.deferred_s * 1000),
            repeats=outcome.repeats,
            second_marks=len(marks.second),
            flags=marks.flags,
            claim_id=claim_id,
            task_mark=task_mark,
            deferred_id=deferred_id,
            resends=outcome.resends,
        )
        answer = self._scripts.run(
            header,
            *outcome.sealed,
            *marks.first,
            *marks.second,
            *(part for entry in outcome.parked for part in entry),
            *outcome.for_celery,
            *outcome.deferred,
        )
        return None if answer is None else Settled(*answer)

    def postpone(self, claim: Claim, delay_s: float | None = None) -> None:
        """Put a claim off, as no failure: for `delay_s` seconds, or until a claimer has room for it again."""
        delay_ms = int((self._settings.claim_deadline_s if delay_s is None else delay_s) * 1000)
        self._scripts.run(PostponeHeader(claim.id, delay_ms, gives_way=delay_s is None))

    def make_due(self, claim_id: str) -> None:
        """Let a claim whose task came to no end be taken up at once, not at its deadline."""
        self._client.zadd(self._keys.claims, {claim_id: 0}, xx=True)

    def recover(self) -> list[str]:
        """Enqueue again the claims whose deadline has passed; gives their ids."""
        found = self._scripts.run(RecoverHeader(RECOVER_AT_ONCE, {str(lane): self._task(lane) for lane in Lane}))
        if found:
            COUNTS.add(CLAIMS_RECOVERED, len(found))
        return [claim_id.decode() for claim_id in found]

    def split(self, claim: Claim) -> int:
        """Make a claim of each document of `claim`, one attempt short of the last."""
        attempts = max(0, self._settings.claim_attempts - 1)
        return int(self._scripts.run(SplitHeader(claim.id, attempts, self._task(claim.lane))))

    def _task(self, lane: Lane) -> TaskTemplate:
        of_campaigns = lane.of_campaigns
        queue = self._settings.campaign_work_queue if of_campaigns else self._settings.work_queue
        return TaskTemplate(queue, work_envelope(BATCH_TASK if of_campaigns else WORK_TASK, queue).decode())

    def announce(self, notices: Sequence[tuple[str, bytes]]) -> int:
        """Send the notices of parked messages whose records are safe, each once; gives how many went out."""
        return int(self._scripts.run_bare("announce", *(part for notice in notices for part in notice)))

    def outbox_pages(self) -> Iterator[list[tuple[str, bytes]]]:
        """The parked messages whose notice has not gone out, with their records, a few hundred at a time."""
        cursor = b"0"
        while True:
            header = OutboxHeader(cursor.decode(), OUTBOX_PAGE, OUTBOX_BYTES)
            cursor, entries, later = self._scripts.run(header)
            if entries:
                yield [(key.decode(), record) for key, record in zip(entries[::2], entries[1::2], strict=True)]
            for key in later:
                record = self._client.hget(self._keys.outbox, key.decode())
                if record is not None:
                    yield [(key.decode(), record)]  # type: ignore[list-item]  # redis-py's types allow for a future
            if cursor == b"0":
                return

    def wait_for(self, lane: Lane, timeout_s: float) -> bool:
        """Block until a document waits on the lane's first list, at most `timeout_s`; takes nothing."""
        queue = self._sources[lane][0]
        # Moving a list's last element to its own end changes nothing, waits for one, and cannot lose it.
        moved = self._client.blmove(queue, queue, timeout_s, "RIGHT", "RIGHT")  # type: ignore[arg-type]  # Redis takes a fraction
        return moved is not None
