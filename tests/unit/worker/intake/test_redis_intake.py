"""Intake on Redis: a claim becomes a task of the own pool, and comes back where the task, the worker or Redis fails."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import redis
from celery.exceptions import ImproperlyConfigured

import worker.intake.redis as intake_on_redis
from core.process.watch import Watch
from tests.support.celery_doubles import Consumer
from worker.configuration import Configured
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK
from worker.intake.redis import RedisIntake
from worker.redis_broker.claims import Claimed, Lane
from worker.redis_broker.parts import RedisBroker
from worker.settings import Settings


class Lanes:
    """What waits to be claimed on each lane; Redis may be `away`."""

    def __init__(self) -> None:
        self.waiting: dict[Lane, deque[Claimed]] = {lane: deque() for lane in Lane}
        self.due: list[str] = []
        self.away = False

    def arrive(self, lane: Lane, *numbers: int) -> None:
        self.waiting[lane].extend(Claimed(f"{lane}-{number}", 3) for number in numbers)

    def claim(self, lane: Lane, *, lines_first: bool = False) -> Claimed:
        if self.away:
            raise redis.ConnectionError
        return self.waiting[lane].popleft() if self.waiting[lane] else Claimed("", 0)

    def part(self, lane: Lane) -> bool:
        raise AssertionError(lane)

    def wait_for(self, lane: Lane, timeout_s: float) -> bool:
        time.sleep(0.005)
        return False

    def make_due(self, claim_id: str) -> None:
        if self.away:
            raise redis.ConnectionError
        self.due.append(claim_id)


class OfLanes(RedisBroker):
    """A broker whose claims are a double."""

    def __init__(self, lanes: Lanes) -> None:
        vars(self)["claims"] = lanes


@pytest.fixture
def lanes() -> Lanes:
    return Lanes()


@pytest.fixture
def consumer() -> Consumer:
    return Consumer(children=2)


@pytest.fixture
def intake(lanes: Lanes, consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisIntake]:
    parts = SimpleNamespace(broker=OfLanes(lanes), watch=Watch())
    monkeypatch.setattr(intake_on_redis, "runtime", lambda: parts)
    monkeypatch.setattr(intake_on_redis, "configured", lambda: Configured(Settings(), None))  # type: ignore[arg-type]
    monkeypatch.setattr(intake_on_redis, "WAIT_S", 0.05)
    step = RedisIntake(consumer)
    assert step.include_if(consumer)
    yield step
    lanes.away = False
    step.stop(consumer)


def until(holds: Callable[[], bool], consumer: Consumer) -> None:
    """Turn the event loop until something holds."""
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        assert consumer.hub
        for read in list(consumer.hub.readers.values()):
            read()
        time.sleep(0.002)


def test_a_claim_of_each_lane_becomes_a_task_of_the_pool(intake: RedisIntake, lanes: Lanes, consumer: Consumer) -> None:
    for lane in Lane:
        lanes.arrive(lane, 1)
    intake.start(consumer)
    until(lambda: len(consumer.started) == 3, consumer)  # of two children, campaigns may have one
    tasks = {(each.task, each.args[0].partition("-")[0], each.args[1]) for each in consumer.started}
    singles = {(WORK_TASK, "ingress", 3), (WORK_TASK, "messages", 3)}
    assert singles < tasks
    assert [task for task, _, _ in tasks - singles] == [BATCH_TASK]


def test_it_claims_no_more_than_the_pool_has_room_for(intake: RedisIntake, lanes: Lanes, consumer: Consumer) -> None:
    lanes.arrive(Lane.INGRESS, *range(6))
    intake.start(consumer)
    until(lambda: len(consumer.started) == 3, consumer)  # one for each child and one that waits
    time.sleep(0.05)
    assert len(lanes.waiting[Lane.INGRESS]) == 3
    consumer.started[0].ends()
    until(lambda: len(consumer.started) == 4, consumer)
    assert lanes.due == []


def test_a_claim_whose_task_failed_is_due_at_once(intake: RedisIntake, lanes: Lanes, consumer: Consumer) -> None:
    lanes.arrive(Lane.INGRESS, 1)
    intake.start(consumer)
    until(lambda: len(consumer.started) == 1, consumer)
    consumer.started[0].fails()
    until(lambda: lanes.due == ["ingress-1"], consumer)


def test_a_worker_that_is_told_to_go_gives_back_what_has_not_ended(
    intake: RedisIntake, lanes: Lanes, consumer: Consumer
) -> None:
    lanes.arrive(Lane.INGRESS, 1, 2)
    intake.start(consumer)
    until(lambda: len(consumer.started) == 2, consumer)
    consumer.started[0].ends()
    intake.stop_intake(consumer)
    lanes.arrive(Lane.INGRESS, 3)
    intake.give_back(consumer)
    assert (lanes.due, len(lanes.waiting[Lane.INGRESS])) == (["ingress-2"], 1)
    assert consumer.hub
    assert consumer.hub.readers == {}


def test_a_worker_that_lost_its_connection_leaves_its_pool_alone(
    intake: RedisIntake, lanes: Lanes, consumer: Consumer
) -> None:
    lanes.arrive(Lane.INGRESS, 1)
    intake.start(consumer)
    until(lambda: len(consumer.started) == 1, consumer)
    intake.stop(consumer)
    assert lanes.due == []
    lanes.arrive(Lane.INGRESS, 2)
    intake.start(consumer)
    until(lambda: len(consumer.started) == 2, consumer)
    consumer.started[0].ends()  # of the time before


def test_with_redis_away_at_the_end_claims_wait_for_their_deadline(
    intake: RedisIntake, lanes: Lanes, consumer: Consumer
) -> None:
    lanes.arrive(Lane.INGRESS, 1)
    intake.start(consumer)
    until(lambda: len(consumer.started) == 1, consumer)
    intake.stop_intake(consumer)
    lanes.away = True
    intake.give_back(consumer)
    assert lanes.due == []


def test_it_takes_no_pool_that_has_no_event_loop(intake: RedisIntake) -> None:
    with pytest.raises(ImproperlyConfigured, match="prefork, threads and solo"):
        intake.start(Consumer(hub=None))


def test_it_runs_only_where_claims_are_consumed(intake: RedisIntake) -> None:
    assert not intake.include_if(Consumer(consumed=("celery",)))
