"""Receipts on a Redis list: each counts once, whatever happens in between, and what is none is parked."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import redis

from core.errors import StoreUnavailableError
from core.sender import SenderType
from core.trust.keys import SenderKey, TrustKeys
from core.trust.rates import Added, Rates, TrustPolicy
from tests.support.handoff_doubles import HeldSenders, ParkedRecords, RedisDouble, feedback_reader, receipt
from worker.handoff.keys import Keys
from worker.redis_broker.feedback import RedisFeedback
from worker.redis_broker.parking import Parking

QUEUE = "smart-assign.feedback"
KEYS, TRUST = Keys("smart-assign"), TrustKeys("smart-assign")
NUMBER = SenderKey("acme", "AU", SenderType.LONGCODE, "61491570006")


class Bench:
    """The lane of one worker, and all that it stands between."""

    def __init__(self) -> None:
        self.redis, self.held, self.records = RedisDouble(), HeldSenders(), ParkedRecords()
        parking = Parking(self.records, self.redis.claims, "smart-assign.parked")  # type: ignore[arg-type]
        self.lane = RedisFeedback(self.redis.client, feedback_reader(self.held), parking, self.redis.settings)

    def push(self, *documents: object) -> None:
        for each in documents:
            self.redis.client.lpush(QUEUE, each if isinstance(each, bytes) else json.dumps(each))

    def rates(self, key: SenderKey = NUMBER, source: str = "") -> Rates | None:
        raw: Any = self.redis.client.hget(TRUST.rates_stem + key.text, source)
        return None if raw is None else Rates(*json.loads(raw))

    def due(self) -> list[bytes]:
        return list(self.redis.client.zrange(TRUST.due, 0, -1))

    def let_claims_be_late(self) -> None:
        for claim in self.redis.client.zrange(KEYS.feedback_claims, 0, -1):
            self.redis.client.zadd(KEYS.feedback_claims, {claim: 0})


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_counts_singles_and_lists(bench: Bench) -> None:
    bench.push(receipt("delivered"), [receipt("failed")] * 3, receipt("delivered", country="NZ"))
    assert bench.lane.work(0.01) == 3
    rates = bench.rates()
    assert rates is not None
    assert (rates.delivered, rates.failed) == (1, 3)
    assert bench.rates(NUMBER._replace(country="NZ")) is not None
    assert len(bench.due()) == 2
    assert bench.lane.work(0.01) == 0
    assert bench.redis.client.keys("smart-assign:feedback*") == []


def test_the_script_does_what_the_arithmetic_says(bench: Bench) -> None:
    bench.push([receipt("delivered")] * 30 + [receipt("failed")] * 12 + [receipt("spam_report")])
    bench.lane.work(0.01)
    first = bench.rates()
    assert first is not None
    key = TRUST.rates_stem + NUMBER.text
    day_ago = first._replace(at=first.at - 86_400)
    bench.redis.client.hset(key, "", json.dumps(day_ago))
    bench.push([receipt("blocked")] * 5)
    bench.lane.work(0.01)
    second = bench.rates()
    assert second is not None
    newest = first.newest
    expected = day_ago.at_time(second.at, TrustPolicy()).plus(Added(0, 0, 5, 0, 0, 5, 0, newest))
    assert all(math.isclose(one, other, rel_tol=1e-6) for one, other in zip(second, expected, strict=True))


def test_it_parks_each_receipt_that_is_none_and_counts_the_others(bench: Bench) -> None:
    bench.push([receipt("lost"), receipt("delivered"), receipt(at="yesterday", campaign="c9")], b"{", receipt("failed"))
    bench.lane.work(0.01)
    rates = bench.rates()
    assert rates is not None
    assert (rates.delivered, rates.failed) == (1, 1)
    kept = sorted(bench.records.kept.values(), key=lambda each: each.detail)
    assert [(each.fields[0].field, each.account_id, each.lane) for each in kept] == [
        ("$", None, QUEUE),
        ("at", "acme", QUEUE),
        ("outcome", "acme", QUEUE),
    ]
    assert json.loads(kept[1].document) == receipt(at="yesterday", campaign="c9")
    assert [each["reason"] for each in bench.redis.bodies("smart-assign.parked")] == ["INVALID_MESSAGE"] * 3


def test_a_worker_that_dies_before_it_has_counted_loses_nothing_and_counts_nothing_twice(bench: Bench) -> None:
    bench.push(receipt())
    bench.held.away = True
    with pytest.raises(StoreUnavailableError):
        bench.lane.work(0.01)
    assert bench.rates() is None
    bench.held.away = False
    assert bench.lane.work(0.01) == 1
    bench.let_claims_be_late()
    assert bench.lane.work(0.01) == 0
    rates = bench.rates()
    assert rates is not None
    assert rates.failed == 1


def test_a_claim_that_two_work_on_counts_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Bench()
    other.redis = bench.redis
    parking = Parking(other.records, bench.redis.claims, "smart-assign.parked")  # type: ignore[arg-type]
    second = RedisFeedback(bench.redis.client, feedback_reader(bench.held), parking, bench.redis.settings)
    bench.push(receipt(), receipt("lost"))
    of = bench.held.of

    def slow(wanted: Any) -> Any:
        monkeypatch.setattr(bench.held, "of", of)
        bench.let_claims_be_late()
        assert second.work(0.01) == 2
        return of(wanted)

    monkeypatch.setattr(bench.held, "of", slow)
    assert bench.lane.work(0.01) == 2
    rates = bench.rates()
    assert rates is not None
    assert rates.failed == 1
    assert len(bench.redis.bodies("smart-assign.parked")) == 1


def test_waiting_for_sql_is_no_failure_of_the_documents(bench: Bench) -> None:
    bench.push(receipt())
    bench.held.away = True
    for _ in range(bench.redis.settings.claim_attempts + 3):
        with pytest.raises(StoreUnavailableError):
            bench.lane.work(0.01)
    bench.held.away = False
    assert bench.lane.work(0.01) == 1
    assert (bench.records.kept, bench.rates() is not None) == ({}, True)


def test_documents_on_which_work_never_ends_are_parked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.push(receipt(), receipt("delivered"))

    def dies(_: object) -> Any:
        raise MemoryError

    monkeypatch.setattr(bench.held, "of", dies)
    for _ in range(bench.redis.settings.claim_attempts):
        with pytest.raises(MemoryError):
            bench.lane.work(0.01)
        bench.let_claims_be_late()
    monkeypatch.setattr(bench.held, "of", lambda wanted: {})
    bench.lane.work(0.01)
    assert bench.records.reasons == ["RETRIES_EXHAUSTED"] * 2
    assert bench.rates() is None


def test_it_takes_no_more_at_once_than_fits_and_in_the_order_in_which_it_came(bench: Bench) -> None:
    large = [receipt("delivered", smsc="x" * 700_000, dispatch_id=str(place)) for place in range(3)]
    bench.push(receipt(), *large, receipt())
    assert [bench.lane.work(0.01) for _ in range(5)] == [2, 1, 1, 1, 0]
    rates = bench.rates()
    assert rates is not None
    assert (round(rates.delivered), round(rates.failed)) == (3, 2)


def test_it_outlives_what_is_no_record_of_ours(bench: Bench) -> None:
    bench.redis.client.hset(TRUST.rates_stem + NUMBER.text, "", b"{newer}")
    bench.push(receipt())
    bench.lane.work(0.01)
    rates = bench.rates()
    assert rates is not None
    assert rates.failed == 1


def test_with_redis_away_it_raises_and_loses_nothing(bench: Bench) -> None:
    bench.push(receipt())
    bench.redis.go(away=True)
    with pytest.raises(redis.ConnectionError):
        bench.lane.work(0.01)
    bench.redis.go(away=False)
    assert bench.lane.work(0.01) == 1


def test_a_strangers_receipts_change_nothing_and_are_no_fault(bench: Bench) -> None:
    bench.push([receipt(account_id="mallory")] * 100)
    assert bench.lane.work(0.01) == 1
    assert bench.redis.client.keys("smart-assign:trust:*") == []
    assert bench.records.kept == {}
