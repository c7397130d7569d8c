"""A service is away, or a document kills whoever works on it: the rest goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from tests.chaos.conftest import AWAY_S, SETTINGS, StartWorkers
from tests.support.accounts import AU, BARE, FR, add_account, message, open_store, seed
from tests.support.running_worker import PATIENCE_S, QUEUES, Deployment, RunningWorker, until
from tests.support.services import PostgresProcess, RedisProcess
from tests.support.stock_clients import amqp_connection, delete_queues, dispatched, notices, push, waiting

#: How often a child is looked at before it is taken for stuck.
LOOKS = 8
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(240 + AWAY_S)]


@pytest.fixture(params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def beside_postgres(
    request: pytest.FixtureRequest, own_redis: RedisProcess, own_postgres: PostgresProcess
) -> Iterator[Deployment]:
    broker_url = own_redis.url if request.param == "redis" else request.getfixturevalue("rabbitmq_url")
    database_url = own_postgres.new_database()
    seed(database_url, own_redis.url)
    deployment = Deployment(broker_url, own_redis.url, database_url, SETTINGS)
    yield deployment
    if request.param == "rabbitmq":
        delete_queues(deployment, QUEUES)


def test_it_serves_known_groups_while_postgresql_is_away(
    beside_postgres: Deployment, own_postgres: PostgresProcess, start_workers: StartWorkers
) -> None:
    deployment = beside_postgres
    start_workers(deployment, 1)
    push(deployment, [message(AU)])
    dispatched(deployment, 1)
    own_postgres.kill()
    try:
        push(deployment, [*(message(AU) for _ in range(50)), message(FR), message(account_id=BARE), b"{"])
        assert {document["country"] for document in dispatched(deployment, 50)} == {"AU"}
        time.sleep(AWAY_S)
        assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (0, 0)
    finally:
        own_postgres.start()
    assert dispatched(deployment, 1)[0]["country"] == "FR"
    assert {notice["reason"] for notice in notices(deployment, 2)} == {
        "NO_COMPLIANT_SENDER",
        "INVALID_MESSAGE",
    }


@pytest.fixture(params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def cached_elsewhere(request: pytest.FixtureRequest, own_redis: RedisProcess, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment whose cache is a Redis of its own, which the test kills."""
    broker_url = request.getfixturevalue("redis_url" if request.param == "redis" else "rabbitmq_url")
    database_url = f"sqlite:///{tmp_path / 'outage.sqlite3'}"
    seed(database_url, own_redis.url)
    deployment = Deployment(broker_url, own_redis.url, database_url, SETTINGS)
    yield deployment
    if request.param == "rabbitmq":
        delete_queues(deployment, QUEUES)


def test_it_goes_on_while_the_cache_is_away(
    cached_elsewhere: Deployment, own_redis: RedisProcess, start_workers: StartWorkers
) -> None:
    deployment = cached_elsewhere
    start_workers(deployment, 1)
    push(deployment, [message(AU)])
    dispatched(deployment, 1)
    own_redis.kill()
    push(deployment, [message(to) for to in (AU, FR) for _ in range(20)])
    assert len(dispatched(deployment, 40)) == 40
    time.sleep(AWAY_S)
    own_redis.start()
    time.sleep(6)  # the breaker's pause
    push(deployment, [message(AU)])
    assert len(dispatched(deployment, 1)) == 1


@pytest.fixture(
    params=[
        pytest.param("redis", id="redis"),
        pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param("classic", marks=pytest.mark.rabbitmq, id="a classic queue, which counts no deliveries"),
    ]
)
def lockable(request: pytest.FixtureRequest, own_redis: RedisProcess, tmp_path: Path) -> Iterator[Deployment]:
    broker_url = own_redis.url if request.param == "redis" else request.getfixturevalue("rabbitmq_url")
    database_url = f"sqlite:///{tmp_path / 'poison.sqlite3'}"
    seed(database_url, own_redis.url)
    with open_store(database_url, own_redis.url) as store:
        add_account(store, "cold")
    settings = SETTINGS | {"claim_attempts": "2", "claim_deadline_s": "30"}
    deployment = Deployment(broker_url, own_redis.url, database_url, settings)
    if request.param == "classic":
        with amqp_connection(deployment) as connection:
            connection.channel().queue_declare(deployment.queue("ingress"), durable=True, auto_delete=False)
    yield deployment
    if request.param != "redis":
        delete_queues(deployment, QUEUES)


def kill_stuck_child(worker: RunningWorker, app: Celery, killed: set[int]) -> bool:
    """Kill the child that sleeps over its task, if there is one that was not killed before; a slow one is at work."""

    def active() -> dict[str, int]:
        answer = app.control.inspect(destination=[worker.name], timeout=10, limit=1).active() or {}
        return {task["id"]: task["worker_pid"] for task in answer.get(worker.name, [])}

    before = active()
    asleep = {pid for pid in before.values() if all(map(sleeps, LOOKS * [pid]))}
    # The same child too: one that has only just been given the task may not have begun it.
    stuck = {pid for task_id, pid in active().items() if before.get(task_id) == pid and pid in asleep} - killed
    for pid in stuck:
        worker.kill_child(pid)
    killed |= stuck
    return bool(stuck)


def sleeps(pid: int) -> bool:
    """Whether a process waits for something other than a processor, a moment from now."""
    time.sleep(0.1)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    except FileNotFoundError:
        return False


def test_it_parks_the_document_that_kills_its_child(lockable: Deployment, start_workers: StartWorkers) -> None:
    (worker,) = start_workers(lockable, 1)
    push(lockable, [message(AU)])
    dispatched(lockable, 1)
    # A decision that nobody has made yet must be written, and here it cannot: its child hangs, and is killed.
    lock = sqlite3.connect(lockable.database_url.removeprefix("sqlite:///"), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    neighbours, poison = [message(AU) for _ in range(10)], message(AU, account_id="cold")
    push(lockable, [*neighbours[:5], poison, *neighbours[5:]])
    app, killed = Celery(broker=lockable.broker_url), set[int]()
    # Begun as often as allowed in company, then as often alone; Redis counts the last of it with the rest.
    for _ in range(3 if lockable.on_redis else 4):
        until(lambda: kill_stuck_child(worker, app, killed), PATIENCE_S, "a stuck child")
    came = {document["message_id"] for document in dispatched(lockable, 10)}
    lock.execute("ROLLBACK")
    lock.close()
    assert came == {document["message_id"] for document in neighbours}
    (notice,) = notices(lockable, 1)
    assert (notice["reason"], waiting(lockable, "dispatch")) == ("RETRIES_EXHAUSTED", 0)
    assert (notice["message_id"], notice["account_id"]) == (poison["message_id"], "cold")
    assert worker.alive
