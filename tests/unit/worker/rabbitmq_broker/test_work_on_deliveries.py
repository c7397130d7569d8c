"""Work on deliveries of single messages: parked, published, then remembered; and what happens without SQL or Redis."""

from __future__ import annotations

from typing import Any

import pytest

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
    document,
)
from worker.handoff.broker import PoolWork
from worker.handoff.errors import NotConfirmedError
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.messages import RabbitMessages

DISPATCH, PARKED, INGRESS = "smart-assign.dispatch", "smart-assign.parked", "smart-assign.ingress"


class Bench:
    """Work on deliveries, and all that it stands between."""

    def __init__(self) -> None:
        self.redis, self.records, self.verdicts, self.broker = RedisDouble(), ParkedRecords(), Verdicts(), Broker()
        self.marks = Marks(self.redis.client, self.redis.settings, self._must_not_wait)
        self.slept: list[float] = []
        self.work = RabbitMessages(
            assigner(self.verdicts),
            self.records,
            self.broker,
            self.marks,
            self.redis.settings,
            earlier=EarlierWork(self.redis.client, self.redis.settings),
            clock=lambda: NOW,
            sleep=self.slept.append,
        )

    def _must_not_wait(self, _: float) -> None:
        raise AssertionError("waited for a mark")

    def on(self, *documents: bytes, **fields: Any) -> dict[str, int]:
        return dict(self.work.on_work(PoolWork("delivery-1", documents, **fields)))

    def dispatched(self) -> int:
        return len(self.broker.on(DISPATCH))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_parks_publishes_and_remembers(bench: Bench) -> None:
    assert bench.on(document(), document(REFUSED, "b")) == {"dispatched": 1, "parked": 1}
    assert (bench.dispatched(), len(bench.broker.on(PARKED))) == (1, 1)
    assert bench.records.reasons == ["NO_COMPLIANT_SENDER"]
    assert bench.on(document(), document(message_id="m2")) == {"dispatched": 1, "parked": 0, "duplicates": 1}


def test_what_must_wait_for_sql_is_enqueued_again_after_a_pause(bench: Bench) -> None:
    waiting = document(WAITS, "c")
    assert bench.on(document(), waiting) == {"dispatched": 1, "parked": 0, "deferred": 1}
    assert ([each.body for each in bench.broker.on(INGRESS)], bench.slept) == ([waiting], [1.0])


def test_what_cannot_be_parked_while_sql_is_away_is_enqueued_again_and_the_rest_goes_out(bench: Bench) -> None:
    bench.records.away = True
    refused = document(REFUSED, "b")
    assert bench.on(document(), refused) == {"dispatched": 1, "parked": 0, "deferred": 1}
    assert [each.body for each in bench.broker.on(INGRESS)] == [refused]
    assert bench.broker.on(PARKED) == []


def test_nothing_is_remembered_that_was_not_confirmed(bench: Bench) -> None:
    bench.broker.fails = True
    with pytest.raises(NotConfirmedError):
        bench.on(document())
    bench.broker.fails = False
    assert bench.on(document(), redelivered=[0]) == {"dispatched": 1, "parked": 0}


def test_with_redis_away_messages_go_out_and_repeats_pass(bench: Bench) -> None:
    bench.redis.go(away=True)
    assert [bench.on(document())["dispatched"] for _ in range(2)] == [1, 1]
    assert [bench.work.on_task("t1", document(message_id="m2"))["dispatched"] for _ in range(2)] == [1, 1]


def test_a_delivery_that_came_too_often_is_parked_with_its_ids_read_once(bench: Bench) -> None:
    assert bench.on(document(message_id="bad"), exhausted=1) == {"dispatched": 0, "parked": 1}
    bench.records.kept.clear()
    bench.on(document(message_id="bad"), exhausted=2)
    assert [each.message_id for each in bench.records.kept.values()] == [None]
    assert bench.records.reasons == ["RETRIES_EXHAUSTED"]


def test_what_cannot_be_opened_is_parked_as_it_came_and_waits_for_sql(bench: Bench) -> None:
    errors = [FieldError("headers.task", "is unknown"), FieldError("properties", "cannot be read")]
    bench.records.away = True
    for fields in ({"refused": errors}, {"exhausted": 1}):
        with pytest.raises(StoreUnavailableError):
            bench.on(b"1", b"2", **fields)
    assert bench.broker.published == []
    bench.records.away = False
    assert bench.on(b"1", b"2", refused=errors)["parked"] == 2
    assert {each.document: each.fields[0].field for each in bench.records.kept.values()} == {
        b"1": "headers.task",
        b"2": "properties",
    }


def test_a_task_that_celery_runs_is_handed_off_once(bench: Bench) -> None:
    assert bench.work.on_task("t1", document()) == {"dispatched": 1, "parked": 0}
    assert bench.work.on_task("t1", document()) == {"dispatched": 0, "parked": 0, "settled_before": 1}


@pytest.mark.parametrize("to", [WAITS, REFUSED], ids=["its decision", "its record"])
def test_a_task_that_waits_for_sql_is_tried_again_by_celery(bench: Bench, to: str) -> None:
    bench.records.away = True
    with pytest.raises(StoreUnavailableError):
        bench.work.on_task("t1", document(to))
    assert bench.broker.published == []
    bench.records.away = bench.verdicts.away = False
    assert sum(bench.work.on_task("t1", document(to)).values()) == 1


def test_a_task_that_expired_is_parked(bench: Bench) -> None:
    assert bench.work.park_task("t1", document(), ParkReason.EXPIRED, "too late") == {"dispatched": 0, "parked": 1}
    assert bench.records.reasons == ["EXPIRED"]


def test_two_copies_in_one_batch_are_one_dispatch(bench: Bench) -> None:
    assert bench.on(document(SENT), document(SENT)) == {"dispatched": 1, "parked": 0, "duplicates": 1}


def test_a_mark_that_another_holds_is_waited_for() -> None:
    double = RedisDouble()
    other = Marks(double.client, double.settings)
    marks = [b"1".ljust(14), b"2".ljust(14)]
    assert other.reserve(marks[:1]) == set()
    ends = iter([lambda: other.remember(marks[:1])])
    assert Marks(double.client, double.settings, lambda _: next(ends)()).reserve(marks) == {0}


def test_redis_that_goes_away_while_marks_are_waited_for_holds_nobody_up() -> None:
    double = RedisDouble()
    Marks(double.client, double.settings).reserve([b"1".ljust(14)])
    marks = Marks(double.client, double.settings, lambda _: double.go(away=True))
    assert marks.reserve([b"1".ljust(14)]) == set()
