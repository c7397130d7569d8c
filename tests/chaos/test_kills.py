"""Children, workers and servers are killed at random moments: nothing is lost, nothing goes out twice, counts are exact.

`SMART_ASSIGN_CHAOS_KILLS` and `SMART_ASSIGN_CHAOS_AWAY_S` make a soak of it; `-s` shows what was counted.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos.conftest import AWAY_S, KILLS, OTHER, SETTINGS, StartWorkers
from tests.support.accounts import ACCOUNT, seed
from tests.support.load import BACKLOG, Came, Load, refused, told_apart
from tests.support.running_worker import QUEUES, READY_S, Deployment, RunningWorker, until
from tests.support.services import QUORUM_SETTLES_S, RabbitProcess, RedisProcess, postgres_database
from tests.support.stock_clients import delete_queues

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(300 + 10 * KILLS + 5 * AWAY_S)]

PAUSE_S = 2.0


class Killer(threading.Thread):
    """Kills a child or a whole worker, which is started again, at random moments; never one that is still starting."""

    def __init__(self, workers: list[RunningWorker], seed_number: int) -> None:
        super().__init__(daemon=True)
        self._workers, self._chance = workers, random.Random(seed_number)

    def run(self) -> None:
        for _ in range(KILLS):
            time.sleep(self._chance.uniform(0.2, PAUSE_S))
            worker = self._ready_worker()
            children = worker.children
            if children and self._chance.random() < 0.6:
                worker.kill_child(self._chance.choice(children))
            else:
                worker.kill()
                worker.start(wait=False)

    def _ready_worker(self) -> RunningWorker:
        until(lambda: any(worker.ready for worker in self._workers), READY_S, "a worker that is ready")
        return self._chance.choice([worker for worker in self._workers if worker.ready])


def run_with_kills(
    deployment: Deployment, workers: list[RunningWorker], seed_number: int, other: str = ACCOUNT
) -> Load:
    """Keep the workers busy for as long as the killer is at work."""
    killer, load = Killer(workers, seed_number), Load(deployment, other=other)
    killer.start()
    while killer.is_alive():
        load.send()
    return load


def assert_each_came(load: Load, came: list[Came]) -> None:
    """Each message came, and a repeat is recognisable: the same message has the same dispatch id."""
    assert {each.message_id for each in came} == set(load.sent)
    assert len({each.dispatch_id for each in came}) == len(load.sent)
    load.assert_counted()


def assert_each_came_once(load: Load, came: list[Came]) -> None:
    assert Counter(each.message_id for each in came) == Counter(load.sent)
    load.assert_counted()


@pytest.mark.parametrize("deadline_s", ["3", "0.02"], ids=["a claim at a time", "claims worked on twice"])
def test_it_loses_and_repeats_nothing_on_redis(
    on_redis: Deployment, safe_redis: RedisProcess, start_workers: StartWorkers, deadline_s: str
) -> None:
    # Without the window, so that it is the claims that keep a message from going out twice.
    deployment = on_redis.with_settings(idempotency_window="0", claim_deadline_s=deadline_s, claim_attempts="1000")
    workers = start_workers(deployment, 2)
    load = run_with_kills(deployment, workers, 1, other=OTHER)
    came = load.arrive()
    print(f"{KILLS} kills on Redis: {told_apart(load, came)}")
    assert_each_came_once(load, came)
    assert len(load.sent) > BACKLOG
    with safe_redis.client() as client:
        assert not client.keys("smart-assign:line*")


def test_it_survives_a_redis_that_is_killed(
    on_redis: Deployment, safe_redis: RedisProcess, start_workers: StartWorkers
) -> None:
    deployment = on_redis.with_settings(idempotency_window="0")
    start_workers(deployment, 1)
    load = Load(deployment)
    for _ in range(3):
        load.send_messages()
        load.send_batch()
        time.sleep(0.05)
        safe_redis.kill()
        assert refused(load.send_messages)
        time.sleep(AWAY_S)
        safe_redis.start()
    assert_each_came_once(load, load.arrive())


@pytest.fixture
def on_rabbitmq(own_rabbitmq: RabbitProcess, own_redis: RedisProcess, postgres_server: str) -> Iterator[Deployment]:
    with postgres_database(postgres_server) as database_url:
        seed(database_url, own_redis.url)
        deployment = Deployment(own_rabbitmq.url, own_redis.url, database_url, SETTINGS)
        yield deployment
        delete_queues(deployment, QUEUES)


@pytest.mark.postgres
def test_it_loses_nothing_on_rabbitmq(
    on_rabbitmq: Deployment, own_rabbitmq: RabbitProcess, start_workers: StartWorkers
) -> None:
    workers = start_workers(on_rabbitmq, 2)
    load = run_with_kills(on_rabbitmq, workers, 2)
    came = load.arrive()
    print(f"{KILLS} kills on RabbitMQ: {told_apart(load, came)}")
    assert_each_came(load, came)
    load.sent.clear()
    # A quorum queue that is younger has no leader after its broker was killed.
    time.sleep(max(0.0, QUORUM_SETTLES_S - KILLS))
    load.send_messages()
    load.send_batch()
    own_rabbitmq.kill()
    assert refused(load.send_messages)
    time.sleep(AWAY_S)
    own_rabbitmq.start()
    assert_each_came(load, load.arrive())
