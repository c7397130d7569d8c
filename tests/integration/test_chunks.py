"""Chunks of campaign batches on a real Redis: each settled once, counted with what it hands off, and the end told once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import redis

from core.cache.bounds import Bound, left_out
from core.campaigns.progress import NotCountedError, Progress
from core.contract.ids import MARK_BYTES
from worker.envelopes.kombu_messages import document_in
from worker.handoff.chunks import Chunk, Chunks, SettledChunk
from worker.handoff.event_outbox import EventOutbox
from worker.handoff.keys import Keys
from worker.handoff.settlement import Settled, Settlement
from worker.rabbitmq_broker.marks import Marks
from worker.redis_broker.claims import Claims, Lane
from worker.redis_broker.events import RedisEvents
from worker.settings import Settings

pytestmark = [pytest.mark.redis]

SETTINGS = Settings()
KEYS = Keys(SETTINGS.key_prefix)
AT = "2026-11-28T01:02:03Z"
ONE = Chunk("b-1", 0, 1, 3, "work-1", account_id="acme", campaign_id='c/1 "ü"', total_batches=1, at=AT)


@pytest.fixture
def chunks(redis_client: redis.Redis) -> Chunks:
    return Chunks(redis_client, SETTINGS)


def outcome(*names: str, parked: int = 0) -> Settlement:
    records = [(f"prk_{number}", b"record") for number in range(parked)]
    return Settlement([name.encode() for name in names], [name.encode().ljust(MARK_BYTES) for name in names], records)


def waiting_event(client: redis.Redis) -> dict[str, object]:
    (record,) = client.lrange(KEYS.event_outbox, 0, -1)  # type: ignore[misc]
    event: dict[str, object] = json.loads(document_in(record))
    return event


def test_it_hands_off_counts_and_tells_in_one_step(chunks: Chunks, redis_client: redis.Redis) -> None:
    chunk = replace(ONE, parked_by_reason={"INVALID_RECIPIENT": 1})
    assert chunks.settle_chunk(chunk, outcome("a", "b", parked=1)) == SettledChunk(1, 2, 0, 0, completed=1)
    assert redis_client.lrange(SETTINGS.dispatch_queue, 0, -1) == [b"b", b"a"]
    assert redis_client.hgetall(KEYS.outbox) == {b"prk_0": b"record"}
    assert redis_client.hgetall(KEYS.counts) == {b"dispatched": b"2", b"parked": b"1"}
    assert waiting_event(redis_client) == {
        "schema": 1,
        "event": "campaign.completed",
        "at": AT,
        "account_id": "acme",
        "campaign_id": 'c/1 "ü"',
        "received": 3,
        "dispatched": 2,
        "duplicates": 0,
        "parked": {"INVALID_RECIPIENT": 1},
        "batches": 1,
        "total_batches": 1,
    }


def test_an_event_says_of_no_parked_message_with_an_empty_object(chunks: Chunks, redis_client: redis.Redis) -> None:
    chunks.settle_chunk(ONE, outcome("a"))
    assert waiting_event(redis_client)["parked"] == {}


def test_it_tells_of_a_campaigns_end_once_whatever_is_settled_after(chunks: Chunks, redis_client: redis.Redis) -> None:
    chunks.settle_chunk(ONE, outcome("a"))
    later = replace(ONE, batch_key="b-2", work_id="work-2")
    assert chunks.settle_chunk(later, outcome("b")).completed == 0
    outbox = EventOutbox(redis_client, RedisEvents(redis_client, SETTINGS), SETTINGS)
    assert (outbox.flush(), outbox.flush(), redis_client.llen(SETTINGS.events_queue)) == (1, 0, 1)


def test_it_settles_once_for_the_same_work_and_counts_another_delivery_once(
    chunks: Chunks, redis_client: redis.Redis
) -> None:
    chunks.settle_chunk(ONE, outcome("a"))
    assert chunks.settle_chunk(ONE, outcome("a")).outcome == 0
    again = replace(ONE, work_id="work-2")
    assert [chunks.settle_chunk(again, outcome("x"))[:3] for _ in range(2)] == [(2, 0, 3), (2, 0, 3)]
    assert redis_client.lrange(SETTINGS.dispatch_queue, 0, -1) == [b"a"]
    found = Progress(redis_client, SETTINGS.key_prefix).find(ONE.campaign_id)
    assert (found.dispatched, found.duplicates, found.batches) == (1, 3, 1)


def test_it_settles_nothing_whose_claim_is_gone(chunks: Chunks, redis_client: redis.Redis) -> None:
    assert chunks.settle_chunk(replace(ONE, claim_id="campaigns-1"), outcome("a")).outcome == 0
    assert redis_client.keys() == []
    claims = Claims(redis_client, SETTINGS)
    redis_client.lpush(SETTINGS.campaign_ingress_queue, b"batch")
    claim_id = claims.claim(Lane.CAMPAIGN_INGRESS).id
    assert chunks.settle_chunk(replace(ONE, claim_id=claim_id), outcome("a")).outcome == 1


def test_it_says_in_how_many_queues_single_messages_wait(chunks: Chunks, redis_client: redis.Redis) -> None:
    for queue in (SETTINGS.ingress_queue, SETTINGS.messages_queue):
        redis_client.lpush(queue, b"1")
    assert [chunks.settle_chunk(ONE, outcome()).waiting for _ in range(2)] == [2, 2]


def test_it_lists_an_accounts_campaigns_the_newest_first(chunks: Chunks, redis_client: redis.Redis) -> None:
    listing = Progress(redis_client, SETTINGS.key_prefix)
    for number in range(5):
        for account in ("acme", "acme:1"):
            campaign = f"c-{number}"
            batch = f"{account} {campaign}"
            chunks.settle_chunk(replace(ONE, batch_key=batch, account_id=account, campaign_id=campaign), outcome(batch))
    assert [each.campaign_id for each in listing.listed("acme", limit=9)] == ["c-4", "c-3", "c-2", "c-1", "c-0"]
    assert [each.campaign_id for each in listing.listed("acme", limit=2, after="c-3")] == ["c-2", "c-1"]
    assert listing.listed("acme", limit=2)[0].complete
    assert listing.listed("stranger", limit=9) == listing.listed("acme", limit=9, after="c-9") == []
    redis_client.delete(KEYS.progress("acme", "c-3"))  # forgotten
    assert [each.campaign_id for each in listing.listed("acme", limit=2)] == ["c-4", "c-2"]


def test_a_batch_counts_when_its_last_chunk_is_settled(chunks: Chunks, redis_client: redis.Redis) -> None:
    parts = [replace(ONE, number=number, of=3) for number in (2, 0, 1)]
    settled = [chunks.settle_chunk(part, outcome(str(part.number))) for part in parts]
    assert [each.completed for each in settled] == [0, 0, 1]
    assert waiting_event(redis_client)["batches"] == 1


def test_a_part_that_is_sent_again_is_no_batch_and_parked_no_more(chunks: Chunks, redis_client: redis.Redis) -> None:
    chunks.settle_chunk(replace(ONE, parked_by_reason={"NO_COMPLIANT_SENDER": 2}), outcome("a", parked=2))
    redis_client.delete(KEYS.event_outbox)
    part = replace(ONE, batch_key="part", work_id="work-2", part_reason="NO_COMPLIANT_SENDER", recipients=1)
    assert chunks.settle_chunk(part, outcome("b"))[:3] == (1, 1, 0)
    found = Progress(redis_client, SETTINGS.key_prefix).find(ONE.campaign_id, "acme")
    assert (found.dispatched, found.parked, found.batches) == (2, {"NO_COMPLIANT_SENDER": 1}, 1)
    assert not redis_client.exists(KEYS.event_outbox)


def test_what_another_broker_took_is_counted_and_reserved_no_more(chunks: Chunks, redis_client: redis.Redis) -> None:
    taken = [b"1".ljust(MARK_BYTES), b"2".ljust(MARK_BYTES)]
    marks = Marks(redis_client, SETTINGS)
    assert marks.reserve(taken) == set()
    settled = chunks.settle_chunk(replace(ONE, sent=Settled(2, 1), sent_marks=taken), Settlement())
    assert settled[:3] == (1, 2, 1)
    assert redis_client.zcard(KEYS.reserved) == 0
    assert marks.reserve(taken) == {0, 1}
    assert not redis_client.exists(SETTINGS.dispatch_queue)


def test_a_batch_that_nobody_knows_whose_it_is_counts_for_no_campaign(
    chunks: Chunks, redis_client: redis.Redis
) -> None:
    refused = Chunk("refused:1", 0, 1, 1, "work-1", at=AT, parked_by_reason={"INVALID_MESSAGE": 1})
    assert chunks.settle_chunk(refused, outcome(parked=1))[:3] == (1, 0, 0)
    assert redis_client.keys("*campaign*") == []
    assert redis_client.hgetall(KEYS.counts) == {b"parked": b"1"}


# ---- how many campaigns of an account are counted ----


@pytest.fixture
def bounded(redis_client: redis.Redis) -> Chunks:
    return Chunks(redis_client, SETTINGS.model_copy(update={"campaigns_a_day": 2}))


def campaign(name: str, **changes: object) -> Chunk:
    return replace(ONE, batch_key=name, campaign_id=name, work_id=name, **changes)  # type: ignore[arg-type]


def test_it_sends_a_campaign_too_many_and_does_not_count_it(bounded: Chunks, redis_client: redis.Redis) -> None:
    progress = Progress(redis_client, SETTINGS.key_prefix)
    for name in ("c1", "c2"):
        assert bounded.settle_chunk(campaign(name), outcome(name)).not_counted == 0
    before = set(redis_client.keys())
    settled = bounded.settle_chunk(campaign("c3"), outcome("c3"))
    assert settled == SettledChunk(1, 1, 0, 0, completed=0, not_counted=3)
    assert bounded.settle_chunk(campaign("c3"), outcome("c3")).outcome == 0
    assert redis_client.llen(SETTINGS.dispatch_queue) == 3
    new = {key.decode() for key in set(redis_client.keys()) - before}  # type: ignore[operator]
    assert {name.rpartition(":")[0] for name in new} == {
        KEYS.not_counted_stem[:-1],
        "smart-assign",
        KEYS.batch("")[:-1],
    }
    assert 0 < redis_client.ttl(KEYS.batch("c3")) <= 86_400  # type: ignore[operator]
    with pytest.raises(NotCountedError, match="CAMPAIGNS_A_DAY"):
        progress.find("c3", "acme")
    assert left_out(SETTINGS.key_prefix, [redis_client])[Bound.CAMPAIGNS] == 3


def test_one_that_is_counted_goes_on_being_counted(bounded: Chunks, redis_client: redis.Redis) -> None:
    for number, name in enumerate(("c1", "c2", "c1")):
        bounded.settle_chunk(
            campaign(name, total_batches=2) if number < 2 else replace(campaign(name), batch_key="2"), outcome()
        )
    assert Progress(redis_client, SETTINGS.key_prefix).find("c1", "acme").batches == 2


def test_campaigns_of_accounts_that_do_not_exist_are_bounded_together(bounded: Chunks) -> None:
    told = [
        bounded.settle_chunk(campaign(name, account_id=name, account_exists=False), outcome()).not_counted
        for name in ("c1", "c2", "c3")
    ]
    assert told == [0, 0, 3]
    assert bounded.settle_chunk(campaign("c4"), outcome()).not_counted == 0
