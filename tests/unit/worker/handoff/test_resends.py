"""Resends on either broker: handed off once, parked with their own queue, counted apart for their campaigns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from core.messages.resending import Resender
from core.parked.store import ParkedDocument
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
)
from worker.handoff.broker import PoolWork
from worker.handoff.keys import Keys
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.messages import RabbitMessages
from worker.redis_broker.claims import Lane
from worker.redis_broker.messages import RedisMessages
from worker.redis_broker.parking import Parking
from worker.settings import Settings

PROGRESS = Keys("smart-assign").progress("acme", "c1")


def resend(to: str = SENT, message_id: str = "m1", campaign_id: str | None = "c1", **fields: Any) -> bytes:
    message = {"message_id": message_id, "account_id": "acme", "to": to, "body": "hello", "campaign_id": campaign_id}
    message |= {"dispatch_id": f"d-{message_id}", "sender_id": "+61400000009", "sender_type": "longcode"}
    document = {"dispatch_id": f"d-{message_id}", "message": message | {"assignment": {"source": "smart"}}}
    return json.dumps(document | fields).encode()


class Bench:
    """Work on resends, over what is common to both brokers."""

    def __init__(self, window: int = 3600) -> None:
        self.redis = RedisDouble(Settings(idempotency_window=window))
        self.records, self.verdicts = ParkedRecords(), Verdicts()
        self.resender = Resender(self.verdicts, max_bytes=10_000, attempts=3, clock=lambda: NOW)
        self.redis.client.hset(PROGRESS, mapping={"dispatched": 5, "batches": 1})

    @property
    def counts(self) -> dict[str, int]:
        found = self.redis.client.hgetall(PROGRESS)
        return {name.decode(): int(value) for name, value in found.items()}

    @property
    def parked(self) -> Sequence[ParkedDocument]:
        return list(self.records.kept.values())


class OnRedis(Bench):
    def __init__(self, window: int = 3600) -> None:
        super().__init__(window)
        parking = Parking(self.records, self.redis.claims, self.redis.settings.parked_queue)  # type: ignore[arg-type]
        settings = self.redis.settings
        self.work = RedisMessages(self.redis.claims, assigner(), parking, settings, lambda: NOW, resender=self.resender)

    def on(self, *documents: bytes) -> dict[str, int]:
        return dict(self.work.on_work(PoolWork(self.redis.claimed(Lane.RESEND, *documents))))

    def dispatched(self) -> list[Any]:
        return self.redis.bodies(self.redis.settings.dispatch_queue)

    def waiting(self) -> list[bytes]:
        return self.redis.client.lrange(Keys("smart-assign").claim(self.redis.only_claim()), 0, -1)


class OnRabbit(Bench):
    def __init__(self, window: int = 3600) -> None:
        super().__init__(window)
        self.broker, client, settings = Broker(), self.redis.client, self.redis.settings
        self.work = RabbitMessages(
            assigner(),
            self.records,
            self.broker,
            Marks(client, settings),
            settings,
            earlier=EarlierWork(client, settings),
            clock=lambda: NOW,
            sleep=lambda _: None,
            resender=self.resender,
        )

    def on(self, *documents: bytes, **fields: Any) -> dict[str, int]:
        return dict(self.work.on_work(PoolWork("delivery-1", documents, resends=True, **fields)))

    def dispatched(self) -> list[Any]:
        return [json.loads(each.body) for each in self.broker.on(self.redis.settings.dispatch_queue)]

    def waiting(self) -> list[bytes]:
        return [each.body for each in self.broker.on(self.redis.settings.resend_queue)]


@pytest.fixture(params=[OnRedis, OnRabbit])
def bench(request: pytest.FixtureRequest) -> OnRedis | OnRabbit:
    made: OnRedis | OnRabbit = request.param()
    return made


def test_it_is_dispatched_once_and_counted_apart(bench: OnRedis | OnRabbit) -> None:
    assert bench.on(resend(), resend(), resend(message_id="m2", campaign_id=None)) == {
        "dispatched": 2,
        "parked": 0,
        "duplicates": 1,
    }
    assert bench.on(resend()) == {"dispatched": 0, "parked": 0, "duplicates": 1}
    assert [each["message_id"] for each in bench.dispatched()] == ["m1", "m2"]
    assert {each["assignment"]["attempt"] for each in bench.dispatched()} == {2}
    assert bench.counts == {"dispatched": 5, "batches": 1, "resent": 1}


def test_the_next_attempt_is_no_repeat(bench: OnRedis | OnRabbit) -> None:
    assert [bench.on(resend(attempt=attempt))["dispatched"] for attempt in (2, 3)] == [1, 1]
    assert bench.counts["resent"] == 2


def test_what_cannot_be_sent_is_parked_as_a_resend(bench: OnRedis | OnRabbit) -> None:
    assert bench.on(resend(REFUSED), resend(attempt=4), b"{}") == {"dispatched": 0, "parked": 3}
    assert {each.lane for each in bench.parked} == {"smart-assign.resend"}
    assert sorted(each.reason for each in bench.parked) == [
        "INVALID_MESSAGE",
        "NO_COMPLIANT_SENDER",
        "NO_COMPLIANT_SENDER",
    ]
    assert bench.counts == {"dispatched": 5, "batches": 1, "resend_parked": 2}


def test_what_must_wait_for_sql_waits_as_a_resend(bench: OnRedis | OnRabbit) -> None:
    waiting = resend(WAITS)
    assert bench.on(waiting, resend(message_id="m2"))["deferred"] == 1
    assert bench.waiting() == [waiting]
    assert bench.counts["resent"] == 1


def test_nothing_is_counted_for_a_campaign_that_is_not_known(bench: OnRedis | OnRabbit) -> None:
    bench.on(resend(campaign_id="c2"), resend(REFUSED, campaign_id="c2"))
    assert bench.redis.client.exists(Keys("smart-assign").progress("acme", "c2")) == 0
    assert bench.counts == {"dispatched": 5, "batches": 1}


@pytest.mark.parametrize("broker", [OnRedis, OnRabbit])
def test_without_a_window_it_is_counted_all_the_same(broker: type[OnRedis | OnRabbit]) -> None:
    bench = broker(window=0)
    assert bench.on(resend(), resend())["dispatched"] == 2
    assert bench.counts["resent"] == 2


def test_a_claim_begun_too_often_is_parked_with_the_ids_of_its_message() -> None:
    bench = OnRedis()
    claim_id = bench.redis.claimed(Lane.RESEND, resend())
    for _ in range(bench.redis.settings.claim_attempts):
        bench.redis.claims.begin(claim_id)
    assert bench.work.on_work(PoolWork(claim_id)) == {"dispatched": 0, "parked": 1}
    (parked,) = bench.parked
    assert (parked.reason, parked.lane) == ("RETRIES_EXHAUSTED", "smart-assign.resend")
    assert (parked.account_id, parked.message_id) == ("acme", "m1")


def test_a_delivery_too_many_is_parked_with_the_ids_of_its_message() -> None:
    bench = OnRabbit()
    assert bench.on(resend(), exhausted=1) == {"dispatched": 0, "parked": 1}
    assert [(each.lane, each.message_id) for each in bench.parked] == [("smart-assign.resend", "m1")]
