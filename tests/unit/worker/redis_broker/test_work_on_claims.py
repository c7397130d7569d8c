"""Work on claims of single messages: what goes out, what waits, and what comes again when a service is away."""

from __future__ import annotations

import pytest
import redis

from core.errors import ParkReason, StoreUnavailableError
from tests.support.handoff_doubles import (
    NOW,
    REFUSED,
    SENT,
    WAITS,
    ParkedRecords,
    RedisDouble,
    Verdicts,
    assigner,
    document,
    soon,
)
from worker.handoff.broker import PoolWork
from worker.handoff.keys import Keys
from worker.redis_broker.claims import Claims, Lane
from worker.redis_broker.messages import RedisMessages
from worker.redis_broker.parking import Parking
from worker.settings import Settings

KEYS = Keys("smart-assign")


class Bench:
    """Work on the messages of one Redis, and all that it stands between."""

    def __init__(self, **settings: object) -> None:
        self.redis = RedisDouble(Settings(**settings))  # type: ignore[arg-type]
        self.records, self.verdicts = ParkedRecords(), Verdicts()
        self.parking = Parking(self.records, self.redis.claims, self.redis.settings.parked_queue)  # type: ignore[arg-type]
        self.work = RedisMessages(
            self.redis.claims, assigner(self.verdicts), self.parking, self.redis.settings, clock=lambda: NOW
        )

    def notices(self) -> list[str]:
        return [each["reason"] for each in self.redis.bodies("smart-assign.parked")]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_hands_off_what_became_of_each_document_and_ends_the_claim(bench: Bench) -> None:
    claim_id = bench.redis.claimed(Lane.INGRESS, document(SENT, "a"), document(REFUSED, "b"), document(WAITS, "c"))
    assert bench.work.on_work(PoolWork(claim_id)) == {"dispatched": 1, "parked": 1, "deferred": 1}
    assert bench.redis.dispatched() == ["a"]
    assert bench.records.reasons == bench.notices() == ["NO_COMPLIANT_SENDER"]
    assert bench.work.on_work(PoolWork(claim_id)) == {"dispatched": 0, "parked": 0, "settled_before": 1}


def test_what_must_wait_for_sql_is_a_claim_of_its_own_and_goes_out_later(bench: Bench) -> None:
    bench.work.on_work(PoolWork(bench.redis.claimed(Lane.INGRESS, document(WAITS, "c"))))
    waiting = bench.redis.only_claim()
    assert soon(bench.redis.until(waiting))
    bench.verdicts.away = False
    assert bench.work.on_work(PoolWork(waiting)) == {"dispatched": 1, "parked": 0}


def test_a_claim_whose_redis_is_away_while_it_is_settled_is_settled_later_and_once(bench: Bench) -> None:
    claim_id = bench.redis.claimed(Lane.INGRESS, document())

    class GoesAway(Verdicts):
        def verdicts(self, *asked: object) -> object:  # type: ignore[override]
            bench.redis.go(away=True)
            return super().verdicts(*asked)  # type: ignore[arg-type]

    works = RedisMessages(bench.redis.claims, assigner(GoesAway()), bench.parking, bench.redis.settings)
    with pytest.raises(redis.ConnectionError):
        works.on_work(PoolWork(claim_id))
    bench.redis.go(away=False)
    assert bench.redis.dispatched() == []
    bench.redis.claims.make_due(claim_id)
    assert bench.redis.claims.recover() == [claim_id]
    assert [bench.work.on_work(PoolWork(claim_id))["dispatched"] for _ in range(2)] == [1, 0]
    assert bench.redis.dispatched() == ["m1"]


def test_a_claim_past_its_deadline_is_begun_anew(bench: Bench) -> None:
    claim_id = bench.redis.claimed(Lane.INGRESS, document())
    assert bench.redis.claims.begin(claim_id)  # by a worker that dies
    assert bench.redis.claims.recover() == []
    bench.redis.client.zadd(KEYS.claims, {claim_id: 1})
    assert bench.redis.claims.recover() == [claim_id]
    again = bench.redis.claims.begin(claim_id)
    assert again
    assert again.attempt == 2


def test_a_message_that_was_dispatched_before_is_dropped_and_counted(bench: Bench) -> None:
    bench.work.on_work(PoolWork(bench.redis.claimed(Lane.INGRESS, document())))
    repeats = bench.redis.claimed(Lane.INGRESS, document(), document(), document(message_id="m2"))
    assert bench.work.on_work(PoolWork(repeats)) == {"dispatched": 1, "parked": 0, "duplicates": 2}


