"""Work on campaign batches, on either broker: each chunk settled once, giving way, waiting, and parked with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from core.campaigns.progress import CampaignProgress, Progress
from core.errors import FieldError, ParkReason, StoreUnavailableError
from tests.support.handoff_doubles import (
    NOW,
    REFUSED,
    SENT,
    WAITS,
    Broker,
    ParkedRecords,
    RedisDouble,
    Verdicts,
    assigner,
    batch,
    soon,
)
from worker.handoff.broker import PoolWork
from worker.handoff.campaigns import BatchWork
from worker.handoff.chunks import Chunks
from worker.handoff.errors import NotConfirmedError
from worker.handoff.event_outbox import EventOutbox
from worker.handoff.keys import Keys
from worker.rabbitmq_broker.campaigns import RabbitBatches, RabbitHandOff
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.events import RabbitEvents
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.outgoing import AGAIN
from worker.redis_broker.campaigns import RedisBatches, RedisHandOff
from worker.redis_broker.claims import Lane
from worker.redis_broker.events import RedisEvents
from worker.redis_broker.parking import Parking
from worker.settings import Settings

KEYS = Keys("smart-assign")
NOTHING = {"dispatched": 0, "parked": 0}


class OnRedis:
    """Batches where Redis is the broker."""

    def __init__(self, **settings: object) -> None:
        self.redis = RedisDouble(Settings(**settings))  # type: ignore[arg-type]
        self.records, self.verdicts = ParkedRecords(), Verdicts()
        own = self.redis.settings
        parking = Parking(self.records, self.redis.claims, own.parked_queue)  # type: ignore[arg-type]
        chunks = Chunks(self.redis.client, own)
        self.outbox = EventOutbox(self.redis.client, RedisEvents(self.redis.client, own), own)
        hand_off = RedisHandOff(chunks, parking, own)
        work = BatchWork(assigner(self.verdicts), chunks, hand_off, self.outbox, own, clock=lambda: NOW)
        self.batches = RedisBatches(self.redis.claims, work, own)

    def deliver(self, *documents: bytes, lane: Lane = Lane.CAMPAIGN_INGRESS) -> str:
        return self.redis.claimed(lane, *documents)

    def events(self) -> list[Any]:
        return self.redis.bodies(self.redis.settings.events_queue)

    def sent(self) -> int:
        return len(self.redis.dispatched())


class OnRabbitMQ:
    """Batches where RabbitMQ is the broker, and Redis counts."""

    def __init__(self, before: Callable[[], None] | None = None) -> None:
        self.redis, self.records, self.verdicts = RedisDouble(), ParkedRecords(), Verdicts()
        self.broker, self.slept = Broker(before), list[float]()
        own, client = self.redis.settings, self.redis.client
        chunks, events = Chunks(client, own), RabbitEvents(self.broker, client, own)
        self.marks = Marks(client, own)
        hand_off = RabbitHandOff(
            chunks, self.records, self.broker, marks=self.marks, earlier=EarlierWork(client, own), settings=own
        )
        self.outbox = EventOutbox(client, events, own)
        work = BatchWork(assigner(self.verdicts), chunks, hand_off, self.outbox, own, clock=lambda: NOW)
        self.batches = RabbitBatches(work, self.broker, own, self.slept.append)

    def work(self, document: bytes, delivery: str = "delivery-1", **fields: Any) -> dict[str, int]:
        return dict(self.batches.on_work(PoolWork(delivery, [document], **fields)))

    def events(self) -> list[Any]:
        return [json.loads(each.body) for each in self.broker.on("smart-assign.events")]

    def sent(self) -> int:
        return len(self.broker.on("smart-assign.dispatch"))


def progress(of: OnRedis | OnRabbitMQ) -> CampaignProgress:
    return Progress(of.redis.client, "smart-assign").find("c1", "acme")


def test_on_redis_it_settles_a_batch_and_tells_of_the_campaigns_end() -> None:
    on = OnRedis()
    claim_id = on.deliver(batch(SENT, REFUSED, "nonsense", total_batches=1))
    assert on.batches.on_work(PoolWork(claim_id)) == {"dispatched": 1, "parked": 2, "duplicates": 0}
    assert on.records.reasons == ["INVALID_RECIPIENT", "NO_COMPLIANT_SENDER"]
    assert [(event["received"], event["parked"]) for event in on.events()] == [
        (3, {"INVALID_RECIPIENT": 1, "NO_COMPLIANT_SENDER": 1})
    ]
    assert on.batches.on_work(PoolWork(claim_id)) == NOTHING | {"settled_before": 1}


def test_on_rabbitmq_it_settles_a_batch_and_tells_of_the_campaigns_end() -> None:
    on = OnRabbitMQ()
    assert on.work(batch(SENT, REFUSED, total_batches=1)) == {"dispatched": 1, "parked": 1, "duplicates": 0}
    assert (on.sent(), on.records.reasons, len(on.broker.on("smart-assign.parked"))) == (1, ["NO_COMPLIANT_SENDER"], 1)
    assert [event["received"] for event in on.events()] == [2]


def test_on_redis_a_batch_gives_way_after_a_chunk_where_single_messages_wait_and_goes_on_where_it_stopped() -> None:
    on = OnRedis()
    claim_id = on.deliver(batch(*[SENT] * 1500))
    on.redis.client.lpush("smart-assign.ingress", b"a single message")
    assert on.batches.on_work(PoolWork(claim_id)) == {"dispatched": 1000, "parked": 0, "duplicates": 0, "yielded": 1}
    assert on.redis.claims.claim(Lane.CAMPAIGN_INGRESS).id == claim_id
    assert on.batches.on_work(PoolWork(claim_id))["dispatched"] == 500
    assert (on.sent(), progress(on).batches) == (1500, 1)


def test_on_redis_a_batch_that_must_wait_for_sql_is_put_off_and_that_is_no_failure() -> None:
    on = OnRedis(claim_attempts=1)
    claim_id = on.deliver(batch(WAITS))
    assert on.batches.on_work(PoolWork(claim_id)) == NOTHING | {"postponed": 1}
    assert soon(on.redis.until(claim_id))
    on.verdicts.away = False
    assert on.batches.on_work(PoolWork(claim_id))["dispatched"] == 1


def test_on_rabbitmq_a_batch_that_must_wait_for_sql_is_enqueued_again_after_a_pause() -> None:
    on = OnRabbitMQ()
    document = batch(WAITS)
    assert on.work(document) == NOTHING | {"deferred": 1}
    assert [(each.queue, each.body, each.message_id) for each in on.broker.published] == [
        ("smart-assign.ingress.campaigns", document, AGAIN)
    ]
    assert on.slept == [1.0]


@pytest.mark.parametrize(
    ("document", "reason", "words"),
    [
        pytest.param(b"{", "INVALID_MESSAGE", "not JSON", id="no JSON"),
        pytest.param(batch(), "INVALID_MESSAGE", "recipients", id="no recipient"),
        pytest.param(batch(SENT, body="x" * 2000), "INVALID_MESSAGE", "bytes long; at most 1000", id="too large"),
    ],
)
def test_a_batch_that_cannot_be_read_is_parked_whole_and_the_next_goes_out(
    document: bytes, reason: str, words: str
) -> None:
    on = OnRedis(batch_max_bytes=1000)
    counts = on.batches.on_work(PoolWork(on.deliver(document, batch(SENT))))
    assert (counts["parked"], counts["dispatched"]) == (1, 1)
    (parked,) = on.records.kept.values()
    assert (parked.reason, parked.document, words in parked.detail) == (reason, document, True)


def test_a_refused_batch_can_be_the_last_of_its_campaign() -> None:
    on = OnRedis()
    on.batches.on_work(PoolWork(on.deliver(batch(SENT, total_batches=2))))
    on.batches.on_work(PoolWork(on.deliver(batch(batch_id="b2"))))
    assert [(event["batches"], event["parked"]) for event in on.events()] == [(2, {"INVALID_MESSAGE": 1})]


def test_a_task_message_that_cannot_be_opened_is_parked_as_it_came() -> None:
    on = OnRedis()
    assert on.batches.on_work(PoolWork(on.deliver(b"no task", lane=Lane.CAMPAIGNS)))["parked"] == 1
    (parked,) = on.records.kept.values()
    assert (parked.document, parked.lane) == (b"no task", "smart-assign.campaigns")


def test_on_redis_a_claim_that_was_begun_too_often_is_split_and_the_batch_to_blame_parked() -> None:
    on = OnRedis(claim_attempts=1)
    claim_id = on.deliver(batch(SENT), batch(SENT, batch_id="b2"))
    on.redis.claims.begin(claim_id)
    assert on.batches.on_work(PoolWork(claim_id)) == NOTHING | {"split": 2}
    on.redis.claims.begin(f"{claim_id}.1")
    assert on.batches.on_work(PoolWork(f"{claim_id}.1"))["parked"] == 1
    (parked,) = on.records.kept.values()
    assert (parked.reason, parked.batch_id) == ("RETRIES_EXHAUSTED", "b1")


def test_on_rabbitmq_a_batch_that_was_delivered_too_often_is_parked_with_its_ids() -> None:
    on = OnRabbitMQ()
    assert on.work(batch(SENT), exhausted=1) == {"dispatched": 0, "parked": 1}
    (parked,) = on.records.kept.values()
    assert (parked.reason, parked.batch_id) == ("RETRIES_EXHAUSTED", "b1")


def test_on_rabbitmq_a_delivery_that_was_refused_is_parked_with_the_field_to_blame() -> None:
    on = OnRabbitMQ()
    assert on.work(b"?", refused=[FieldError("headers.task", "is unknown")])["parked"] == 1
    (parked,) = on.records.kept.values()
    assert (parked.reason, parked.fields[0].field) == ("INVALID_MESSAGE", "headers.task")


def test_on_rabbitmq_nothing_is_counted_that_was_not_confirmed() -> None:
    on = OnRabbitMQ()
    on.broker.fails = True
    with pytest.raises(NotConfirmedError):
        on.work(batch(SENT))
    on.broker.fails = False
    assert not on.redis.client.exists(KEYS.progress("acme", "c1"))
    assert on.work(batch(SENT), "delivery-2", redelivered=[0])["dispatched"] == 1


def test_on_rabbitmq_parked_records_are_safe_before_anything_is_published() -> None:
    on = OnRabbitMQ()
    on.records.away = True
    assert on.work(batch(SENT, REFUSED)) == NOTHING | {"deferred": 1}
    assert on.sent() == 0


def test_on_rabbitmq_a_batch_that_comes_again_after_the_count_is_not_counted_again() -> None:
    on = OnRabbitMQ()
    document = batch(SENT, total_batches=1)
    on.work(document)
    assert on.work(document, "delivery-2", redelivered=[0]) == NOTHING
    again = on.work(document, "delivery-3")
    assert (again["dispatched"], again["duplicates"]) == (0, 1)
    assert (on.sent(), len(on.events())) == (1, 1)


def test_a_crash_between_the_confirms_and_the_count_brings_the_same_messages_again_and_counts_them_once() -> None:
    def goes_away() -> None:
        on.redis.go(away=True)

    on = OnRabbitMQ(goes_away)
    with pytest.raises(redis.ConnectionError):
        on.work(batch(SENT))
    on.redis.go(away=False)
    assert not on.redis.client.exists(KEYS.progress("acme", "c1"))
    on.broker._before = None
    assert on.work(batch(SENT), "delivery-2", redelivered=[0])["dispatched"] == 1
    assert len({each.message_id for each in on.broker.on("smart-assign.dispatch")}) == 1
    assert progress(on).dispatched == 1


def test_an_event_that_cannot_be_sent_now_waits_for_housekeeping() -> None:
    on = OnRabbitMQ()

    def fails_after_the_messages() -> None:
        on.broker.fails = on.sent() > 0

    on.broker._before = fails_after_the_messages
    assert on.work(batch(SENT, total_batches=1))["dispatched"] == 1
    assert on.events() == []
    on.broker._before, on.broker.fails = None, False
    assert (on.outbox.flush(), len(on.events())) == (1, 1)


@pytest.mark.parametrize("on", [OnRedis(), OnRabbitMQ()], ids=["redis", "rabbitmq"])
def test_the_batch_of_a_task_that_celery_runs_is_handed_off_once_or_parked(on: OnRedis | OnRabbitMQ) -> None:
    assert [on.batches.on_task("t1", batch(SENT))["dispatched"] for _ in range(2)] == [1, 0]
    with pytest.raises(StoreUnavailableError):
        on.batches.on_task("t2", batch(WAITS, batch_id="b2"))
    assert on.batches.park_task("t3", batch(SENT, batch_id="b3"), ParkReason.EXPIRED, "too late")["parked"] == 1
    assert on.records.reasons == ["EXPIRED"]
