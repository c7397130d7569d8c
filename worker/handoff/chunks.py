"""Chunks of campaign batches: each is handed off once for its batch, and counted in the same script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import redis

from core.campaigns.batch import Batch
from worker.handoff.keys import Keys
from worker.handoff.mark_arguments import MarkArguments, mark_arguments
from worker.handoff.script_headers import ChunkHeader
from worker.handoff.scripts import Scripts
from worker.handoff.settlement import Settled, Settlement
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a campaign batch that is to be settled.

    `sent` counts what another broker has taken already, `sent_marks` names it; `part_reason` is why a part that is sent again was parked;
    `content` tells the batch by what it says; `account_exists` is false too
    where the batch cannot be read.
    """

    batch_key: str
    number: int
    of: int
    recipients: int
    work_id: str
    claim_id: str = ""
    account_id: str = ""
    campaign_id: str = ""
    total_batches: int | None = None
    at: str = ""
    part_reason: str = ""
    sent: Settled = field(default_factory=lambda: Settled(0, 0))
    sent_marks: Sequence[bytes] = ()
    redelivered: bool = False
    parked_by_reason: Mapping[str, int] = field(default_factory=dict)
    content: str = ""
    account_exists: bool = True


SETTLED_NOW = 1
#: How long a batch is known as settled of which no account is known: anybody may send any number of them.
NOBODYS_BATCH_S = 86_400


class SettledChunk(NamedTuple):
    """What became of a chunk. `outcome` 0: settled before by the same work, 1: now, 2: by another delivery.

    `waiting` counts the queues in which single messages wait; `completed`: the campaign's last batch is settled, and the
    event that says so waits in the outbox; `not_counted` are recipients of a campaign that is one too many of the day's.
    """

    outcome: int
    dispatched: int
    duplicates: int
    waiting: int
    completed: int
    not_counted: int = 0


#: The field of a batch's hash that says whose it is.
_SUBACCOUNT = "subaccount"


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that is worked on: its key in Redis, and who settled which of its chunks."""

    key: str
    settled: Mapping[int, str]


def _chunks_in(found: Mapping[bytes, bytes]) -> dict[int, str]:
    return {int(name): owner.decode() for name, owner in found.items() if name.isdigit()}


class Chunks:
    """The Redis side of campaigns, on either broker. Every method may raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client, self._keys, self._progress_ttl = client, Keys(settings.key_prefix), settings.progress_ttl
        self._scripts = Scripts(client, settings)

    def open_batch(self, batch: Batch) -> OpenBatch:
        """The key under which a batch is settled, and what is settled of it.

        Who comes first takes the key that workers of the first edition know; the same batch id of another sub-account
        is another batch, and has a key of its own. Such workers leave no name on the chunks that they settle: those are
        the first comer's.
        """
        settled = self._claimed(batch.key, batch.shared.subaccount_id or "")
        if settled is not None:
            return OpenBatch(batch.key, settled)
        key = batch.key_of_subaccount
        found: dict[bytes, bytes] = self._client.hgetall(self._keys.batch(key))  # type: ignore[assignment]
        return OpenBatch(key, _chunks_in(found))

    def _claimed(self, key: str, subaccount_id: str) -> dict[int, str] | None:
        """The settled chunks under a key that is now, or was before, this sub-account's; None: it is another's."""
        name = self._keys.batch(key)
        with self._client.pipeline() as pipeline:
            pipeline.hsetnx(name, _SUBACCOUNT, subaccount_id)
            pipeline.hgetall(name)
            found: dict[bytes, bytes] = pipeline.execute()[1]
        return _chunks_in(found) if found[_SUBACCOUNT.encode()].decode() == subaccount_id else None

    def settle_chunk(self, chunk: Chunk, outcome: Settlement) -> SettledChunk:
        """Hand off one chunk of a campaign batch, and count it; once for each batch, whoever works on it."""
        marks, sent_marks = mark_arguments(outcome.marks), mark_arguments(chunk.sent_marks)
        answer = self._scripts.run(
            self._header(chunk, outcome, marks, sent_marks),
            *sent_marks.first,
            *sent_marks.second,
            *outcome.sealed,
            *marks.first,
            *marks.second,
            *(part for entry in outcome.parked for part in entry),
        )
        return SettledChunk(*answer)

    def _header(
        self, chunk: Chunk, outcome: Settlement, marks: MarkArguments, sent_marks: MarkArguments
    ) -> ChunkHeader:
        keys = self._keys
        return ChunkHeader(
            batch=keys.batch(chunk.batch_key),
            chunk=chunk.number,
            of=chunk.of,
            recipients=chunk.recipients,
            work_id=chunk.work_id,
            claim_id=chunk.claim_id or None,
            account_id=chunk.account_id,
            campaign_id=chunk.campaign_id,
            progress=keys.progress(chunk.account_id, chunk.campaign_id) if chunk.campaign_id else None,
            accounts=keys.campaign_accounts(chunk.campaign_id),
            campaigns=keys.campaigns_of(chunk.account_id),
            total_batches=chunk.total_batches,
            at=chunk.at,
            counted_for=chunk.account_id if chunk.account_exists else "",
            batch_s=self._progress_ttl if chunk.account_exists else min(NOBODYS_BATCH_S, self._progress_ttl),
            part_reason=chunk.part_reason or None,
            parked_by_reason=chunk.parked_by_reason,
            messages=len(outcome.sealed),
            parked=len(outcome.parked),
            sent_marks=len(chunk.sent_marks),
            sent_dispatched=chunk.sent.dispatched,
            sent_duplicates=chunk.sent.duplicates + outcome.repeats,
            second_marks=len(marks.second),
            flags=marks.flags,
            sent_second_marks=len(sent_marks.second),
        )
