"""Children and whole workers are killed at random moments: nothing is lost, and nothing goes out twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.accounts import message, seed
from tests.chaos.conftest import KILLS, MESSAGES, SETTINGS, StartWorkers
from tests.running_worker import QUEUES, Deployment, RunningWorker, until
from tests.services import QUORUM_SETTLES_S, RabbitProcess, RedisProcess, postgres_database
from tests.stock_clients import all_dispatched, delete_queues, push, waiting

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]


#: Sent at a time, and the most that waits to be claimed; a child is to be at work whenever it is killed.
BATCH, BACKLOG = 200, 2000
PAUSE_S = 2.0


def settled(deployment: Deployment) -> tuple[int, int]:
    return waiting(deployment, "dispatch"), waiting(deployment, "ingress")


class Killer(threading.Thread):
    """Kills a child or a whole worker, which is started again, at random moments."""

    def __init__(self, workers: list[RunningWorker], seed_number: int) -> None:
        super().__init__(daemon=True)
        self._workers, self._chance = workers, random.Random(seed_number)

    def run(self) -> None:
        for _ in range(KILLS):
            time.sleep(self._chance.uniform(0.2, PAUSE_S))
            worker = self._chance.choice(self._workers)
            children = worker.children
            if children and self._chance.random() < 0.6:
                worker.kill_child(self._chance.choice(children))
            else:
                worker.kill()
                worker.start(wait=False)


def run_with_kills(deployment: Deployment, workers: list[RunningWorker], seed_number: int) -> list[str]:
    """Keep the workers busy for as long as the killer is at work. Gives the ids sent."""
    killer, sent = Killer(workers, seed_number), []
    killer.start()
    while killer.is_alive():
        if waiting(deployment, "ingress") >= BACKLOG:
            time.sleep(0.05)
            continue
        batch = [message() for _ in range(BATCH)]
        push(deployment, batch)
        sent += [document["message_id"] for document in batch]
    return sent


def collected(deployment: Deployment, sent: list[str]) -> Counter[str]:
    """What came on the dispatch queue, once all of it has come or no more comes."""
    until(lambda: waiting(deployment, "dispatch") >= len(sent), 120, lambda: str(settled(deployment)))
    time.sleep(5)  # a second hand-off of the same message would come now
    return Counter(document["message_id"] for document in all_dispatched(deployment))


@pytest.mark.parametrize("deadline_s", ["3", "0.02"], ids=["a claim at a time", "claims worked on twice"])
def test_it_loses_and_repeats_nothing_on_redis(
    on_redis: Deployment, start_workers: StartWorkers, deadline_s: str
) -> None:
    # Without the window, so that it is the claims that keep a message from going out twice.
    deployment = on_redis.with_settings(idempotency_window="0", claim_deadline_s=deadline_s, claim_attempts="1000")
    workers = start_workers(deployment, 2)
    sent = run_with_kills(deployment, workers, 1)
    assert collected(deployment, sent) == Counter(sent)
    assert len(sent) > BACKLOG


def test_it_survives_a_redis_that_is_killed(
    on_redis: Deployment, safe_redis: RedisProcess, start_workers: StartWorkers
) -> None:
    deployment = on_redis.with_settings(idempotency_window="0")
    start_workers(deployment, 1)
    sent: list[str] = []
    for _ in range(3):
        batch = [message() for _ in range(MESSAGES // 4)]
        push(deployment, batch)
        sent += [document["message_id"] for document in batch]
        time.sleep(0.05)
        safe_redis.kill()
        time.sleep(1)
        safe_redis.start()
    assert collected(deployment, sent) == Counter(sent)


@pytest.fixture
def on_rabbitmq(own_rabbitmq: RabbitProcess, own_redis: RedisProcess, postgres_server: str) -> Iterator[Deployment]:
    with postgres_database(postgres_server) as database_url:
        seed(database_url, own_redis.url)
        deployment = Deployment(own_rabbitmq.url, own_redis.url, database_url, SETTINGS)
        yield deployment
        delete_queues(deployment, QUEUES)


@pytest.mark.postgres
def test_it_loses_nothing_on_rabbitmq(on_rabbitmq: Deployment, start_workers: StartWorkers) -> None:
    workers = start_workers(on_rabbitmq, 2)
    sent = run_with_kills(on_rabbitmq, workers, 2)
    came = collected(on_rabbitmq, sent)
    assert came.keys() == set(sent)


@pytest.mark.postgres
def test_it_survives_a_rabbitmq_that_is_restarted(
    on_rabbitmq: Deployment, own_rabbitmq: RabbitProcess, start_workers: StartWorkers
) -> None:
    start_workers(on_rabbitmq, 1)
    batch = [message() for _ in range(MESSAGES // 4)]
    sent = [document["message_id"] for document in batch]
    time.sleep(QUORUM_SETTLES_S)
    push(on_rabbitmq, batch)
    own_rabbitmq.kill()
    own_rabbitmq.start()
    until(lambda: waiting(on_rabbitmq, "dispatch") >= len(sent), 120, lambda: str(settled(on_rabbitmq)))
    time.sleep(3)
    came = all_dispatched(on_rabbitmq)
    assert {document["message_id"] for document in came} == set(sent)
    # A repeat is recognisable: the same message has the same dispatch id.
    assert len({document["dispatch_id"] for document in came}) == len(sent)