def test_a_parked_message_stays_in_the_outbox_while_sql_is_away_and_is_told_of_once(bench: Bench) -> None:
    bench.records.away = True
    claim_id = bench.redis.claimed(Lane.INGRESS, document(SENT), document(REFUSED, "b"))
    assert bench.work.on_work(PoolWork(claim_id)) == {"dispatched": 1, "parked": 1}
    assert bench.notices() == []
    with pytest.raises(StoreUnavailableError):
        bench.parking.sweep()
    bench.records.away = False
    assert (bench.parking.sweep(), bench.parking.sweep()) == (1, 0)
    assert bench.notices() == bench.records.reasons == ["NO_COMPLIANT_SENDER"]


def begun_in_vain(bench: Bench, claim_id: str, times: int) -> None:
    for _ in range(times):
        assert bench.redis.claims.begin(claim_id)


def test_a_claim_that_was_begun_too_often_is_split_and_the_one_to_blame_is_parked() -> None:
    bench = Bench(claim_attempts=2)
    claim_id = bench.redis.claimed(Lane.INGRESS, document(message_id="good"), document(message_id="bad"))
    begun_in_vain(bench, claim_id, 2)
    assert bench.work.on_work(PoolWork(claim_id)) == {"dispatched": 0, "parked": 0, "split": 2}
    assert bench.work.on_work(PoolWork(f"{claim_id}.1"))["dispatched"] == 1
    begun_in_vain(bench, f"{claim_id}.2", 1)
    assert bench.work.on_work(PoolWork(f"{claim_id}.2")) == {"dispatched": 0, "parked": 1}
    (parked,) = bench.records.kept.values()
    assert (parked.reason, parked.message_id, parked.lane) == ("RETRIES_EXHAUSTED", "bad", "smart-assign.ingress")


def test_a_document_whose_ids_cannot_be_read_is_parked_without_them_at_the_next_attempt() -> None:
    bench = Bench(claim_attempts=1)
    claim_id = bench.redis.claimed(Lane.INGRESS, document(message_id="bad"))
    begun_in_vain(bench, claim_id, 2)
    bench.work.on_work(PoolWork(claim_id))
    (parked,) = bench.records.kept.values()
    assert (parked.reason, parked.message_id) == ("RETRIES_EXHAUSTED", None)


def test_a_task_message_that_cannot_be_opened_is_parked_as_it_came(bench: Bench) -> None:
    claim_id = bench.redis.claimed(Lane.MESSAGES, b"no task")
    assert bench.work.on_work(PoolWork(claim_id)) == {"dispatched": 0, "parked": 1}
    (parked,) = bench.records.kept.values()
    assert (parked.reason, parked.document, parked.lane) == ("INVALID_MESSAGE", b"no task", "smart-assign.messages")


def test_a_task_that_celery_runs_is_handed_off_once(bench: Bench) -> None:
    assert [bench.work.on_task("t1", document())["dispatched"] for _ in range(2)] == [1, 0]
    assert bench.redis.dispatched() == ["m1"]


def test_a_task_that_must_wait_for_sql_is_tried_again_by_celery(bench: Bench) -> None:
    with pytest.raises(StoreUnavailableError):
        bench.work.on_task("t1", document(WAITS))
    bench.verdicts.away = False
    assert bench.work.on_task("t1", document(WAITS))["dispatched"] == 1


def test_a_task_that_expired_is_parked_once(bench: Bench) -> None:
    parked = [bench.work.park_task("t1", document(), ParkReason.EXPIRED, "too late")["parked"] for _ in range(2)]
    assert (parked, bench.records.reasons, bench.notices()) == ([1, 0], ["EXPIRED"], ["EXPIRED"])


def test_a_claim_that_gave_way_is_taken_up_by_the_next_claimer_and_no_failure(bench: Bench) -> None:
    claim_id = bench.redis.claimed(Lane.CAMPAIGN_INGRESS, b"batch")
    claim = bench.redis.claims.begin(claim_id)
    assert claim
    bench.redis.claims.postpone(claim)
    assert bench.redis.claims.claim(Lane.CAMPAIGNS).id == claim_id
    again = bench.redis.claims.begin(claim_id)
    assert again
    assert again.attempt == 1


def test_what_is_unknown_to_redis_is_nobodys_claim() -> None:
    assert Claims(RedisDouble().client, Settings()).begin("ingress-unknown") is None
