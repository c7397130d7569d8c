"""Receipts on a RabbitMQ queue: what is delivered again because its acknowledgement was lost counts once."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from core.errors import StoreUnavailableError
from core.sender import SenderType
from core.trust.keys import SenderKey, TrustKeys
from tests.support.handoff_doubles import Broker, HeldSenders, ParkedRecords, RedisDouble, feedback_reader, receipt
from worker.rabbitmq_broker.deliveries import Delivery
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.feedback import FeedbackParking, RabbitFeedback

TRUST = TrustKeys("smart-assign")
NUMBER = SenderKey("acme", "AU", SenderType.LONGCODE, "61491570006")


class Channel:
    """A channel that loses acknowledgements where it `breaks`; what is not acknowledged is delivered again."""

    def __init__(self) -> None:
        self.connection = SimpleNamespace(drain_events=self._nothing_comes)
        self.breaks = False
        self.acknowledged: list[int] = []

    def _nothing_comes(self, timeout: float) -> None:
        raise TimeoutError

    def basic_ack(self, tag: int, multiple: bool) -> None:
        if self.breaks:
            raise ConnectionResetError
        assert multiple
        self.acknowledged.append(tag)

    def basic_qos(self, *_: object) -> None:
        return


class Bench:
    """One worker's lane; `connect` gives it a new connection."""

    def __init__(self, shared: RedisDouble | None = None) -> None:
        self.redis, self.held, self.records, self.broker = (
            shared or RedisDouble(),
            HeldSenders(),
            ParkedRecords(),
            Broker(),
        )
        earlier = EarlierWork(self.redis.client, self.redis.settings)
        parking = FeedbackParking(self.records, self.broker, earlier, "smart-assign.parked")
        reader = feedback_reader(self.held)
        self.lane = RabbitFeedback("amqp://", self.redis.client, reader, parking, self.redis.settings)
        self.connections = 0
        self.connect()

    def connect(self) -> Channel:
        self.connections += 1
        channel = Channel()
        self.lane._channel, self.lane._connection_id = channel, f"{id(self)}-{self.connections}"
        return channel

    def deliver(self, *documents: object, redelivered: bool = False) -> None:
        for tag, each in enumerate(documents, 1):
            body = each if isinstance(each, bytes) else json.dumps(each).encode()
            self.lane._came.append(Delivery(tag, body, {}, None, None, False, redelivered))

    def failed(self) -> float:
        raw: Any = self.redis.client.hget(TRUST.rates_stem + NUMBER.text, "")
        return 0 if raw is None else float(json.loads(raw)[2])


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_counts_and_then_acknowledges(bench: Bench) -> None:
    channel = bench.connect()
    bench.deliver(receipt(), [receipt(), receipt("delivered")])
    assert bench.lane.work(0.01) == 2
    assert (bench.failed(), channel.acknowledged) == (2, [2])


def test_what_was_counted_and_not_acknowledged_counts_once_whoever_gets_it(bench: Bench) -> None:
    bench.connect().breaks = True
    bench.deliver(receipt(), receipt(dispatch_id="b"), receipt(dispatch_id="c"))
    with pytest.raises(ConnectionResetError):
        bench.lane.work(0.01)
    assert bench.failed() == pytest.approx(3, rel=1e-3)
    other = Bench(bench.redis)
    bench.connect()
    # The same worker gets one of them again together with a new one, another worker the rest and one like them.
    bench.deliver(receipt(), redelivered=True)
    bench.deliver(receipt(dispatch_id="new"))
    bench.lane.work(0.01)
    other.deliver(receipt(dispatch_id="b"), receipt(dispatch_id="c"), receipt(dispatch_id="c"), redelivered=True)
    other.lane.work(0.01)
    assert bench.failed() == pytest.approx(5, rel=1e-3)


def test_what_was_delivered_again_and_never_counted_counts(bench: Bench) -> None:
    bench.held.away = True
    bench.deliver(receipt())
    with pytest.raises(StoreUnavailableError):
        bench.lane.work(0.01)
    bench.held.away = False
    bench.connect()
    bench.deliver(receipt(), redelivered=True)
    bench.lane.work(0.01)
    assert bench.failed() == 1


def test_two_connections_lost_in_a_row_change_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.connect().breaks = True
        bench.deliver(receipt(), redelivered=bench.connections > 2)
        with pytest.raises(ConnectionResetError):
            bench.lane.work(0.01)
    assert bench.failed() == 1


def test_it_parks_what_is_no_receipt_once(bench: Bench) -> None:
    bench.connect().breaks = True
    bench.deliver(receipt("lost"), receipt())
    with pytest.raises(ConnectionResetError):
        bench.lane.work(0.01)
    bench.connect()
    bench.deliver(receipt("lost"), receipt(), redelivered=True)
    bench.lane.work(0.01)
    assert [each.fields[0].field for each in bench.records.kept.values()] == ["outcome"]
    assert bench.failed() == 1


def test_with_redis_away_nothing_is_acknowledged(bench: Bench) -> None:
    channel = bench.connect()
    bench.deliver(receipt())
    bench.redis.go(away=True)
    with pytest.raises(redis.ConnectionError):
        bench.lane.work(0.01)
    assert channel.acknowledged == []
